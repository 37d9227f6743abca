from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from app.audit.services import Actor
from app.catalogue.models import BillingCycle, Term
from app.core.db import unit_of_work
from app.orders.agreed import AgreedPrice
from app.orders.offers.models import Offer
from app.orders.offers.rows import Staff
from app.orders.offers.services import OfferDetails, OfferedItem, add_item, create_offer
from tenants.context import scope
from tests.factories.world import MONDAY_NOON, World, make_world

NOTHING = Decimal(0)


@pytest.fixture
def world(session) -> World:
    """The world, detached: a refusal rolls back and would expire what the test still has to read."""
    made = make_world(session)
    session.expunge_all()
    return made


@pytest.fixture
def manager(world) -> Staff:
    """An account manager: the discount ceiling holds for them."""
    return Staff(Actor(world.bss_user.id, "Mia Manager"), is_administrator=False)


@pytest.fixture
def administrator(world) -> Staff:
    return Staff(Actor(world.bss_user.id, "Ana Admin"), is_administrator=True)


@pytest.fixture
def make_offer(world, manager) -> Callable[..., Offer]:
    """`make_offer(discount="10")`: five seats at 10.00 a month and one suite at 20.00, for the direct customer."""

    def make(discount: str = "0", price: str | None = None) -> Offer:
        agreed = AgreedPrice(Decimal(price) if price else None, Decimal(discount))
        with scope(world.scope), unit_of_work():
            offer = create_offer(world.direct.id, OfferDetails(), staff=manager, at=MONDAY_NOON)
            seats = OfferedItem(world.seats.id, Term.P1M, BillingCycle.MONTHLY, 5, agreed=agreed)
            add_item(offer.number, seats, staff=manager, at=MONDAY_NOON)
            suite = OfferedItem(world.suite.id, Term.P1Y, BillingCycle.MONTHLY, 1)
            add_item(offer.number, suite, staff=manager, at=MONDAY_NOON)
        return offer

    return make
