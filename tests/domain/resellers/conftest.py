"""A world whose distributor sells plans, and subscriptions to them as an execution leaves them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest

from app.audit.services import SYSTEM
from app.catalogue.models import BillingCycle, Product, Term
from app.core.db import BoundSession
from app.core.db import session as thread_session
from app.orders.models import Order, OrderChannel, OrderItem, OrderStatus
from app.resellers.plans import PlanPrices, activate_reseller_plans
from app.subscriptions.models import Subscription, SubscriptionStatus, SyncStatus
from app.subscriptions.services import NewSubscription, Owner, create_for_item
from tenants.context import scope
from tests.factories.world import MONDAY_NOON, Shop, World, make_entry


@pytest.fixture
def plans(world: World) -> Sequence[Product]:
    """Free and Standard, switched on and not yet published."""
    with scope(world.scope):
        return activate_reseller_plans(PlanPrices(Decimal("49.00"), Decimal("490.00")), actor=SYSTEM, at=MONDAY_NOON)


def plan_item(shop: Shop, plan: Product, alias: str | None, *, placed_by_id: UUID) -> OrderItem:
    """An order of a plan that waits for its execution. Call it in the distributor's scope."""
    number = f"SO-P{thread_session.query(Order).count():04}"
    order = Order(
        reseller_id=shop.id,
        account_id=shop.id,
        number=number,
        status=OrderStatus.SUBMITTED,
        channel=OrderChannel.BSS,
        payer_id=shop.id,
        net_total=Decimal(0),
        currency="EUR",
        contact_email=shop.account.email,
        placed_by_id=placed_by_id,
        placed_at=MONDAY_NOON,
    )
    thread_session.add(order)
    thread_session.flush()
    item = OrderItem(
        reseller_id=shop.id,
        account_id=shop.id,
        order_id=order.id,
        position=1,
        product_id=plan.id,
        product_name=plan.name,
        term=Term.P1M,
        cycle=BillingCycle.MONTHLY,
        quantity=1,
        unit_price=Decimal(0),
        line_total=Decimal(0),
        currency="EUR",
        alias=alias,
    )
    thread_session.add(item)
    thread_session.flush()
    return item


def subscription_of(item: OrderItem, plan: Product) -> Subscription:
    """What the execution of a plan item makes, before its storefront is opened."""
    assert item.account_id is not None
    return create_for_item(
        NewSubscription(
            owner=Owner(item.account_id, item.reseller_id, item.account_id, item.reseller_id, bought_by_reseller=True),
            order_item_id=item.id,
            product_id=plan.id,
            name=plan.name,
            quantity=1,
            term=item.term,
            cycle=item.cycle,
            unit_price=item.unit_price,
            currency=item.currency,
            starts_on=date(2026, 3, 2),
            sync_status=SyncStatus.PENDING,
            plan_edition=plan.plan_edition,
            unit_cost=item.unit_price,
            price_list_id=None,
            rule="cost",
            markup_percent=None,
        ),
        at=MONDAY_NOON,
    )


def live_plan_of(shop: Shop, plan: Product) -> Subscription:
    """A plan subscription that is active, for a shop whose storefront stands already."""
    item = plan_item(shop, plan, None, placed_by_id=shop.admin.id)
    found = subscription_of(item, plan)
    found.status, found.sync_status = SubscriptionStatus.ACTIVE, SyncStatus.SYNCHRONISED
    thread_session.flush()
    return found


@pytest.fixture
def priced_plans(world: World, plans: Sequence[Product], session: BoundSession) -> Sequence[Product]:
    """The plans with their list prices in the resellers' price list."""
    free, standard = plans
    with scope(world.scope):
        make_entry(session, world.price_list, free, "0.00")
        make_entry(session, world.price_list, standard, "49.00")
        make_entry(session, world.price_list, standard, "490.00", term=Term.P1Y, cycle=BillingCycle.ANNUAL)
    return plans
