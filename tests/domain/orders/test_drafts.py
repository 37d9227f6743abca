"""Drafts of programs, by the clock: seven days to fill and submit them, then they are gone (CB-18, RS-30)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from app.audit.models import AuditEvent
from app.audit.services import SYSTEM
from app.catalogue.models import BillingCycle, Term
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.core.ids import new_id
from app.orders.back_office import NewOrder, create_order
from app.orders.back_office_drafts import record_draft
from app.orders.back_office_items import WantedItem, add_item
from app.orders.drafts import (
    DraftItem,
    NewDraft,
    Submission,
    TotalChanged,
    add_draft_item,
    create_draft,
    get_draft,
    remove_draft_item,
    submit_draft,
)
from app.orders.errors import OrderExpired, OrderNotFound, WrongOrderState
from app.orders.expiry import delete_expired_drafts
from app.orders.models import Order, OrderChannel, OrderItem, OrderStatus, OrderWork
from app.orders.programs import Program
from app.pricing.queries import price_list_ids_of
from app.pricing.quotes import alias_buyer
from tenants.context import scope
from tests.factories.execution import all_of
from tests.factories.world import MONDAY, MONDAY_NOON

WEEK = timedelta(days=7)
A_MOMENT = timedelta(seconds=1)
PORTAL = Program(new_id(), "Portal")


@pytest.fixture
def shop(world):
    """The scope of Tech Solutions with its price lists, as the API enters it."""
    with scope(world.scope):
        lists = price_list_ids_of(world.tech.id)
    return world.tech.scope.with_price_lists(lists)


@pytest.fixture
def buyer(world, shop):
    with scope(shop):
        return alias_buyer(world.tech.id, world.tech.customers[0].id, MONDAY)


@pytest.fixture
def number(world, shop, buyer) -> str:
    """A draft of one seat, begun on Monday at noon."""
    with scope(shop), unit_of_work():
        new = NewDraft(world.tech.customers[0].id, world.tech.storefront.id)
        made = create_draft(new, buyer=buyer, program=PORTAL, actor=SYSTEM, at=MONDAY_NOON)
        add_draft_item(made.number, seat(world), buyer=buyer, program=PORTAL, at=MONDAY_NOON)
    return made.number


def seat(world) -> DraftItem:
    return DraftItem(world.seats.id, Term.P1M, BillingCycle.MONTHLY)


def stored(session, world, model=Order):
    with scope(world.scope):
        session.expire_all()
        return all_of(session, model)


def test_a_draft_lives_for_seven_days_to_the_moment(session, world, shop, buyer, number):
    """CB-F56, RS-F93: an API draft not submitted for 7 days is expired, and gone the day after."""
    at = MONDAY_NOON + WEEK
    with scope(shop):
        with unit_of_work():
            add_draft_item(number, seat(world), buyer=buyer, program=PORTAL, at=at - A_MOMENT)
        item = stored(session, world, OrderItem)[0]
        asked = (
            lambda: get_draft(number, buyer=buyer, program=PORTAL, at=at),
            lambda: add_draft_item(number, seat(world), buyer=buyer, program=PORTAL, at=at),
            lambda: remove_draft_item(number, item.id, buyer=buyer, program=PORTAL, at=at),
            lambda: submit_draft(number, Submission(Decimal(20)), buyer=buyer, program=PORTAL, actor=SYSTEM, at=at),
        )
        for ask in asked:
            with pytest.raises(OrderExpired), unit_of_work():
                ask()
    assert [each.status for each in stored(session, world)] == [OrderStatus.DRAFT]
    assert len(stored(session, world, OrderItem)) == 2
    assert stored(session, world, OrderWork) == []
    with scope(world.scope), unit_of_work():
        assert delete_expired_drafts(at=at + timedelta(days=1) - A_MOMENT) == 0
        assert delete_expired_drafts(at=at + timedelta(days=1)) == 1
    assert stored(session, world) == stored(session, world, OrderItem) == []


def test_a_submitted_draft_does_not_expire(session, world, shop, buyer, number):
    with scope(shop), unit_of_work():
        done = submit_draft(
            number, Submission(Decimal(10)), buyer=buyer, program=PORTAL, actor=SYSTEM, at=MONDAY_NOON + WEEK - A_MOMENT
        )
    assert (done.status, done.channel) == (OrderStatus.EXECUTING, OrderChannel.ALIAS)
    assert done.placed_at == MONDAY_NOON + WEEK - A_MOMENT
    with scope(world.scope), unit_of_work():
        assert delete_expired_drafts(at=MONDAY_NOON + 10 * WEEK) == 0
    assert [each.number for each in stored(session, world)] == [number]


def test_a_back_offices_draft_expires_too(session, world):
    """CB-F56: filled or recorded after seven days it is refused."""
    with scope(world.scope):
        with unit_of_work():
            made = create_order(NewOrder(world.direct.id), actor=SYSTEM, at=MONDAY_NOON, program=PORTAL)
            wanted = WantedItem(world.seats.id, Term.P1M, BillingCycle.MONTHLY)
            add_item(made.number, wanted, actor=SYSTEM, at=MONDAY_NOON, program=PORTAL)
        with pytest.raises(OrderExpired), unit_of_work():
            add_item(made.number, wanted, actor=SYSTEM, at=MONDAY_NOON + WEEK, program=PORTAL)
        with pytest.raises(OrderExpired), unit_of_work():
            record_draft(made.number, program=PORTAL, actor=SYSTEM, at=MONDAY_NOON + WEEK)
        with pytest.raises(WrongOrderState), unit_of_work():
            add_item(made.number, wanted, actor=SYSTEM, at=MONDAY_NOON)  # staff does not fill a program's draft
    assert len(stored(session, world, OrderItem)) == 1
    assert [each.status for each in stored(session, world)] == [OrderStatus.DRAFT]


def test_another_program_finds_no_draft(session, world, shop, buyer, number):
    other = Program(new_id(), "Portal")
    with scope(shop):
        for ask in (
            lambda: get_draft(number, buyer=buyer, program=other, at=MONDAY_NOON),
            lambda: add_draft_item(number, seat(world), buyer=buyer, program=other, at=MONDAY_NOON),
            lambda: submit_draft(
                number, Submission(Decimal(10)), buyer=buyer, program=other, actor=SYSTEM, at=MONDAY_NOON
            ),
        ):
            with pytest.raises(OrderNotFound), unit_of_work():
                ask()
    assert len(stored(session, world, OrderItem)) == 1


def test_a_total_that_nobody_has_seen_orders_nothing(session, world, shop, buyer, number):
    with scope(shop), pytest.raises(TotalChanged) as refusal, unit_of_work():
        submit_draft(number, Submission(Decimal(9)), buyer=buyer, program=PORTAL, actor=SYSTEM, at=MONDAY_NOON)
    assert "10.00 EUR" in str(refusal.value)
    assert [each.status for each in stored(session, world)] == [OrderStatus.DRAFT]
    assert stored(session, world, OrderWork) == []


def test_terms_are_accepted_by_a_person_that_is_named(session, world, shop, buyer, number):
    """SF-20: without the acceptance nothing is ordered; with it, who accepted which text from where is kept."""
    from app.catalogue.attachments.models import TermsDocument  # noqa: PLC0415 - beside the one test that needs them
    from app.catalogue.models import Product  # noqa: PLC0415 - as above
    from app.orders.models import TermsAcceptance  # noqa: PLC0415
    from app.orders.terms import Evidence  # noqa: PLC0415

    with scope(world.scope), unit_of_work():
        document = TermsDocument(title="Mail terms", body_html="<p>Be nice.</p>", version=3, created_at=MONDAY_NOON)
        session.add(document)
        session.flush()
        session.get_one(Product, (world.id, world.seats.id)).terms_document_id = document.id
        document_id = document.id
    total, accepted = Decimal(10), frozenset({document_id})
    evidence = Evidence("https://portal.example/api", "198.51.100.7", "Portal")
    ada = world.tech.buyers[0]
    for submission, code in (
        (Submission(total), "terms_required"),
        (Submission(total, frozenset({new_id()})), "terms_required"),
        (Submission(total, accepted, None, evidence), "required"),
    ):
        with scope(shop), pytest.raises(Invalid) as refusal, unit_of_work():
            submit_draft(number, submission, buyer=buyer, program=PORTAL, actor=SYSTEM, at=MONDAY_NOON)
        assert refusal.value.codes == (code,)
    assert stored(session, world, TermsAcceptance) == []
    with scope(shop), unit_of_work():
        whole = Submission(total, accepted, ada, evidence)
        submit_draft(number, whole, buyer=buyer, program=PORTAL, actor=SYSTEM, at=MONDAY_NOON)
    (kept,) = stored(session, world, TermsAcceptance)
    assert (kept.document_version, kept.email, kept.browser) == (3, ada.email, "Portal")
    with scope(world.scope):
        assert "order.submitted" in set(session.scalars(select(AuditEvent.action)))
