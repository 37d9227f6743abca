from __future__ import annotations

import re
from http import HTTPStatus

import pytest

from app.core import db
from app.identity.models import UserKind, UserType
from app.orders.models import Order
from app.orders.offers.models import Offer, OfferItem, OfferType
from tenants.context import scope
from tests.factories.execution import all_of
from tests.factories.world import World, make_user
from tests.web.conftest import signed_in_browser

JSON = {"Accept": "application/json"}


def key_of(product) -> str:
    return f"{product.id}:P1M:monthly"


@pytest.fixture
def bss(sign_in, world: World):
    """An administrator of the back office."""
    return sign_in(world.bss_user)


@pytest.fixture
def number(bss, world: World) -> str:
    """An offer of five seats for the direct customer."""
    made = bss.post(f"/bss/offers/new/{world.direct.id}", data={"introduction": "As discussed."})
    assert made.status_code == HTTPStatus.SEE_OTHER, made.text
    found = str(made.headers["Location"]).split("/")[-2]
    added = bss.post(f"/bss/offers/{found}/items/new", data={"key": key_of(world.seats), "quantity": "5"})
    assert added.status_code == HTTPStatus.SEE_OTHER, added.text
    return found


@pytest.fixture
def link(bss, number: str) -> str:
    """The path of the offer's share link."""
    assert bss.post(f"/bss/offers/{number}/share").status_code == HTTPStatus.SEE_OTHER
    found = re.search(r"https?://[^/]+(/offers/[\w-]+)", bss.get(f"/bss/offers/{number}").text)
    assert found
    return found.group(1)


@pytest.fixture
def visitor(app, world: World):
    """Somebody with nothing but the link."""
    browser = app.test_client()
    browser.host = world.host
    return browser


def seen_by(visitor, link: str) -> str:
    """Return the version of the offer that a page of it names."""
    found = re.search(r'name="seen"[^>]* value="([^"]+)"', visitor.get(link).text)
    assert found
    return found.group(1)


def offer_of(world: World, number: str) -> Offer:
    with scope(world.scope):
        return next(each for each in all_of(db.session, Offer) if each.number == number)


def test_an_offer_from_start_to_order(bss, visitor, world, number, link):
    """CB-F48, CB-F50: shared, read without sign-in, accepted, converted; converting again answers 409."""
    shown = visitor.get(link)
    assert shown.status_code == HTTPStatus.OK
    for words in (number, "As discussed.", world.seats.name, "50.00", "Accept offer"):
        assert words in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    assert "noindex" in shown.headers["X-Robots-Tag"]
    assert bss.post(f"/bss/offers/{number}/convert", headers=JSON).status_code == HTTPStatus.CONFLICT
    accepted = visitor.post(link, data={"decision": "accept", "name": "Ada Buyer", "seen": seen_by(visitor, link)})
    assert accepted.status_code == HTTPStatus.SEE_OTHER
    assert "Accept offer" not in visitor.get(link).text
    converted = bss.post(f"/bss/offers/{number}/convert")
    assert "/bss/orders/SO-" in converted.headers["Location"]
    assert bss.get(str(converted.headers["Location"])).status_code == HTTPStatus.OK
    assert bss.post(f"/bss/offers/{number}/convert", headers=JSON).status_code == HTTPStatus.CONFLICT
    with scope(world.scope):
        assert len(all_of(db.session, Order)) == 1


def test_the_link_gives_a_pdf_and_nothing_of_the_distributors_costs(visitor, world, link):
    paper = visitor.get(f"{link}/pdf")
    assert paper.mimetype == "application/pdf"
    assert paper.data.startswith(b"%PDF")
    assert "8.00" not in visitor.get(link).text  # what the vendor asks


def test_a_wrong_link_is_not_found_and_none_works_under_an_alias(visitor, world, number, link):
    """CB-F50: unguessable, and the distributor's alone."""
    for path in (f"{link}x", link[:-1], f"/offers/{number}", "/offers/" + "x" * 300, f"/techsolutions{link}"):
        assert visitor.get(path).status_code == HTTPStatus.NOT_FOUND
        assert visitor.post(path, data={"decision": "accept", "name": "Eve"}).status_code == HTTPStatus.NOT_FOUND
        assert visitor.get(f"{path}/pdf").status_code == HTTPStatus.NOT_FOUND
    assert offer_of(world, number).type is OfferType.IN_PROGRESS


