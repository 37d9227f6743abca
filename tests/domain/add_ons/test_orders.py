from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.audit.services import SYSTEM
from app.billing.models import Charge, ChargeKind
from app.catalogue.models import BillingCycle, Product, RelationKind, Term
from app.core.db import unit_of_work
from app.orders.abandonment import abandon_item
from app.orders.models import DeliveryStatus, OrderItem, OrderStatus
from app.provisioning.models import ProvisioningTask, TaskKind
from app.subscriptions.add_ons import follow_parent, list_add_ons
from app.subscriptions.models import (
    Asset,
    Subscription,
    SubscriptionEvent,
    SubscriptionRole,
    SubscriptionStatus,
    SyncStatus,
)
from app.subscriptions.problems import find_problem
from tenants.context import scope
from tests.factories.execution import Wanted, all_of, root_order, use_service_manager
from tests.factories.parts import make_sibling, noon, open_tasks, relate
from workers.connectors.base import AddOnAction

ADD_ON = SubscriptionRole.ADD_ON


@pytest.fixture
def backup(session, world) -> Product:
    """An add-on of the seats at 6.00 a month."""
    product = make_sibling(session, world, "Contoso Backup", "6.00", is_add_on=True)
    relate(session, world, RelationKind.ADD_ON, world.seats, product)
    return product


@pytest.fixture
def seats(session, world, vendor, clock, run_order, run_task) -> Subscription:
    """Ten running seats, bought on 15 May 2026: their period is 15 May to 14 June."""
    use_service_manager(session, world)
    clock.now = noon(2026, 5, 15)
    run_order(root_order(session, world, [Wanted(world.seats, 10, "10.00")]))
    (task,) = open_tasks(session, world)
    run_task(task)
    return subscriptions(session, world)[0]


def subscriptions(session, world, role: SubscriptionRole = SubscriptionRole.MAIN) -> list[Subscription]:
    with scope(world.scope):
        found = [each for each in all_of(session, Subscription) if each.role is role]
        session.expunge_all()
        session.commit()
    return found


def buy(session, world, run_order, seats, product, quantity=1, price="6.00", **columns):
    placed = root_order(
        session, world, [Wanted(product, quantity, price, columns={"parent_subscription_id": seats.id, **columns})]
    )
    run_order(placed)
    return placed


def charges(session, world, kind=ChargeKind.ADD_ON) -> list[Charge]:
    with scope(world.scope):
        found = [each for each in all_of(session, Charge) if each.kind is kind]
        session.expunge_all()
        session.commit()
    return found


def test_an_add_on_is_charged_to_the_end_of_its_parents_period(
    session, world, vendor, clock, run_order, run_task, seats, backup
):
    """CB-F85: an add-on of 6.00 bought on 5 June, parent period 15 May to 14 June, bills 6 x 10/31 = 1.94."""
    assert (seats.period_from, seats.period_to) == (date(2026, 5, 15), date(2026, 6, 14))
    clock.now = noon(2026, 6, 5)
    buy(session, world, run_order, seats, backup)
    (charge,) = charges(session, world)
    assert (charge.net_amount, charge.period_from, charge.period_to) == (
        Decimal("1.94"), date(2026, 6, 5), date(2026, 6, 14),
    )  # fmt: skip
    (task,) = open_tasks(session, world)
    run_task(task)
    (add_on,) = subscriptions(session, world, ADD_ON)
    assert (add_on.status, add_on.sync_status, add_on.quantity, add_on.parent_id, add_on.payer_id) == (
        SubscriptionStatus.ACTIVE, SyncStatus.SYNCHRONISED, 1, seats.id, seats.payer_id,
    )  # fmt: skip
    assert (add_on.period_to, add_on.cycle, add_on.id) == (date(2026, 6, 14), seats.cycle, charge.subscription_id)


def test_an_add_on_is_prorated_though_its_parent_is_not(session, world, vendor, clock, run_order, seats, backup):
    """CB-F85: so is the first charge of an add-on whose parent is excluded from pro-rata."""
    with scope(world.scope):
        session.merge(world.seats).excluded_from_proration = True
        session.merge(backup).excluded_from_proration = True
        session.commit()
    clock.now = noon(2026, 6, 5)
    buy(session, world, run_order, seats, backup)
    assert [charge.net_amount for charge in charges(session, world)] == [Decimal("1.94")]


def test_buying_an_owned_add_on_raises_the_quantity_of_its_one_record(
    session, world, vendor, clock, run_order, run_task, seats, backup
):
    """CB-F84: buying an owned add-on raises its quantity, no second record; only what is added is charged."""
    clock.now = noon(2026, 6, 5)
    for quantity in (2, 3):
        buy(session, world, run_order, seats, backup, quantity)
        (task,) = open_tasks(session, world)
        run_task(task)
    (add_on,) = subscriptions(session, world, ADD_ON)
    assert (add_on.quantity, add_on.status) == (5, SubscriptionStatus.ACTIVE)
    assert [charge.net_amount for charge in charges(session, world)] == [Decimal("3.87"), Decimal("5.81")]
    with scope(world.scope):
        lines = [each.text for each in all_of(session, SubscriptionEvent) if each.subscription_id == seats.id]
    assert "Add-on bought: 2 x Contoso Backup" in lines
    assert "Contoso Backup: quantity increased to 5" in lines


