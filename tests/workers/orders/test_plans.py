from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from sqlalchemy import select

from app.accounts.models import Account
from app.audit.services import SYSTEM
from app.billing.models import Charge, Invoice
from app.catalogue.models import Product
from app.core import db
from app.core.db import unit_of_work
from app.notifications.models import OutboundMail
from app.orders.models import DeliveryStatus, Order, OrderItem, OrderStatus
from app.provisioning.models import ProvisioningTask, TaskKind, TaskStatus
from app.resellers.plans import PlanPrices, activate_reseller_plans
from app.subscriptions.models import Subscription, SubscriptionStatus, SyncStatus
from tenants.context import scope
from tenants.models import Address, AddressState, Storefront, StorefrontState
from tests.factories.execution import Placed, Wanted, all_of, make_order
from tests.factories.world import MONDAY_NOON, World, make_entry, make_world
from workers.jobs import orders, provisioning


@pytest.fixture
def session(connection):
    """The session of the moment: a job ends with the one it had."""
    return db.session


@pytest.fixture
def world(session) -> World:
    made = make_world(session)
    with scope(made.scope):
        plans = activate_reseller_plans(PlanPrices(Decimal("49.00"), Decimal("490.00")), actor=SYSTEM, at=MONDAY_NOON)
        for plan in plans:
            make_entry(session, made.price_list, plan, "0.00" if plan.plan_edition == "free" else "39.00")
        session.commit()
    session.expunge_all()
    return made


@pytest.fixture(autouse=True)
def _noon(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (orders, provisioning):
        monkeypatch.setattr(module, "utc_now", lambda: MONDAY_NOON)


@pytest.fixture
def order_plan(session, world) -> Callable[..., Placed]:
    """Place the basic reseller's order of a plan, perhaps with other items."""

    def place(edition: str, alias: str | None, *others: Wanted) -> Placed:
        with scope(world.scope):
            plan = session.scalars(select(Product).where(Product.plan_edition == edition)).one()
            session.commit()
            session.expunge_all()
        wanted = [Wanted(plan, 1, "0.00" if edition == "free" else "39.00", columns={"alias": alias}), *others]
        return make_order(session, world, world.basic.account, world.basic.admin, wanted)

    return place


def run(world: World, placed: Placed) -> None:
    """Execute the order, then do its tasks."""
    orders.process_order_work(str(placed.work.id), distributor_id=str(world.id))
    with scope(world.scope):
        tasks = [task.id for task in all_of(db.session, ProvisioningTask) if task.order_id == placed.id]
        db.session.commit()
    for task_id in tasks:
        provisioning.provision_order_item(str(task_id), distributor_id=str(world.id))


def test_a_free_plan_costs_nothing_and_opens_the_storefront(session, world, order_plan):
    """RS-F9: the order totals 0.00 and creates an Active subscription, without an invoice or payment."""
    placed = order_plan("free", "sunrise")
    run(world, placed)
    with scope(world.scope):
        (subscription,) = all_of(session, Subscription)
        assert (subscription.status, subscription.plan_edition) == (SubscriptionStatus.ACTIVE, "free")
        assert subscription.sync_status is SyncStatus.SYNCHRONISED
        assert all_of(session, Invoice) == []
        order = session.get_one(Order, (world.id, placed.id), populate_existing=True)
        assert (order.status, order.net_total) == (OrderStatus.EXECUTED, Decimal("0.00"))
        (task,) = all_of(session, ProvisioningTask)
        assert (task.kind, task.status) == (TaskKind.OPEN_STOREFRONT, TaskStatus.SUCCEEDED)
        storefront = session.scalars(select(Storefront).where(Storefront.reseller_id == world.basic.id)).one()
        assert (storefront.state, storefront.edition) == (StorefrontState.LIVE, "free")
        address = session.scalars(select(Address).where(Address.alias == "sunrise")).one()
        assert address.state is AddressState.LIVE
        assert "storefront_welcome" in {mail.template for mail in all_of(session, OutboundMail)}


def test_a_free_plan_needs_no_credit_even_at_a_limit_of_zero(session, world, order_plan):
    """RS-F9 (partly): who may never owe anything may still have the free plan."""
    with scope(world.scope):
        session.get_one(Account, (world.id, world.basic.id)).credit_limit = Decimal(0)
        session.commit()
    placed = order_plan("free", "sunrise")
    run(world, placed)
    with scope(world.scope):
        assert session.get_one(Order, (world.id, placed.id)).status is OrderStatus.EXECUTED


def test_doing_it_twice_opens_one_storefront(session, world, order_plan):
    placed = order_plan("standard", "sunrise")
    for _ in range(2):
        run(world, placed)
    with scope(world.scope):
        assert len(all_of(session, Subscription)) == 1
        (invoice,) = all_of(session, Invoice)
        assert invoice.net_total == Decimal("39.00")
        welcomes = [mail for mail in all_of(session, OutboundMail) if mail.template == "storefront_welcome"]
        assert len(welcomes) == 1


def test_an_alias_lost_in_a_race_fails_its_item_alone(session, world, order_plan):
    """Decisions section 8: the order is Partially Executed, the other item is there, the plan is not charged."""
    placed = order_plan("standard", "techsolutions", Wanted(world.seats, 2, "10.00"))
    run(world, placed)
    with scope(world.scope):
        order = session.get_one(Order, (world.id, placed.id), populate_existing=True)
        assert order.status is OrderStatus.PARTIALLY_EXECUTED
        lost, other = sorted(all_of(session, OrderItem), key=lambda item: item.position)
        assert (lost.delivery_status, other.delivery_status) == (DeliveryStatus.FAILED, DeliveryStatus.DELIVERED)
        assert "alias" in (lost.failure_reason or "")
        (charge,) = all_of(session, Charge)
        assert charge.order_item_id == other.id
        (invoice,) = all_of(session, Invoice)
        assert invoice.net_total == Decimal("20.00")
        assert [sub.plan_edition for sub in all_of(session, Subscription)] == [None]


def test_a_plan_without_an_alias_is_not_executed(session, world, order_plan):
    placed = order_plan("standard", None)
    run(world, placed)
    with scope(world.scope):
        assert session.get_one(Order, (world.id, placed.id)).status is OrderStatus.SUBMITTED
        assert all_of(session, Subscription) == all_of(session, Invoice) == []


def test_another_plan_switches_the_running_one(session, world, order_plan):
    run(world, order_plan("free", "sunrise"))
    placed = order_plan("standard", None)
    run(world, placed)
    with scope(world.scope):
        (subscription,) = all_of(session, Subscription)
        assert (subscription.plan_edition, subscription.status) == ("standard", SubscriptionStatus.ACTIVE)
        assert session.get_one(Order, (world.id, placed.id)).status is OrderStatus.EXECUTED
        (invoice,) = all_of(session, Invoice)
        assert invoice.net_total == Decimal("39.00")


def test_a_storefront_that_cannot_open_is_tried_again_and_says_why(session, world, order_plan, monkeypatch):
    placed = order_plan("standard", "sunrise")

    def broken(*_args: object, **_kwargs: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(provisioning, "open_storefront", broken)
        run(world, placed)
    with scope(world.scope):
        (task,) = all_of(session, ProvisioningTask)
        assert (task.status, task.message) == (TaskStatus.PENDING, "OSError: disk full")
        assert session.scalars(select(Storefront).where(Storefront.reseller_id == world.basic.id)).all() == []
        with unit_of_work():
            task.next_attempt_at = MONDAY_NOON
    run(world, placed)
    with scope(world.scope):
        assert all_of(session, Subscription)[0].status is SubscriptionStatus.ACTIVE
