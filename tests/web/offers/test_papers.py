"""What offers look like on paper, their documents, owners and files of the list (CB-17)."""

from __future__ import annotations

import io
import re
from http import HTTPStatus

import pytest
from PIL import Image

from app.core import db
from app.identity.models import UserKind, UserType
from app.notifications.models import MailAttachment, OutboundMail
from app.notifications.services import MailTemplate
from app.orders.offers.models import Offer, OfferDocument, OfferTemplate
from tenants.context import scope
from tests.factories.execution import all_of
from tests.factories.world import World, make_user
from tests.web.conftest import signed_in_browser
from tests.web.offers.test_pages import JSON, bss, key_of, link, number, visitor

__all__ = ("bss", "key_of", "link", "number", "visitor")
PAGE = "/bss/offer-templates/en"
WORDS = {"title": "Proposal {{number}}", "introduction": "Dear {{contact}}", "terms": "Valid until {{valid_until}}."}
PDF = b"%PDF-1.7 contract"


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (200, 60), "#2353d6").save(out, "PNG")
    return out.getvalue()


def file(name: str, content: bytes) -> dict[str, object]:
    return {"file": (io.BytesIO(content), name)}


def rows(world: World, model: type) -> list:
    with scope(world.scope):
        return all_of(db.session, model)


def test_a_template_is_what_the_customer_reads(bss, visitor, world, link):
    """CB-17: editable, with merge fields and a logo; an offer's own introduction comes first."""
    saved = bss.post(PAGE, data={**WORDS, "shows_tax": "", "logo": (io.BytesIO(picture()), "logo.png")})
    assert saved.status_code == HTTPStatus.SEE_OTHER, saved.text
    shown = visitor.get(link).text
    assert "Proposal OF-2026-" in shown
    assert "As discussed." in shown
    assert "Dear" not in shown
    assert "Valid until" in shown
    assert "Tax" not in shown
    (kept,) = rows(world, OfferTemplate)
    assert Image.open(io.BytesIO(kept.logo)).format == "WEBP"
    with_logo, without = (bss.get(f"{PAGE}/pdf").data, "")
    assert with_logo.startswith(b"%PDF")
    assert b"/Image" in with_logo
    bss.post(PAGE, data={**WORDS, "removes_logo": "y"})
    without = bss.get(f"{PAGE}/pdf").data
    assert b"/Subtype /Image" not in without
    assert rows(world, OfferTemplate)[0].logo is None


def test_a_preview_keeps_nothing(bss, world):
    preview = bss.post(PAGE, data={**WORDS, "do": "preview"})
    assert preview.data.startswith(b"%PDF")
    assert rows(world, OfferTemplate) == []
    for path in ("/bss/offer-templates", PAGE):
        assert bss.get(path).status_code == HTTPStatus.OK


@pytest.mark.parametrize(
    ("typed", "words"),
    [({"title": ""}, "Enter a title"), ({"title": "x" * 121}, "at most 120"), ({"terms": "{{cost}}"}, "{{cost}}"),
     ({"introduction": "x" * 8001}, "at most 8000")],
)  # fmt: skip
@pytest.mark.parametrize("do", ["", "preview"])
def test_a_wrong_template_is_told_at_its_field(bss, world, typed, words, do):
    refused = bss.post(PAGE, data={**WORDS, **typed, "do": do})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in refused.text
    assert rows(world, OfferTemplate) == []


def test_a_logo_is_a_picture_and_a_language_is_spoken(bss, world):
    refused = bss.post(PAGE, data={**WORDS, "logo": (io.BytesIO(b"<svg onload=alert(1)>"), "logo.png")})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert bss.post("/bss/offer-templates/xx", data=WORDS).status_code == HTTPStatus.NOT_FOUND
    assert rows(world, OfferTemplate) == []


def test_each_paper_is_kept_as_it_was_shared(bss, world, number, link):
    """CB-17, documents: one of each state that went out; it is not removed."""
    (first,) = rows(world, OfferDocument)
    assert (first.is_paper, first.content[:4]) == (True, b"%PDF")
    gone = bss.post(f"/bss/offers/{number}/documents/{first.id}/remove", headers=JSON)
    assert gone.status_code == HTTPStatus.CONFLICT
    answer = bss.get(f"/bss/offers/{number}/documents/{first.id}")
    assert answer.data == first.content
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "As it was shared" in bss.get(f"/bss/offers/{number}").text


