from __future__ import annotations

from decimal import Decimal

import pytest

from app.audit.services import SYSTEM
from app.billing.models import Charge, Invoice
from app.catalogue.models import BillingCycle, ProductKind, ProductType, Term
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.core.ids import new_id
from app.orders.errors import AlreadyDelivered, CreditInsufficient, OrderItemNotFound, WrongOrderState
from app.orders.execution import process_work
from app.orders.models import DeliveryStatus, Order, OrderItem, OrderStatus
from app.orders.partial import Delivery, deliver_items, deliver_rest, sub_orders_of
from app.orders.queries import list_items
from app.subscriptions.models import Subscription
from tenants.context import scope
from tests.factories.execution import Placed, Wanted, all_of, root_order
from tests.factories.world import MONDAY_NOON, World

ONE_TIME = {"term": Term.NONE, "cycle": BillingCycle.ONE_TIME}


@pytest.fixture
def placed(session, world) -> Placed:
    """An order In Progress of three items, the first of them delivered by people."""
    with scope(world.scope):
        by_hand = ProductType(
            name="Migration service", kind=ProductKind.SUBSCRIPTION, non_automatic=True, created_at=MONDAY_NOON
        )
        session.add(by_hand)
        session.flush()
        session.merge(world.suite).product_type_id = by_hand.id
        session.commit()
    wanted = [
        Wanted(world.suite, 1, "20.00", term=Term.P1Y),
        Wanted(world.seats, 2, "10.00"),
        Wanted(world.tool, 1, "50.00", **ONE_TIME),
    ]
    made = root_order(session, world, wanted)
    with scope(world.scope), unit_of_work():
        process_work(made.work.id, at=MONDAY_NOON)
    return made


def order_of(session, placed: Placed) -> Order:
    return session.get_one(Order, (placed.order.distributor_id, placed.id), populate_existing=True)


def deliver(placed: Placed, *indexes: int) -> Order:
    wanted = Delivery(placed.number, frozenset(placed.items[index].id for index in indexes))
    with unit_of_work():
        return deliver_items(wanted, actor=SYSTEM, at=MONDAY_NOON)


def test_delivering_one_of_three_makes_a_sub_order_and_the_rest_executes_the_order(session, world: World, placed):
    """CB-F55: 1 of 3 items: a sub-order, the parent Partially Executed; after the rest, Executed; an invoice for each."""
    with scope(world.scope):
        part = deliver(placed, 1)
        assert part.number == f"{placed.number}-1"
        assert (part.status, part.parent_id) == (OrderStatus.EXECUTED, placed.id)
        assert order_of(session, placed).status is OrderStatus.PARTIALLY_EXECUTED
        assert [item.product_name for item in list_items(part.id)] == [world.seats.name]
        (invoice,) = all_of(session, Invoice)
        assert (invoice.order_number, invoice.net_total) == (part.number, Decimal("20.00"))
        assert len(all_of(session, Subscription)) == 1

        with unit_of_work():
            last = deliver_rest(placed.number, actor=SYSTEM, at=MONDAY_NOON)
        assert last.id == placed.id
        assert order_of(session, placed).status is OrderStatus.EXECUTED
        papers = {paper.order_number: paper.net_total for paper in all_of(session, Invoice)}
        assert papers == {part.number: Decimal("20.00"), placed.number: Decimal("70.00")}
        assert {item.delivery_status for item in all_of(session, OrderItem)} == {DeliveryStatus.DELIVERED}
        assert [each.number for each in sub_orders_of(placed.id)] == [part.number]


def test_each_part_gets_the_next_number(session, world: World, placed):
    with scope(world.scope):
        assert deliver(placed, 0).number == f"{placed.number}-1"
        assert deliver(placed, 2).number == f"{placed.number}-2"
        assert order_of(session, placed).status is OrderStatus.PARTIALLY_EXECUTED
        assert deliver(placed, 1).number == placed.number
        assert order_of(session, placed).status is OrderStatus.EXECUTED


def test_all_items_at_once_need_no_sub_order(session, world: World, placed):
    with scope(world.scope):
        assert deliver(placed, 0, 1, 2).id == placed.id
        assert sub_orders_of(placed.id) == []
        (invoice,) = all_of(session, Invoice)
        assert invoice.net_total == Decimal("90.00")


def test_a_submitted_order_can_be_delivered_in_parts(session, world: World):
    placed = root_order(
        session, world, [Wanted(world.seats, 1, "10.00"), Wanted(world.suite, 1, "20.00", term=Term.P1Y)],
        status=OrderStatus.SUBMITTED,
    )  # fmt: skip
    with scope(world.scope):
        assert deliver(placed, 0).number == f"{placed.number}-1"
        assert order_of(session, placed).status is OrderStatus.PARTIALLY_EXECUTED


def test_what_was_delivered_is_not_delivered_again(session, world: World, placed):
    """CB-21: delivering a delivered item is a conflict; nothing more is made."""
    with scope(world.scope):
        deliver(placed, 1)
        with pytest.raises(AlreadyDelivered):
            deliver(placed, 1)
        assert len(all_of(session, Subscription)) == len(all_of(session, Charge)) == 1


def test_nothing_ticked_and_foreign_items_are_refused(session, world: World, placed):
    other = root_order(session, world, [Wanted(world.seats)], status=OrderStatus.SUBMITTED)
    with scope(world.scope):
        with pytest.raises(Invalid):
            deliver(placed)
        for item_id in (new_id(), other.items[0].id):
            with pytest.raises(OrderItemNotFound), unit_of_work():
                deliver_items(Delivery(placed.number, frozenset({item_id})), actor=SYSTEM, at=MONDAY_NOON)
        assert order_of(session, placed).status is OrderStatus.IN_PROGRESS
        assert all_of(session, Subscription) == []


@pytest.mark.parametrize(
    "status", [OrderStatus.DRAFT, OrderStatus.EXECUTED, OrderStatus.CANCELED, OrderStatus.EXECUTING]
)
def test_parts_are_delivered_of_open_orders_only(session, world: World, status):
    placed = root_order(session, world, [Wanted(world.seats)], status=status)
    with scope(world.scope):
        with pytest.raises(WrongOrderState):
            deliver(placed, 0)
        assert all_of(session, Subscription) == []


def test_too_little_credit_refuses_the_part_and_makes_nothing(session, world: World, placed):
    with scope(world.scope):
        session.merge(world.direct).credit_limit = Decimal("19.99")
        session.commit()
        with pytest.raises(CreditInsufficient):
            deliver(placed, 1)
        assert order_of(session, placed).status is OrderStatus.IN_PROGRESS
        assert all_of(session, Charge) == all_of(session, Subscription) == []
        assert sub_orders_of(placed.id) == []


def test_buyer_finds_parts_in_the_order_itself(session, world: World, placed):
    """CB-F57 (partly): the customer's order shows all its items, with what became of each."""
    with scope(world.scope):
        deliver(placed, 1)
    with scope(world.scope):
        shown = {item.product_name: item.delivery_status for item in list_items(placed.id)}
        assert shown[world.seats.name] is DeliveryStatus.DELIVERED
        assert shown[world.suite.name] is DeliveryStatus.PENDING
        assert len(shown) == 3
