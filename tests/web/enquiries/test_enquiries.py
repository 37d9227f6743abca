""" "Tell me more": a question about a product, kept as a row, told to the storefront's owner (SF-18)."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from sqlalchemy import func, select, update

from app.catalogue.models import Product
from app.core import db
from app.core.clock import utc_now
from app.core.queue import Nudge
from app.notifications.models import OutboundMail
from app.support.enquiries.models import Enquiry, EnquiryStatus
from tenants.context import end_customer_scope, scope
from tests.web.storefront.steps import ALIAS
from workers.jobs.enquiries import nudge_enquiries, tell_enquiry

QUESTION = {"message": "Does it work <b>offline</b>?", "phone": "+30 210 (1234) 567"}


@pytest.fixture(autouse=True)
def _questions_are_taken(session, world) -> None:
    with scope(world.scope):
        session.execute(update(Product).where(Product.id == world.seats.id).values(takes_enquiries=True))
        session.commit()


def rows(world) -> list[Enquiry]:
    with scope(world.scope):
        return list(db.session.scalars(select(Enquiry).order_by(Enquiry.asked_at)))


def mails(world) -> list[tuple[str, str]]:
    with scope(world.scope):
        found = db.session.execute(
            select(OutboundMail.template, OutboundMail.to_email).order_by(OutboundMail.created_at)
        )
        return [tuple(row) for row in found]


def ask(client, world, path="", **changes):
    return client.post(f"{path}/product/{world.seats.slug}/ask", data={**QUESTION, **changes})


def tell(world) -> None:
    for row in rows(world):
        tell_enquiry(str(row.id), distributor_id=str(world.id))


def test_a_question_is_a_row_and_mails_its_owner_and_who_asked(world, sign_in):
    """SF-18: form with message and phone, a lead to the owner, a copy by mail to the user."""
    buyer = sign_in(world.direct_buyer)
    assert f"/product/{world.seats.slug}/ask" in buyer.get(f"/product/{world.seats.slug}").text
    assert ask(buyer, world).status_code == HTTPStatus.SEE_OTHER
    (row,) = rows(world)
    assert (row.message, row.phone, row.email) == (QUESTION["message"], QUESTION["phone"], world.direct_buyer.email)
    assert (row.product_id, row.account_id, row.reseller_id) == (world.seats.id, world.direct.id, None)
    assert (row.status, row.mailed_at) == (EnquiryStatus.OPEN, None)
    for _ in range(2):  # the second run does nothing
        tell(world)
    assert sorted(mails(world)) == sorted(
        [("enquiry_received", world.bss_user.email.lower()), ("enquiry_copy", world.direct_buyer.email)]
    )


def test_a_question_under_an_alias_is_its_resellers_alone(world, sign_in):
    """SF-18: the owner of the storefront is told; the back office lists only what was asked in its own."""
    assert ask(sign_in(world.tech.buyers[0]), world, ALIAS).status_code == HTTPStatus.SEE_OTHER
    (row,) = rows(world)
    assert row.reseller_id == world.tech.id
    tell(world)
    told = dict(mails(world))
    assert told["enquiry_received"] == world.tech.admin.email.lower()
    address = f"/manage/enquiries/{row.id}"
    assert "Does it work" in sign_in(world.tech.admin).get(f"{ALIAS}{address}").text
    other = sign_in(world.cloudia.admin)
    assert other.get(f"/cloudia{address}").status_code == HTTPStatus.NOT_FOUND
    assert "Does it work" not in other.get("/cloudia/manage/enquiries?status=all").text
    staff = sign_in(world.bss_user)
    assert staff.get(f"/bss/enquiries/{row.id}").status_code == HTTPStatus.NOT_FOUND
    assert "Does it work" not in staff.get("/bss/enquiries?status=all").text


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"message": ""}, "message", "Enter what you want to know"),
        ({"message": "   "}, "message", "Enter what you want to know"),
        ({"message": "x" * 2001}, "message", "Use at most 2,000 characters"),
        ({"phone": "call me <now>"}, "phone", "Enter a number such as"),
        ({"phone": "1" * 41}, "phone", "Use at most 40 characters"),
    ],
)
def test_bad_input_is_said_at_its_field_and_nothing_is_kept(world, sign_in, changes, field, words):
    """SF-18: what cannot be sent comes back with a message at its field."""
    answer = ask(sign_in(world.direct_buyer), world, **changes)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in answer.text
    assert f'id="{field}-error"' in answer.text
    assert rows(world) == []


def test_one_question_a_person_product_and_day(session, world, sign_in):
    """SF-18: one per product per user per day; tomorrow there may be another."""
    buyer = sign_in(world.direct_buyer)
    ask(buyer, world)
    again = ask(buyer, world, message="And on Sundays?")
    assert again.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "You have asked about this product today" in again.text
    assert [row.message for row in rows(world)] == [QUESTION["message"]]
    with scope(world.scope):
        session.execute(update(Enquiry).values(asked_on=func.date("2026-01-01")))
        session.commit()
    assert ask(buyer, world, message="And on Sundays?").status_code == HTTPStatus.SEE_OTHER
    assert len(rows(world)) == 2


@pytest.mark.parametrize("values", [{"takes_enquiries": False}, {"is_published": False}, {"is_active": False}])
def test_what_takes_no_questions_has_no_page_for_them(session, world, sign_in, values):
    with scope(world.scope):
        session.execute(update(Product).where(Product.id == world.seats.id).values(**values))
        session.commit()
    buyer = sign_in(world.direct_buyer)
    assert buyer.get(f"/product/{world.seats.slug}/ask").status_code == HTTPStatus.NOT_FOUND
    assert ask(buyer, world).status_code == HTTPStatus.NOT_FOUND
    assert rows(world) == []


def test_a_visitor_signs_in_first_and_a_preview_asks_nothing(client, world, sign_in):
    """SF-18: a question has a sender; reseller staff looking at their own shop are no customers of it."""
    assert ask(client, world).status_code in (HTTPStatus.FOUND, HTTPStatus.SEE_OTHER, HTTPStatus.UNAUTHORIZED)
    assert ask(sign_in(world.tech.admin), world, ALIAS).status_code == HTTPStatus.NOT_FOUND
    assert rows(world) == []


def test_the_owner_keeps_what_was_answered_and_may_put_it_back(world, sign_in):
    """SF-18: the lead waits until somebody has answered it; who asked never sees the note."""
    buyer = sign_in(world.direct_buyer)
    ask(buyer, world)
    (row,) = rows(world)
    staff = sign_in(world.bss_user)
    listed = staff.get("/bss/enquiries").text
    assert "Contoso" in listed
    assert "&lt;b&gt;offline" in listed
    assert "<b>offline" not in listed
    too_long = staff.post(f"/bss/enquiries/{row.id}/answer", data={"note": "x" * 2001})
    assert too_long.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'id="note-error"' in too_long.text
    assert rows(world)[0].status is EnquiryStatus.OPEN
    staff.post(f"/bss/enquiries/{row.id}/answer", data={"note": "Called back, wants ten"})
    found = rows(world)[0]
    assert (found.status, found.note) == (EnquiryStatus.ANSWERED, "Called back, wants ten")
    assert found.answered_at is not None
    assert str(row.id) not in staff.get("/bss/enquiries").text
    assert str(row.id) in staff.get("/bss/enquiries?status=answered").text
    staff.post(f"/bss/enquiries/{row.id}/reopen")
    assert rows(world)[0].status is EnquiryStatus.OPEN


def test_a_lost_nudge_loses_no_question(session, world, sign_in, monkeypatch):
    """SF-18: the row is the work: a sweep finds what nobody was told of."""
    ask(sign_in(world.direct_buyer), world)
    (row,) = rows(world)
    nudges: list[Nudge] = []
    monkeypatch.setattr(db, "send_nudges", nudges.extend)
    with scope(world.scope):
        session.execute(update(Enquiry).values(asked_at=utc_now().replace(year=2026, month=1)))
        session.commit()
        with db.unit_of_work():
            nudge_enquiries(utc_now())
    assert [nudge.row_id for nudge in nudges] == [row.id]


def test_another_customer_of_the_reseller_does_not_see_the_question(session, world, sign_in):
    """Attack: the scope of another end customer, and of another reseller, holds none of it."""
    ask(sign_in(world.tech.buyers[0]), world, ALIAS)
    session.expunge_all()
    for entered in (
        end_customer_scope(world.id, world.tech.id, world.tech.customers[1].id),
        world.cloudia.scope,
    ):
        with scope(entered):
            assert session.scalars(select(Enquiry)).all() == []
