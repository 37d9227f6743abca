"""Resellers are told of special prices that the cost has overtaken, once a day (RS-20, RSN-19)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from app.notifications.models import OutboundMail
from app.pricing.models import PriceListEntry
from app.resellers.listings import ListingChange
from app.resellers.listings_below_cost import tell_of_prices_below_cost
from app.resellers.models import ListingAction
from tenants.context import scope
from tests.factories.world import MONDAY, MONDAY_NOON


@pytest.fixture
def tell(world, session):
    """Run the periodic job; returns addresses and products of all mails so far."""

    def run(at=MONDAY_NOON):
        with scope(world.scope):
            tell_of_prices_below_cost(at=at)
            session.flush()
            mails = session.scalars(select(OutboundMail).where(OutboundMail.template == "prices_below_cost")).all()
            return [(mail.to_email, mail.fields["products"], mail.sender_reseller_id) for mail in mails]

    return run


@pytest.fixture
def overtaken(world, session, change, rules):
    """The cost of seats has climbed above what one customer agreed."""
    change(ListingChange(ListingAction.LIST), *world.products)
    rules.special(world.seats, "11.20", customer_id=world.tech.customers[0].id)
    rules.special(world.suite, "30.00", term="P1Y")
    with scope(world.scope):
        entry = session.scalars(select(PriceListEntry).where(PriceListEntry.product_id == world.seats.id)).one()
        entry.price = Decimal("11.50")
        session.flush()


def test_admins_are_told_once_a_day_which_products(world, overtaken, tell):
    """RS-F58 (partly): in the distributor's name, to the reseller alone."""
    mail = (world.tech.admin.email, "Contoso Mail", None)
    assert tell() == [mail]
    assert tell(MONDAY_NOON + timedelta(hours=23)) == [mail]
    assert tell(MONDAY_NOON + timedelta(hours=25)) == [mail, mail]


def test_nobody_is_told_of_what_is_not_listed_or_over(world, session, overtaken, change, tell, rules):
    change(ListingChange(ListingAction.UNLIST), world.seats)
    rules.special(world.tool, "1.00", term="none", cycle="one_time", valid_to=MONDAY - timedelta(days=1))
    assert tell() == []
