"""Submits of the back office and of buyers at the same moment, on connections of their own and committed data (GO-02)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from app.audit.services import SYSTEM, Actor
from app.billing.models import Invoice
from app.catalogue.models import BillingCycle, Term
from app.core import db
from app.core.db import unit_of_work
from app.core.ids import new_id
from app.orders.back_office import NewOrder, create_order
from app.orders.idempotency import Submit, once
from app.orders.models import Order, OrderStatus
from app.orders.offers.lifecycle import convert, mark, share
from app.orders.offers.links import accept_shared, read_shared, refuse_shared
from app.orders.offers.machine import OfferMove
from app.orders.offers.models import Offer
from app.orders.offers.rows import Staff
from app.orders.offers.services import OfferDetails, OfferedItem, add_item, create_offer
from app.orders.partial import Delivery, deliver_items
from app.orders.schedule import cancel_scheduled, reschedule, run_time
from app.orders.scheduled_runs import run_scheduled
from app.orders.statuses import StatusDetails, add_status, change_status, list_statuses
from app.subscriptions.models import Subscription
from tenants.context import root_visitor_scope, scope
from tests.committed import committed_database
from tests.domain.orders.test_races import at_once
from tests.factories.execution import Wanted, all_of, root_order
from tests.factories.world import MONDAY, MONDAY_NOON, World, make_world


@pytest.fixture
def world(database: None) -> Iterator[World]:
    with committed_database():
        made = make_world(db.session())
        db.session.expunge_all()
        yield made


@pytest.fixture
def staff(world: World) -> Staff:
    return Staff(Actor(world.bss_user.id, "Mia"), is_administrator=True)


@pytest.fixture
def offer(world: World, staff: Staff) -> str:
    """A shared offer of one seat."""
    with scope(world.scope), unit_of_work():
        number = create_offer(world.direct.id, OfferDetails(), staff=staff, at=MONDAY_NOON).number
        wanted = OfferedItem(world.seats.id, Term.P1M, BillingCycle.MONTHLY)
        add_item(number, wanted, staff=staff, at=MONDAY_NOON)
    return number


def test_an_offer_becomes_one_order(world: World, staff: Staff, offer: str):
    """CB-F48, GO-02: of two conversions at once one makes an order, the other is a conflict."""
    with scope(world.scope), unit_of_work():
        mark(offer, OfferMove.ACCEPT, staff=staff, at=MONDAY_NOON)

    def become() -> None:
        with scope(world.scope), unit_of_work():
            convert(offer, staff=staff, at=MONDAY_NOON)

    assert at_once(become, become, become) == ["done", "wrong_state", "wrong_state"]
    with scope(world.scope):
        assert len(all_of(db.session, Order)) == 1


def test_an_offer_is_decided_once(world: World, staff: Staff, offer: str):
    with scope(world.scope), unit_of_work():
        token = share(offer, staff=staff, at=MONDAY_NOON).rpartition("/")[2]
    visitor = root_visitor_scope(world.id)
    with scope(visitor), unit_of_work():
        seen = read_shared(token, at=MONDAY_NOON).version

    def accept() -> None:
        with scope(visitor), unit_of_work():
            accept_shared(token, "Ada", seen=seen, address=None, at=MONDAY_NOON)

    def refuse() -> None:
        with scope(visitor), unit_of_work():
            refuse_shared(token, "Ada", "", address=None, at=MONDAY_NOON)

    ends = at_once(accept, refuse)
    assert ends[0] == "done"
    assert ends[1] in ("not_found", "wrong_state")  # declined, the link has ended
    with scope(world.scope):
        (stored,) = all_of(db.session, Offer)
        assert stored.decided_at is not None


def test_an_item_is_delivered_once(world: World):
    """CB-21, GO-02: of two deliveries at once one makes a subscription and an invoice."""
    placed = root_order(
        db.session(), world, [Wanted(world.seats, 1, "10.00"), Wanted(world.seats, 2, "10.00")],
        status=OrderStatus.SUBMITTED,
    )  # fmt: skip
    wanted = Delivery(placed.number, frozenset({placed.items[0].id}))

    def deliver() -> None:
        with scope(world.scope), unit_of_work():
            deliver_items(wanted, actor=SYSTEM, at=MONDAY_NOON)

    assert at_once(deliver, deliver) == ["already_delivered", "done"]
    with scope(world.scope):
        assert len(all_of(db.session, Subscription)) == len(all_of(db.session, Invoice)) == 1
        assert sorted(order.number for order in all_of(db.session, Order)) == [placed.number, f"{placed.number}-1"]


def test_two_parts_at_once_get_two_numbers(world: World):
    placed = root_order(
        db.session(), world, [Wanted(world.seats, number, "10.00") for number in (1, 2, 3)],
        status=OrderStatus.SUBMITTED,
    )  # fmt: skip

    def deliver(index: int) -> None:
        with scope(world.scope), unit_of_work():
            wanted = Delivery(placed.number, frozenset({placed.items[index].id}))
            deliver_items(wanted, actor=SYSTEM, at=MONDAY_NOON)

    assert at_once(lambda: deliver(0), lambda: deliver(1), lambda: deliver(2)) == ["done"] * 3
    with scope(world.scope):
        found = {order.number: order.status for order in all_of(db.session, Order)}
        assert found == dict.fromkeys((placed.number, f"{placed.number}-1", f"{placed.number}-2"), OrderStatus.EXECUTED)
        assert len(all_of(db.session, Invoice)) == 3


def test_a_submit_with_one_key_makes_one_order(world: World):
    """GO-02: a double click waits for the first one's commit and is answered like it."""
    actor, key = Actor(world.bss_user.id, "Mia"), new_id()
    made: list[object] = []

    def submit() -> None:
        with scope(world.scope), unit_of_work():
            wanted = NewOrder(world.direct.id, po_number="PO-1")
            found = once(
                Submit("mia", "order", key, (wanted,)),
                lambda: create_order(wanted, actor=actor, at=MONDAY_NOON).id,
                at=MONDAY_NOON,
            )
            made.append(found)

    assert at_once(submit, submit, submit) == ["done"] * 3
    assert len(set(made)) == 1
    with scope(world.scope):
        assert len(all_of(db.session, Order)) == 1


