from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from app.catalogue.models import BillingCycle, Product, ProductType, Term
from app.core.clock import utc_now
from app.identity.models import UserKind, UserType
from app.orders.execution import process_work
from app.subscriptions.models import Asset
from tenants.context import scope
from tests.factories.execution import Wanted, make_order
from tests.factories.world import make_user

ONCE = {"term": Term.NONE, "cycle": BillingCycle.ONE_TIME}


@pytest.fixture
def staff(session, world) -> Callable:
    """Make a colleague of a role."""

    def made(role: str):
        with scope(world.scope):
            return make_user(
                session,
                None,
                kind=UserKind.BSS,
                realms=(world.id,),
                first_name="Sam",
                type=UserType.USER,
                roles=(role,),
            )

    return made


@pytest.fixture
def asset(session, world) -> Asset:
    """Three tools at 50.00, bought now by a customer of Tech Solutions; returnable for 14 days."""
    shop = world.tech
    placed = make_order(
        session, world, shop.customers[0], shop.buyers[0], [Wanted(world.tool, 3, "62.50", **ONCE)],
        payer=shop.account, at=utc_now(),
    )  # fmt: skip
    with scope(world.scope):
        own_type = session.get_one(Product, (world.id, world.tool.id)).product_type_id
        session.execute(update(ProductType).where(ProductType.id == own_type).values(return_days=14))
        process_work(placed.work.id, at=utc_now())
        session.commit()
        found = session.scalars(select(Asset)).one()
        session.expunge(found)
        return found