def test_more_licences_of_an_add_on_are_bought_for_its_subscription(
    session, world, vendor, clock, run_order, run_task, seats, backup
):
    """CB-F84 (partly): an item that adds licences to the add-on's own record asks its parent's vendor."""
    clock.now = noon(2026, 6, 5)
    buy(session, world, run_order, seats, backup)
    (task,) = open_tasks(session, world)
    run_task(task)
    (add_on,) = subscriptions(session, world, ADD_ON)
    run_order(root_order(session, world, [Wanted(backup, 2, "6.00", columns={"subscription_id": add_on.id})]))
    (task,) = open_tasks(session, world)
    assert task.subject_id == seats.id
    run_task(task)
    assert [each.quantity for each in subscriptions(session, world, ADD_ON)] == [3]


def test_two_orders_of_one_add_on_under_way_add_up(session, world, vendor, clock, run_order, run_task, seats, backup):
    """CB-F84 (partly): also where the vendor has not answered the first one yet."""
    clock.now = noon(2026, 6, 5)
    buy(session, world, run_order, seats, backup, 2)
    buy(session, world, run_order, seats, backup, 3)
    for task in open_tasks(session, world):
        run_task(task)
    (add_on,) = subscriptions(session, world, ADD_ON)
    assert add_on.quantity == 5
    assert [call.request.add_ons[0].quantity for call in vendor.requests if call.request.add_ons] == [2, 5]


def test_the_vendor_is_sent_the_complete_picture_with_every_add_on(
    session, world, vendor, clock, run_order, run_task, seats, backup
):
    """CB-22: whenever anything changes the subscription with all its add-ons is sent; what stays says none."""
    archive = make_sibling(session, world, "Contoso Archive", "3.00", is_add_on=True)
    relate(session, world, RelationKind.ADD_ON, world.seats, archive)
    for product in (backup, archive):
        buy(session, world, run_order, seats, product)
        (task,) = open_tasks(session, world)
        run_task(task)
    request = vendor.requests[-1].request
    assert (request.quantity, request.product_code, request.vendor_reference) == (10, world.seats.code, "resource-1")
    assert [(each.product_name, each.quantity, each.action) for each in request.add_ons] == [
        ("Contoso Backup", 1, AddOnAction.NONE), ("Contoso Archive", 1, AddOnAction.CREATE),
    ]  # fmt: skip


def test_more_licences_keep_the_add_ons_and_linked_ones_follow(
    session, world, vendor, clock, run_order, run_task, seats, backup
):
    linked = make_sibling(session, world, "Contoso Guard", "1.00", is_add_on=True)
    relate(session, world, RelationKind.ADD_ON, world.seats, linked, is_quantity_linked=True)
    for product in (backup, linked):
        buy(session, world, run_order, seats, product)
        (task,) = open_tasks(session, world)
        run_task(task)
    run_order(root_order(session, world, [Wanted(world.seats, 2, "10.00", columns={"subscription_id": seats.id})]))
    (task,) = open_tasks(session, world)
    run_task(task)
    request = vendor.requests[-1].request
    assert request.quantity == 12
    assert {each.product_name: each.quantity for each in request.add_ons} == {"Contoso Backup": 1, "Contoso Guard": 12}
    assert {each.friendly_name: each.quantity for each in subscriptions(session, world, ADD_ON)} == {
        "Contoso Backup": 1, "Contoso Guard": 12,
    }  # fmt: skip
    assert [charge.net_amount for charge in charges(session, world)] == [
        Decimal("6.00"), Decimal("10.00"), Decimal("2.00"),
    ]  # fmt: skip


def test_a_refused_add_on_is_failed_and_not_in_use(session, world, vendor, clock, run_order, run_task, seats, backup):
    vendor.reject_next(times=1, code="9", reason="Too many")
    buy(session, world, run_order, seats, backup)
    (task,) = open_tasks(session, world)
    run_task(task)
    (add_on,) = subscriptions(session, world, ADD_ON)
    assert (add_on.status, add_on.sync_status) == (SubscriptionStatus.PENDING_ACTIVATION, SyncStatus.FAILED)
    with scope(world.scope):
        assert find_problem(add_on.id) == "Too many"
        assert all_of(session, OrderItem)[-1].delivery_status is DeliveryStatus.FAILED


def test_giving_up_a_refused_add_on_leaves_its_subscription_as_it_was(
    session, world, vendor, clock, run_order, run_task, seats, backup
):
    """CB-F74 (partly): credited in full, and the subscription can be changed again."""
    vendor.reject_next(times=1, code="9", reason="Too many")
    placed = buy(session, world, run_order, seats, backup)
    (task,) = open_tasks(session, world)
    run_task(task)
    with scope(world.scope), unit_of_work():
        abandon_item(placed.number, placed.items[0].id, actor=SYSTEM, at=clock.now)
    (add_on,), (parent,) = subscriptions(session, world, ADD_ON), subscriptions(session, world)
    assert add_on.status is SubscriptionStatus.CANCELED
    assert (parent.status, parent.sync_status) == (SubscriptionStatus.ACTIVE, SyncStatus.SYNCHRONISED)
    assert [each.net_amount for each in charges(session, world, ChargeKind.ABANDONMENT)] == [Decimal("-6.00")]