def test_a_scheduled_order_is_run_moved_or_canceled_by_one(world: World):
    """SF-32: until the worker has taken it; then both are refused, or it finds nothing to run."""
    placed = root_order(db.session(), world, [Wanted(world.seats, 1, "10.00")], status=OrderStatus.SCHEDULED)
    with scope(world.scope):
        order = db.session.get_one(Order, (world.id, placed.id))
        order.execute_on, order.run_at = MONDAY, run_time(MONDAY)
        db.session.commit()
    buyer, number = Actor(world.direct_buyer.id, "Ada"), placed.number

    def run() -> None:
        with scope(world.scope), unit_of_work():
            run_scheduled(placed.id, at=MONDAY_NOON)

    def move() -> None:
        with scope(world.scope), unit_of_work():
            reschedule(number, MONDAY + timedelta(days=5), actor=buyer, at=MONDAY_NOON)

    def cancel() -> None:
        with scope(world.scope), unit_of_work():
            cancel_scheduled(number, actor=buyer, at=MONDAY_NOON)

    ends = at_once(run, move, cancel)
    with scope(world.scope):
        order = db.session.get_one(Order, (world.id, placed.id), populate_existing=True)
    if order.status is OrderStatus.EXECUTING:
        assert ends.count("wrong_state") >= 1
    else:
        assert order.status in (OrderStatus.CANCELED, OrderStatus.SCHEDULED)
    assert (order.status is OrderStatus.SCHEDULED) == (
        order.run_at is not None and order.status is not OrderStatus.EXECUTING
    )


def test_the_last_status_to_wait_in_does_not_go_twice(world: World):
    """CB-F58: two administrators switch off one each, at once: one of the two stays."""
    actor = Actor(world.bss_user.id, "Mia")
    with scope(world.scope):
        db.session.merge(world.product_type).non_automatic = True
        db.session.commit()
        with unit_of_work():
            own = add_status(StatusDetails(50, "Waiting"), actor=actor, at=MONDAY_NOON).ref

    def off(ref: str, name: str) -> None:
        with scope(world.scope), unit_of_work():
            change_status(ref, StatusDetails(50, name, is_active=False), version=1, actor=actor, at=MONDAY_NOON)

    ends = at_once(lambda: off(own, "Waiting"), lambda: off("in_progress", ""))
    assert ends == ["done", "status_is_kept"]
    with scope(world.scope):
        assert len([status for status in list_statuses() if status.is_for_people]) == 1
