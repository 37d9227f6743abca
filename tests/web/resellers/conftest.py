"""Plans on sale, and the workers that a web test runs by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest
from sqlalchemy import select

from app.audit.services import SYSTEM
from app.catalogue.models import BillingCycle, Product, Term
from app.core.db import BoundSession
from app.core.db import session as thread_session
from app.orders.models import Order, OrderChannel, OrderItem, OrderItemCost, OrderStatus, OrderWork, WorkState
from app.provisioning.models import ProvisioningTask, TaskStatus
from app.resellers.plans import PlanPrices, activate_reseller_plans
from tenants.context import scope
from tests.factories.world import MONDAY_NOON, World, make_entry
from workers.jobs.orders import process_order_work
from workers.jobs.provisioning import provision_order_item


@pytest.fixture
def plans(world: World, session: BoundSession) -> Sequence[Product]:
    """Free and Standard, published, with prices in the resellers' list."""
    with scope(world.scope):
        found = activate_reseller_plans(PlanPrices(Decimal(49), Decimal(490)), actor=SYSTEM, at=MONDAY_NOON)
        for plan in found:
            plan.is_published = True
        make_entry(session, world.price_list, found[0], "0.00")
        make_entry(session, world.price_list, found[1], "49.00")
        make_entry(session, world.price_list, found[1], "490.00", term=Term.P1Y, cycle=BillingCycle.ANNUAL)
    return found


@pytest.fixture
def run_workers(world: World) -> Callable[[], None]:
    """Do what the queues hold: first the orders, then the provisioning tasks."""

    def run() -> None:
        thread_session.commit()
        with scope(world.scope):
            works = thread_session.scalars(select(OrderWork.id).where(OrderWork.state == WorkState.PENDING)).all()
        for work_id in works:
            process_order_work(str(work_id), distributor_id=str(world.id))
        with scope(world.scope):
            tasks = thread_session.scalars(
                select(ProvisioningTask.id).where(ProvisioningTask.status == TaskStatus.PENDING)
            ).all()
        for task_id in tasks:
            provision_order_item(str(task_id), distributor_id=str(world.id))

    return run


@pytest.fixture
def sell_price_order(world: World, session: BoundSession) -> str:
    """An order under an alias that sells at 777.77 what costs the reseller 10.00; returns its number."""
    customer, buyer = world.tech.customers[0], world.tech.buyers[0]
    assert world.tech.storefront is not None
    with scope(world.scope):
        order = Order(
            reseller_id=world.tech.id,
            account_id=customer.id,
            number="SO-2026-900001",
            status=OrderStatus.EXECUTED,
            channel=OrderChannel.ALIAS,
            storefront_id=world.tech.storefront.id,
            payer_id=world.tech.id,
            net_total=Decimal("777.77"),
            currency="EUR",
            contact_email=buyer.email,
            placed_by_id=buyer.id,
            placed_at=MONDAY_NOON,
        )
        session.add(order)
        session.flush()
        item = OrderItem(
            reseller_id=world.tech.id,
            account_id=customer.id,
            order_id=order.id,
            position=1,
            product_id=world.seats.id,
            product_name=world.seats.name,
            term=Term.P1M,
            cycle=BillingCycle.MONTHLY,
            quantity=1,
            unit_price=Decimal("777.77"),
            line_total=Decimal("777.77"),
            currency="EUR",
        )
        session.add(item)
        session.flush()
        session.add(
            OrderItemCost(
                reseller_id=world.tech.id,
                account_id=world.tech.id,
                item_id=item.id,
                unit_cost=Decimal(10),
                line_cost=Decimal(10),
                currency="EUR",
                rule="cost",
            )
        )
    return order.number
