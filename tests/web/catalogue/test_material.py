"""What a product's page explains it by: questions with answers, and a gallery (SF-21)."""

from __future__ import annotations

import io
import re
from http import HTTPStatus

import pytest
from PIL import Image
from sqlalchemy import func, select

from app.audit.services import SYSTEM
from app.catalogue import material
from app.catalogue.attachments.models import GalleryPicture, ProductQuestion, StoredImage
from app.catalogue.material import Question
from app.core.ids import new_id
from tenants.context import scope
from tests.factories.world import MONDAY_NOON, make_product, make_world
from tests.web.storefront.steps import ALIAS

TWO = {
    "question-0": "Is it <b>safe</b>?", "answer-0": "Yes.\nVery.", "question-1": "Since when?", "answer-1": "2019",
    "question-2": " ", "answer-2": "",
}  # fmt: skip


@pytest.fixture
def staff(sign_in, world):
    return sign_in(world.bss_user)


@pytest.fixture
def path(world) -> str:
    return f"/bss/products/{world.seats.id}"


def drawn(colour: str = "red") -> tuple[io.BytesIO, str]:
    """A picture as a browser sends it."""
    out = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(out, "PNG")
    out.seek(0)
    return out, "picture.png"


def add(staff, path: str, words: str, **other):
    return staff.post(f"{path}/gallery", data={"picture": drawn(), "words": words, **other})


def gallery(session, world) -> list[GalleryPicture]:
    with scope(world.scope):
        return list(material.gallery_of(world.seats.id))


def counts(session, world) -> tuple[int, ...]:
    with scope(world.scope):
        return tuple(
            session.scalar(select(func.count()).select_from(model)) or 0
            for model in (ProductQuestion, GalleryPicture, StoredImage)
        )


def test_questions_stand_on_the_products_page_in_their_order(staff, session, world, path, sign_in):
    """SF-21: plain text at the root and under an alias; rows without anything are left out."""
    assert staff.save(f"{path}/material", data=TWO).status_code == HTTPStatus.SEE_OTHER

    with scope(world.scope):
        assert [each.question for each in material.questions_of(world.seats.id)] == [
            "Is it <b>safe</b>?",
            "Since when?",
        ]
    for buyer, shop in ((world.direct_buyer, ""), (world.tech.buyers[0], ALIAS)):
        page = sign_in(buyer).get(f"{shop}/product/{world.seats.slug}").text
        assert page.index("Is it &lt;b&gt;safe&lt;/b&gt;?") < page.index("Since when?")
        assert "Questions and answers" not in sign_in(buyer).get(f"{shop}/product/{world.suite.slug}").text


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"question-0": "Why?"}, "Write a question and its answer"),
        ({"answer-0": "So"}, "Write a question and its answer"),
        ({"question-0": "x" * 201, "answer-0": "So"}, "at most 200"),
        ({"question-0": "Why?", "answer-0": "x" * 2001}, "at most 2000"),
        ({f"{each}-{number}": "x" for number in range(31) for each in ("question", "answer")}, "at most 30"),
    ],
    ids=["no-answer", "no-question", "long-question", "long-answer", "too-many"],
)
def test_wrong_questions_come_back_and_nothing_is_kept(staff, session, world, path, typed, words):
    staff.save(f"{path}/material", data=TWO)

    refused = staff.save(f"{path}/material", data=typed)

    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in refused.text
    assert counts(session, world)[0] == 2


def test_pictures_are_added_moved_and_taken_out(staff, session, world, path, sign_in):
    """SF-21: a gallery in the order staff gives it; what is uploaded is drawn anew."""
    for words in ("First", "Second", "Third"):
        assert add(staff, path, words).status_code == HTTPStatus.SEE_OTHER
    first, _, third = gallery(session, world)

    staff.post(f"{path}/gallery/{third.id}/up")
    staff.post(f"{path}/gallery/{first.id}/up")
    assert [each.words for each in gallery(session, world)] == ["First", "Third", "Second"]
    page = sign_in(world.direct_buyer).get(f"/product/{world.seats.slug}").text
    assert re.findall(r'alt="(First|Second|Third)"', page) == ["First", "Third", "Second"]
    shown = staff.get(re.search(r'src="([^"]+)" alt="First"', page)[1])
    assert (shown.status_code, shown.mimetype) == (HTTPStatus.OK, "image/webp")

    staff.post(f"{path}/gallery/{first.id}/remove")
    assert [each.words for each in gallery(session, world)] == ["Third", "Second"]
    assert counts(session, world)[1:] == (2, 2)


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"picture": (io.BytesIO(b"<svg onload=alert(1)>"), "x.svg")}, "Choose a PNG"),
        ({"words": ""}, "Say what is to be seen"),
        ({"words": "x" * 201}, "Say in 1 to 200 characters"),
        ({"picture": ""}, "Choose a picture"),
    ],
    ids=["no-picture", "no-words", "long-words", "nothing"],
)
def test_a_wrong_picture_is_told_at_its_field_and_not_kept(staff, session, world, path, sent, words):
    refused = staff.post(f"{path}/gallery", data={"picture": drawn(), "words": "Fine", **sent})

    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in refused.text
    assert counts(session, world)[1:] == (0, 0)


def test_a_gallery_holds_twelve_pictures(staff, session, world, path):
    """SF-21: at most 12."""
    for number in range(12):
        add(staff, path, f"Picture {number}")

    refused = add(staff, path, "One more")

    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert counts(session, world)[1:] == (12, 12)


def test_pictures_of_other_products_and_distributors_are_not_found(staff, session, world, path):
    add(staff, path, "Mine")
    (own,) = gallery(session, world)
    other = make_world(session, name="Other", host="cloud.other.example")
    addresses = (
        f"{path}/gallery/{new_id()}/remove",
        f"/bss/products/{world.suite.id}/gallery/{own.id}/remove",
        f"/bss/products/{other.seats.id}/gallery/{own.id}/up",
        f"/bss/products/{other.seats.id}/material",
    )
    for address in addresses:
        assert staff.post(address, data={"version": "1"}).status_code == HTTPStatus.NOT_FOUND
    assert add(staff, f"/bss/products/{other.seats.id}", "Theirs").status_code == HTTPStatus.NOT_FOUND
    assert [each.id for each in gallery(session, world)] == [own.id]


def test_a_deleted_product_leaves_no_pictures_behind(staff, session, world):
    with scope(world.scope):
        product = make_product(session, world.product_type, "Short-lived")
        material.add_picture(product.id, drawn()[0].getvalue(), "Seen", actor=SYSTEM, at=MONDAY_NOON)
        material.set_questions(product.id, [Question("Why?", "So")], version=1, actor=SYSTEM, at=MONDAY_NOON)
        session.commit()

    assert staff.post(f"/bss/products/{product.id}/delete").status_code == HTTPStatus.SEE_OTHER

    assert counts(session, world) == (0, 0, 0)
