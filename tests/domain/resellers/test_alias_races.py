"""Two executions at the same moment, on two connections and committed data: the unique constraint decides (RS-08)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import func, select

from app.accounts.models import Account
from app.audit.services import SYSTEM
from app.catalogue.models import Product
from app.core.db import session as thread_session
from app.core.errors import DomainError
from app.orders.models import DeliveryStatus, Order, OrderItem, OrderStatus, OrderWork
from app.provisioning.models import ProvisioningTask
from app.resellers.plans import PlanPrices, PlanRequest, activate_reseller_plans, claim_plan
from app.resellers.storefronts import open_storefront
from app.subscriptions.models import Subscription
from tenants.context import Scope, scope
from tenants.models import Address, AddressState, Storefront, StorefrontState
from tests.committed import committed_database
from tests.domain.resellers.conftest import plan_item, subscription_of
from tests.factories.world import MONDAY_NOON, Shop, World, make_entry, make_world
from workers.jobs.orders import process_order_work
from workers.jobs.provisioning import provision_order_item


@pytest.fixture
def sold(database: None) -> Iterator[tuple[World, Sequence[Product]]]:
    """A world with plans on sale, in a database where commits are real."""
    with committed_database():
        world = make_world(thread_session())
        with scope(world.scope):
            plans = activate_reseller_plans(PlanPrices(Decimal(49), Decimal(490)), actor=SYSTEM, at=MONDAY_NOON)
            for plan, price in zip(plans, ("0.00", "49.00"), strict=True):
                make_entry(thread_session(), world.price_list, plan, price)
            thread_session.commit()
        yield world, plans


def execution(
    here: Scope, item: OrderItem, shop: Shop, plan: Product, together: threading.Barrier
) -> Callable[[], str]:
    """What the execution of one plan item does, in a thread and transaction of its own; returns how it ended."""

    def run() -> str:
        try:
            with scope(here):
                together.wait(timeout=10)
                claim_plan(item.id, PlanRequest(shop.id, plan.id, alias="sunrise"), at=MONDAY_NOON)
                open_storefront(subscription_of(item, plan).id, at=MONDAY_NOON)
                thread_session.commit()
        except DomainError as refusal:
            thread_session.rollback()
            return getattr(refusal, "codes", (refusal.code,))[0]
        finally:
            thread_session.remove()
        return "opened"

    return run


def run_together(first: Callable[[], str], second: Callable[[], str]) -> list[str]:
    with ThreadPoolExecutor(2) as pool:
        return sorted(future.result(timeout=60) for future in [pool.submit(first), pool.submit(second)])


def live_storefronts(world: World, resellers: Sequence[UUID]) -> tuple[int, int, int]:
    """Live storefronts, live addresses called sunrise, and plan subscriptions, as committed."""
    thread_session.remove()
    with scope(world.scope):
        storefronts = thread_session.scalar(
            select(func.count()).where(Storefront.reseller_id.in_(resellers), Storefront.state == StorefrontState.LIVE)
        )
        addresses = thread_session.scalar(
            select(func.count()).where(Address.alias == "sunrise", Address.state == AddressState.LIVE)
        )
        subscriptions = thread_session.scalar(select(func.count()).select_from(Subscription))
        return storefronts or 0, addresses or 0, subscriptions or 0


def executed_by_the_worker(work: OrderWork, world: World, together: threading.Barrier) -> Callable[[], str]:
    """The order job itself and then the provisioning job, in a thread with sessions of its own."""
    work_id, order_id, distributor_id = work.id, work.order_id, world.id

    def run() -> str:
        together.wait(timeout=10)
        process_order_work(str(work_id), distributor_id=str(distributor_id))
        with scope(world.scope):
            tasks = thread_session.scalars(
                select(ProvisioningTask.id).where(ProvisioningTask.order_id == order_id)
            ).all()
            thread_session.rollback()
        for task_id in tasks:
            provision_order_item(str(task_id), distributor_id=str(distributor_id))
        return "opened" if tasks else "refused"

    return run


def ask_for_execution(item: OrderItem) -> OrderWork:
    """What the request of an execution leaves behind."""
    order = thread_session.get_one(Order, (item.distributor_id, item.order_id))
    order.status = OrderStatus.EXECUTING
    work = OrderWork(order_id=order.id, kind="execute", next_attempt_at=MONDAY_NOON, created_at=MONDAY_NOON)
    thread_session.add(work)
    thread_session.flush()
    return work


def make_reseller_of(account: Account) -> None:
    account.is_reseller, account.reseller_id, account.edition = True, account.id, "basic"


@pytest.mark.parametrize("attempt", range(3))
def test_of_two_simultaneous_executions_with_one_alias_exactly_one_opens(
    sold: tuple[World, Sequence[Product]], attempt: int
) -> None:
    """RS-F22: two simultaneous executions with one alias leave exactly one live storefront; the other item fails alone."""
    world, plans = sold
    with scope(world.scope):
        make_reseller_of(world.direct)
        other = Shop(world.direct, None, world.direct_buyer, None)
        works = [
            ask_for_execution(plan_item(shop, plans[0], "sunrise", placed_by_id=world.bss_user.id))
            for shop in (world.basic, other)
        ]
        thread_session.commit()
    together = threading.Barrier(2)
    ended = run_together(*(executed_by_the_worker(work, world, together) for work in works))
    with scope(world.scope):
        orders = thread_session.scalars(select(Order.status)).all()
        failed = thread_session.scalars(
            select(OrderItem.failure_reason).where(OrderItem.delivery_status == DeliveryStatus.FAILED)
        ).all()

    assert ended == ["opened", "refused"]
    assert live_storefronts(world, [world.basic.id, other.id]) == (1, 1, 1)
    assert sorted(status.value for status in orders) == ["executed", "partially_executed"]
    assert failed == ["This alias is taken; choose another"]


@pytest.mark.parametrize("attempt", range(3))
def test_of_two_resellers_with_one_alias_exactly_one_opens(sold: tuple[World, Sequence[Product]], attempt: int) -> None:
    """RS-F22 (partly): claims of one alias meet in the database; one goes on."""
    world, plans = sold
    with scope(world.scope):
        make_reseller_of(world.direct)
        other = Shop(world.direct, None, world.direct_buyer, None)
        thread_session.flush()
        items = [plan_item(shop, plans[0], "sunrise", placed_by_id=world.bss_user.id) for shop in (world.basic, other)]
        thread_session.commit()
    together = threading.Barrier(2)
    ended = run_together(
        execution(world.scope, items[0], world.basic, plans[0], together),
        execution(world.scope, items[1], other, plans[0], together),
    )

    assert "opened" in ended
    assert set(ended) - {"opened"} <= {"alias_taken", "taken"}
    assert live_storefronts(world, [world.basic.id, other.id]) == (1, 1, 1)


def test_of_two_orders_of_one_reseller_exactly_one_opens(sold: tuple[World, Sequence[Product]]) -> None:
    """RS-F11, RS-F22: the reseller's account is locked, so the second order meets a plan that is already active."""
    world, plans = sold
    with scope(world.scope):
        items = [plan_item(world.basic, plan, "sunrise", placed_by_id=world.bss_user.id) for plan in plans]
        thread_session.commit()
    together = threading.Barrier(2)
    ended = run_together(
        execution(world.scope, items[0], world.basic, plans[0], together),
        execution(world.scope, items[1], world.basic, plans[1], together),
    )

    assert ended == ["opened", "plan_already_active"]
    assert live_storefronts(world, [world.basic.id]) == (1, 1, 1)
