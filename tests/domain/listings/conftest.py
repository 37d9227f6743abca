"""A reseller that has listed nothing yet, of the small world."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, select

from app.audit.services import Actor
from app.core.db import BoundSession
from app.pricing.models import MarkupRule
from app.resellers.listings import apply_change
from app.resellers.models import Listing
from tenants.context import Scope, scope
from tests.counting import statements_of
from tests.factories.pricing import Rules, with_lists
from tests.factories.world import MONDAY, MONDAY_NOON, World


@pytest.fixture
def who(world: World) -> dict[str, Any]:
    return {
        "reseller_id": world.tech.id,
        "actor": Actor(world.tech.admin.id, "Rhea", world.tech.id),
        "at": MONDAY_NOON,
        "on": MONDAY,
    }


@pytest.fixture
def staff(session: BoundSession, world: World) -> Scope:
    """The scope of Tech Solutions' staff with its price lists named; nothing is listed any more."""
    entered = with_lists(world.tech.scope, world.tech.id)
    with scope(entered):
        session.execute(delete(Listing))
    return entered


@pytest.fixture
def rules(session: BoundSession, world: World) -> Rules:
    return Rules(session, world.tech)


@pytest.fixture
def statements(connection):
    """Collect the SQL of a block."""
    return lambda: statements_of(connection)


@pytest.fixture
def change(staff: Scope, who: dict[str, Any]):
    """Make one change in the reseller's scope; returns reasons by product, None for done."""

    def make(listing_change, *products):
        with scope(staff):
            results = apply_change(listing_change, [product.id for product in products], **who)
        return [result.reason for result in results]

    return make


@pytest.fixture
def listed(session: BoundSession, staff: Scope):
    def ids():
        with scope(staff):
            return set(session.scalars(select(Listing.product_id)))

    return ids


@pytest.fixture
def markups(session: BoundSession, staff: Scope):
    """Return the percentages of the products' own markups."""

    def percents():
        with scope(staff):
            own = select(MarkupRule.product_id, MarkupRule.percent).where(MarkupRule.product_id.is_not(None))
            return dict(session.execute(own).all())

    return percents