@pytest.mark.parametrize(
    "typed", [{}, {"decision": "accept"}, {"decision": "accept", "name": " "}, {"decision": "maybe", "name": "Ada"},
              {"decision": "accept", "name": "x" * 201}, {"decision": "refuse", "name": "Ada", "reason": "x" * 501}]
)  # fmt: skip
def test_a_decision_that_is_none_changes_nothing(visitor, world, number, link, typed):
    assert visitor.post(link, data=typed).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert offer_of(world, number).type is OfferType.IN_PROGRESS


def test_a_customer_declines(bss, visitor, world, number, link):
    declined = visitor.post(link, data={"decision": "refuse", "name": "Ada", "reason": "Too dear"})
    assert "declined" in declined.text
    assert visitor.get(link).status_code == HTTPStatus.NOT_FOUND
    assert "Too dear" in bss.get(f"/bss/offers/{number}").text


def test_the_key_of_a_form_makes_a_second_submit_harmless(bss, world):
    """GO-02: the same key makes one offer, one item and one copy; other words with it are refused."""
    page = bss.get(f"/bss/offers/new/{world.direct.id}").text
    key = re.search(r'name="request_key"[^>]* value="([^"]+)"', page)
    assert key
    data = {"request_key": key.group(1), "name": "Spring"}
    first, second = (bss.post(f"/bss/offers/new/{world.direct.id}", data=data) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    other = bss.post(f"/bss/offers/new/{world.direct.id}", data={**data, "name": "Autumn"})
    assert other.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    number = str(first.headers["Location"]).split("/")[-2]
    item = {"request_key": key.group(1), "key": key_of(world.seats), "quantity": "2"}
    for _ in range(2):
        bss.post(f"/bss/offers/{number}/items/new", data=item)
        bss.post(f"/bss/offers/{number}/copy", data={"request_key": key.group(1)})
    with scope(world.scope):
        assert len(all_of(db.session, Offer)) == 2
        assert len(all_of(db.session, OfferItem)) in (1, 2)
        assert [item.quantity for item in all_of(db.session, OfferItem)][:1] == [2]


@pytest.mark.parametrize(
    ("field", "typed"),
    [("quantity", "0"), ("quantity", "abc"), ("user_price", "-1"), ("user_price", "abc"), ("discount_percent", "100.5"),
     ("discount_percent", "-1"), ("friendly_name", "x" * 101)],
)  # fmt: skip
def test_what_an_item_cannot_be(bss, world, number, field, typed):
    answer = bss.post(
        f"/bss/offers/{number}/items/new", data={"key": key_of(world.suite), "quantity": "1", field: typed}
    )
    with scope(world.scope):
        assert len(all_of(db.session, OfferItem)) == 1
    wrong_product = bss.post(
        f"/bss/offers/{number}/items/new", data={"key": key_of(world.seats), "quantity": "1", field: typed}
    )
    assert {answer.status_code, wrong_product.status_code} == {HTTPStatus.UNPROCESSABLE_ENTITY}


@pytest.mark.parametrize(
    ("field", "typed"), [("valid_until", "2020-01-01"), ("valid_until", "soon"), ("contact_email", "nobody")]
)
def test_what_an_offer_cannot_say(bss, world, number, field, typed):
    assert bss.save(f"/bss/offers/{number}/edit", data={field: typed}).status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def test_an_empty_offer_cannot_be_shared(bss, world):
    """CB-17: 422."""
    made = bss.post(f"/bss/offers/new/{world.direct.id}", data={})
    number = str(made.headers["Location"]).split("/")[-2]
    assert bss.post(f"/bss/offers/{number}/share").status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert offer_of(world, number).sent_at is None


def test_an_account_manager_sees_own_offers_and_needs_approval_above_the_ceiling(app, session, bss, world, number):
    """CB-17, CB-44: somebody else's offer is 404; above 15 % an administrator approves before it is shared."""
    with scope(world.scope):
        seller = make_user(
            session, None, kind=UserKind.BSS, realms=(world.id,), first_name="Mia", type=UserType.USER, roles=("sales",)
        )
        session.commit()
    browser = app.test_client()
    browser.host = world.host
    mia = signed_in_browser(browser, world, seller)
    assert mia.get(f"/bss/offers/{number}").status_code == HTTPStatus.NOT_FOUND
    assert number not in mia.get("/bss/offers").text
    own = str(mia.post(f"/bss/offers/new/{world.direct.id}", data={}).headers["Location"]).split("/")[-2]
    item = {"key": key_of(world.seats), "quantity": "1", "discount_percent": "16"}
    assert mia.post(f"/bss/offers/{own}/items/new", data=item).status_code == HTTPStatus.SEE_OTHER
    assert mia.post(f"/bss/offers/{own}/share", headers=JSON).status_code == HTTPStatus.CONFLICT
    assert mia.post(f"/bss/offers/{own}/approve", headers=JSON).status_code == HTTPStatus.FORBIDDEN
    assert bss.post(f"/bss/offers/{own}/approve").status_code == HTTPStatus.SEE_OTHER
    assert mia.post(f"/bss/offers/{own}/share").status_code == HTTPStatus.SEE_OTHER
    assert offer_of(world, own).sent_at is not None


def test_pages_of_an_offer(bss, world, number, link):
    """Each page opens, printed as PDF too; a discount is told."""
    bss.post(
        f"/bss/offers/{number}/items/new",
        data={"key": key_of(world.seats), "quantity": "1", "discount_percent": "12.5"},
    )
    assert "12.5 % less" in bss.get(f"/bss/offers/{number}").text
    with scope(world.scope):
        item = all_of(db.session, OfferItem)[0]
    for path in (
        "", "/new", f"/new/{world.direct.id}", f"/{number}", f"/{number}/edit", f"/{number}/products?q=contoso",
        f"/{number}/items/{item.id}", f"/{number}/items/new?key={key_of(world.seats)}", f"/{number}/status",
    ):  # fmt: skip
        assert bss.get(f"/bss/offers{path}").status_code == HTTPStatus.OK, path
    assert bss.get(f"/bss/offers/{number}/pdf").data.startswith(b"%PDF")
    assert "/bss/offers" in bss.get("/bss/").text


def test_offer_statuses_are_set_up(bss, world):
    """CB-F49: the last active status of a type cannot be removed: 409."""
    assert bss.get("/bss/offer-statuses").status_code == HTTPStatus.OK
    off = bss.save("/bss/offer-statuses/canceled", data={"number": "10", "name": "Lost"}, headers=JSON)
    gone = bss.post("/bss/offer-statuses/canceled/delete", headers=JSON)
    assert (off.status_code, gone.status_code) == (HTTPStatus.CONFLICT, HTTPStatus.CONFLICT)
    added = bss.post(
        "/bss/offer-statuses/new", data={"number": "20", "name": "Too dear", "type": "canceled", "is_active": "y"}
    )
    assert added.status_code == HTTPStatus.SEE_OTHER
    off = bss.save("/bss/offer-statuses/canceled", data={"number": "10", "name": "Lost"})
    assert off.status_code == HTTPStatus.SEE_OTHER
    assert bss.post("/bss/offer-statuses/new", data={"number": "0", "name": ""}).status_code == 422


def test_nobody_accepts_another_price_than_the_one_they_have_read(bss, visitor, world, number, link):
    """CB-17: what changed between reading and accepting is shown, not agreed to; then it can be accepted."""
    seen = seen_by(visitor, link)
    with scope(world.scope):
        (item,) = all_of(db.session, OfferItem)
    changed = bss.save(f"/bss/offers/{number}/items/{item.id}", data={"quantity": "50"})
    assert changed.status_code == HTTPStatus.SEE_OTHER
    for stale in (seen, ""):
        refused = visitor.post(link, data={"decision": "accept", "name": "Ada Buyer", "seen": stale})
        assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "changed while you read it" in refused.text
        assert "500.00" in refused.text
        assert offer_of(world, number).type is OfferType.IN_PROGRESS
    again = re.search(r'name="seen"[^>]* value="([^"]+)"', refused.text)
    assert again
    accepted = visitor.post(link, data={"decision": "accept", "name": "Ada Buyer", "seen": again.group(1)})
    assert accepted.status_code == HTTPStatus.SEE_OTHER
    assert offer_of(world, number).type is OfferType.ACCEPTED


def test_of_two_browsers_that_accept_one_does_and_the_other_reads_so(visitor, world, number, link):
    data = {"decision": "accept", "name": "Ada Buyer", "seen": seen_by(visitor, link)}
    assert visitor.post(link, data=data).status_code == HTTPStatus.SEE_OTHER
    second = visitor.post(link, data={**data, "name": "Bob"}, headers={"Referer": f"http://{world.host}{link}"})
    assert second.status_code == HTTPStatus.SEE_OTHER
    assert offer_of(world, number).decided_by_name == "Ada Buyer"
    assert "Accepted" in visitor.get(link).text