def test_a_file_is_added_read_and_removed(bss, visitor, world, number, link):
    added = bss.post(f"/bss/offers/{number}/documents", data=file("../Contract.pdf", PDF))
    assert added.status_code == HTTPStatus.SEE_OTHER, added.text
    found = next(each for each in rows(world, OfferDocument) if not each.is_paper)
    assert (found.name, found.content) == ("Contract.pdf", PDF)
    assert "Contract.pdf" not in visitor.get(link).text
    assert bss.post(f"/bss/offers/{number}/documents/{found.id}/remove").status_code == HTTPStatus.SEE_OTHER
    assert bss.get(f"/bss/offers/{number}/documents/{found.id}").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(
    ("name", "content"),
    [("run.exe", b"MZ"), ("page.pdf", b"<html>"), ("page.html", PDF), ("big.pdf", PDF + b"x" * 10 * 1024 * 1024), ("", b"")],
)  # fmt: skip
def test_a_file_is_checked_by_content_and_size(bss, world, number, name, content):
    refused = bss.post(f"/bss/offers/{number}/documents", data=file(name, content))
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert rows(world, OfferDocument) == []


@pytest.fixture
def seller(app, session, world: World):
    """Another account manager, with a browser."""
    with scope(world.scope):
        person = make_user(
            session, None, kind=UserKind.BSS, realms=(world.id,), first_name="Mia", type=UserType.USER, roles=("sales",)
        )
        session.commit()
        session.expunge(person)
    browser = app.test_client()
    browser.host = world.host
    return person, signed_in_browser(browser, world, person)


def test_an_administrator_gives_an_offer_to_somebody_else(bss, world, number, seller):
    person, browser = seller
    path = f"/bss/offers/{number}"
    assert browser.get(path).status_code == HTTPStatus.NOT_FOUND
    assert browser.get(f"{path}/documents/{world.id}").status_code == HTTPStatus.NOT_FOUND
    stranger = bss.save(f"{path}/edit", data={"owner": str(world.direct_buyer.id)})
    assert stranger.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert (
        bss.save(f"{path}/edit", data={"owner": str(person.id), "language": "en"}).status_code == HTTPStatus.SEE_OTHER
    )
    assert browser.get(path).status_code == HTTPStatus.OK
    assert rows(world, Offer)[0].owner_id == person.id
    browser.save(f"{path}/edit", data={"owner": str(world.bss_user.id)})
    assert rows(world, Offer)[0].owner_id == person.id
    listed = bss.get(f"/bss/offers?owner={world.bss_user.id}").text
    assert number not in listed
    assert number in bss.get(f"/bss/offers?owner={person.id}").text


def test_the_list_is_a_file(bss, world, number):
    answer = bss.get("/bss/offers?format=csv&type=in_progress")
    assert answer.mimetype == "text/csv"
    assert re.search(rf"{number},.*{world.direct.name}.*50\.00", answer.text)
    assert number not in bss.get("/bss/offers?format=csv&type=accepted").text


def test_one_status_of_a_type_is_its_default(bss, world, number):
    """CB-17: offers stand there, whatever the numbers say; one that is off cannot be it."""
    hot = {
        "number": "90",
        "name": "Hot",
        "type": "in_progress",
        "is_active": "y",
        "description": "Call back",
        "is_default": "y",
    }
    assert bss.post("/bss/offer-statuses/new", data=hot).status_code == HTTPStatus.SEE_OTHER
    assert "Hot" in bss.get(f"/bss/offers/{number}").text
    assert "Call back" in bss.get("/bss/offer-statuses").text
    off = {**hot, "name": "Cold", "is_active": ""}
    assert bss.post("/bss/offer-statuses/new", data=off).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    warm = {**hot, "name": "Warm"}
    assert bss.post("/bss/offer-statuses/new", data=warm).status_code == HTTPStatus.SEE_OTHER
    assert "Warm" in bss.get(f"/bss/offers/{number}").text


def test_what_is_shared_goes_with_the_mail(bss, world, link, number):
    """CB-17: e-mail link + PDF; the paper in the mail is the one that is kept."""
    (mail,) = [each for each in rows(world, OutboundMail) if each.template == MailTemplate.OFFER_SENT.value]
    (attached,), (kept,) = rows(world, MailAttachment), rows(world, OfferDocument)
    assert (mail.attachment_id, attached.name, attached.content) == (attached.id, f"{number}.pdf", kept.content)