@pytest.mark.parametrize("state", [SubscriptionStatus.SUSPENDED, SubscriptionStatus.CANCELED])
def test_an_add_on_without_an_active_parent_fails_alone_and_costs_nothing(
    session, world, vendor, clock, run_order, seats, backup, state
):
    """CB-27: an add-on without an active parent is refused; nothing is charged, nobody is asked."""
    with scope(world.scope):
        session.merge(seats).status = state
        session.commit()
    placed = buy(session, world, run_order, seats, backup)
    assert (subscriptions(session, world, ADD_ON), charges(session, world), open_tasks(session, world)) == ([], [], [])
    with scope(world.scope):
        item = session.get_one(OrderItem, (world.id, placed.items[0].id))
        assert item.delivery_status is DeliveryStatus.FAILED
        assert session.get_one(type(placed.order), (world.id, placed.id)).status is OrderStatus.PARTIALLY_EXECUTED


def test_what_is_no_add_on_of_the_product_is_refused(session, world, vendor, clock, run_order, seats):
    stranger = make_sibling(session, world, "Fabrikam Backup", "6.00", is_add_on=True)
    buy(session, world, run_order, seats, stranger)
    assert (subscriptions(session, world, ADD_ON), charges(session, world)) == ([], [])


def test_an_add_on_of_the_same_order_waits_for_its_parent(session, world, vendor, clock, run_order, run_task, backup):
    """CB-F54 (partly): parent and add-on in one order; the add-on is asked for after the parent stands."""
    use_service_manager(session, world)
    placed = root_order(session, world, [Wanted(world.seats, 4, "10.00"), Wanted(backup, 2, "6.00")])
    with scope(world.scope):
        session.merge(placed.items[1]).parent_item_id = placed.items[0].id
        session.commit()
    run_order(placed)
    first, second = open_tasks(session, world)
    assert (first.kind, second.kind, first.subject_id) == (TaskKind.CREATE, TaskKind.UPDATE, second.subject_id)
    run_task(first)
    run_task(second)
    (seats,), (add_on,) = subscriptions(session, world), subscriptions(session, world, ADD_ON)
    assert (seats.status, add_on.status, add_on.quantity, add_on.period_to) == (
        SubscriptionStatus.ACTIVE, SubscriptionStatus.ACTIVE, 2, seats.period_to,
    )  # fmt: skip
    assert [charge.net_amount for charge in charges(session, world)] == [Decimal("12.00")]


def test_a_one_time_add_on_is_an_asset_linked_to_the_subscription(session, world, vendor, clock, run_order, seats):
    """CB-27: a one-time add-on becomes an asset linked to the subscription."""
    placed = root_order(
        session,
        world,
        [
            Wanted(
                world.tool, 1, "50.00", Term.NONE, BillingCycle.ONE_TIME, columns={"parent_subscription_id": seats.id}
            )
        ],
    )
    run_order(placed)
    with scope(world.scope):
        (asset,) = all_of(session, Asset)
        assert asset.subscription_id == seats.id
    assert subscriptions(session, world, ADD_ON) == []


def test_add_ons_follow_their_parent_when_it_is_suspended_and_canceled(
    session, world, vendor, clock, run_order, run_task, seats, backup
):
    """CB-27: parent suspended or cancelled, add-ons follow."""
    buy(session, world, run_order, seats, backup)
    (task,) = open_tasks(session, world)
    run_task(task)
    for state in (SubscriptionStatus.SUSPENDED, SubscriptionStatus.ACTIVE, SubscriptionStatus.CANCELED):
        with scope(world.scope):
            parent = session.merge(seats)
            parent.status = state
            follow_parent(parent, at=clock.now)
            session.commit()
        (add_on,) = subscriptions(session, world, ADD_ON)
        assert add_on.status is state
    with scope(world.scope):
        assert list_add_ons(seats.id) == []


def test_a_lost_race_cannot_leave_two_live_records(session, world, vendor, clock, run_order, run_task, seats, backup):
    """CB-F84 (partly): the database itself keeps one live record per add-on and subscription."""
    buy(session, world, run_order, seats, backup)
    (add_on,) = subscriptions(session, world, ADD_ON)
    with scope(world.scope), pytest.raises(Exception, match="uq_subscriptions_part"):
        values = {
            column.key: getattr(add_on, column.key)
            for column in Subscription.__table__.columns
            if column.key not in ("id", "code", "order_item_id")
        }
        session.add(Subscription(**values, code="SUB-999999"))
        session.flush()
    session.rollback()
    with scope(world.scope):
        assert len(all_of(session, ProvisioningTask)) == 2
