from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from sqlalchemy import update

from app.catalogue.models import BillingCycle, Product, ProductType, Term
from app.orders.execution import process_work
from app.subscriptions.models import Asset
from tenants.context import scope
from tests.domain.renewals.conftest import Billing, billing, noon
from tests.factories.execution import Wanted, all_of, make_order
from tests.factories.world import World, make_world

__all__ = ("Billing", "billing", "noon")

FIRST = date(2026, 6, 1)
ONCE = {"term": Term.NONE, "cycle": BillingCycle.ONE_TIME}


@pytest.fixture
def world(session) -> World:
    """The world, detached: a refusal rolls back and would expire what the test still has to read."""
    made = make_world(session)
    session.expunge_all()
    return made


@pytest.fixture
def buy(session, world, billing) -> Callable[..., Asset]:
    """Buy tools, at 100.00 each if nothing else is said, for the direct customer or for a customer of Tech Solutions."""

    def bought(quantity: int = 3, *, for_customer: bool = False, day: date = FIRST, unit_cost: str = "100.00") -> Asset:
        billing.price(world.tool, unit_cost, **ONCE)
        shop = world.tech
        receiver, payer, by = (
            (shop.customers[0], shop.account, shop.buyers[0])
            if for_customer
            else (world.direct, world.direct, world.direct_buyer)
        )
        placed = make_order(
            session, world, receiver, by, [Wanted(world.tool, quantity, unit_cost, **ONCE)],
            payer=payer, at=noon(day),
        )  # fmt: skip
        with scope(world.scope):
            process_work(placed.work.id, at=noon(day))
            session.commit()
            found = next(each for each in all_of(session, Asset) if each.order_item_id == placed.items[0].id)
            session.expunge(found)  # a refusal rolls back and would expire it
            return found

    return bought


@pytest.fixture
def returnable(session, world) -> None:
    """What is sold once may be returned for 14 days."""
    with scope(world.scope):
        own = session.get_one(Product, (world.id, world.tool.id)).product_type_id
        session.execute(update(ProductType).where(ProductType.id == own).values(return_days=14))
        session.commit()


def as_it_stands(session, world, code: str) -> Asset:
    with scope(world.scope):
        return next(each for each in all_of(session, Asset) if each.code == code)
