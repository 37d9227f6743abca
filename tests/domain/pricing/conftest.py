"""Rules for the reseller of the small world: cost of seats 10.00, of suite 20.00, of tool 50.00 EUR."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from app.catalogue.models import Product
from app.pricing.quotes import Buyer, ExplainedPrice, alias_buyer, explain_products
from tenants.context import scope
from tests.counting import statements_of
from tests.factories.pricing import Rules, with_lists
from tests.factories.world import MONDAY, World


@pytest.fixture
def rules(session, world: World) -> Rules:
    return Rules(session, world.tech)


Quote = Callable[..., ExplainedPrice]


@pytest.fixture
def quote(session, world: World) -> Quote:
    """Return how the price of seats is explained to Tech Solutions, for a customer if one is given."""

    def explain(
        product: Product | None = None, *, customer: UUID | None = None, on: date = MONDAY, **changed: Any
    ) -> ExplainedPrice:
        asked = product or world.seats
        with scope(with_lists(world.tech.scope, world.tech.id)):
            buyer: Buyer = replace(alias_buyer(world.tech.id, customer, on), **changed)
            (found,) = explain_products([asked.id], buyer).values()
            return found

    return explain


@pytest.fixture
def statements(connection) -> Callable[[], Any]:
    """Collect the SQL of a block."""
    return lambda: statements_of(connection)
