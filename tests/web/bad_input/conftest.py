"""A world in which there is something to change, and what it holds."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import select, text

from app.audit.services import SYSTEM
from app.catalogue.models import Category
from app.core.db import Base, BoundSession
from app.orders.models import OrderItem
from app.pricing.models import Promotion, PromotionAmount, PromotionDuration
from app.resellers.plans import PlanPrices, activate_reseller_plans
from tenants.context import distributor_scope, scope
from tenants.scoping import DistributorScoped
from tests.factories.world import MONDAY_NOON, World, make_entry
from tests.web.conftest import SignIn
from tests.web.storefront.steps import ALIAS, buy

# What a person's own visit leaves behind, whatever the form says.
VISITS = frozenset({"user_sessions", "sessions", "realm_sessions"})


@pytest.fixture
def number(sign_in: SignIn, world: World) -> str:
    """An order of Tech Solutions' first customer that waits for approval."""
    return buy(sign_in(world.tech.buyers[0]), world.seats, path=ALIAS)


@pytest.fixture
def own_ids(session: BoundSession, world: World, number: str) -> dict[str, object]:
    """What a rule's places are called, and a record of the world that may stand there."""
    with scope(world.scope):
        item_id = session.scalars(select(OrderItem.id)).first()
        category_id = session.scalars(select(Category.id)).first()
        promotion = Promotion(
            name="Spring", starts_on=MONDAY_NOON.date(), amount_kind=PromotionAmount.PERCENT, value=Decimal(5),
            duration=PromotionDuration.LIFETIME, created_at=MONDAY_NOON,
        )  # fmt: skip
        session.add(promotion)
        session.flush()
        promotion_id = promotion.id
    return {
        "account_id": world.tech.id,
        "category_id": category_id,
        "customer_id": world.tech.customers[0].id,
        "group_id": world.group.id,
        "item_id": item_id,
        "number": number,
        "price_list_id": world.price_list.id,
        "product_id": world.seats.id,
        "promotion_id": promotion_id,
        "type_id": world.product_type.id,
        "user_id": world.tech.buyers[1].id,
    }


def contents(session: BoundSession, world: World) -> dict[str, int]:
    """How many rows the distributor has in each table."""
    names = [m.local_table.name for m in Base.registry.mappers if issubclass(m.class_, DistributorScoped)]
    with scope(distributor_scope(world.id).in_realm(world.root.id)):
        return {
            name: session.scalar(text(f"SELECT count(*) FROM {name} WHERE distributor_id = :id"), {"id": world.id})
            for name in names
            if name not in VISITS
        }


@pytest.fixture
def plan_price(world: World, session: BoundSession) -> str:
    """A plan that the Basic reseller may be given, as the upgrade page names it."""
    with scope(world.scope):
        free = activate_reseller_plans(PlanPrices(Decimal(49), Decimal(490)), actor=SYSTEM, at=MONDAY_NOON)[0]
        free.is_published = True
        make_entry(session, world.price_list, free, "0.00")
    return f"{free.id}:P1M:monthly"
