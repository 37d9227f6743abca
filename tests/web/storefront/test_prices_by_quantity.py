"""Prices by quantity on a product's page: the buyer's own, and no dearer to show (CB-04, SF-21)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import select

from app.catalogue.charging import Tier, tiers_as_json
from app.catalogue.models import PriceScheme
from app.pricing.models import MarkupLevel, PriceListEntry
from tenants.context import scope
from tests.counting import statements_of
from tests.factories.pricing import Rules
from tests.web.storefront.steps import ALIAS

TIERS = (Tier(1, Decimal(0)), Tier(11, Decimal(30)))


@pytest.fixture
def tiered(session, world) -> None:
    """From 11 on a seat costs 30 % less, by the list's line; Tech Solutions adds 20 %."""
    with scope(world.scope):
        for entry in session.scalars(select(PriceListEntry).where(PriceListEntry.product_id == world.seats.id)):
            entry.price_scheme, entry.price_tiers = PriceScheme.VOLUME, tiers_as_json(TIERS)
        session.commit()
    Rules(session, world.tech).markup(MarkupLevel.PRODUCT, "20", product_id=world.seats.id)
    session.commit()


def test_a_products_page_shows_what_larger_quantities_cost_its_buyer(session, world, sign_in, tiered):
    """CB-04: ranges with the unit price that this buyer pays; a reseller's customer reads the marked-up ones."""
    path = f"/product/{world.seats.slug}"

    direct = sign_in(world.direct_buyer).get(path).text
    alias = sign_in(world.tech.buyers[0]).get(f"{ALIAS}{path}").text

    for page in (direct, alias):
        assert "Prices by quantity" in page
        assert "1 – 10" in page
        assert "11 and more" in page
    assert "€7.00" in direct
    assert "€8.40" in alias
    assert "€7.00" not in alias


def test_ranges_cost_a_page_no_statement_more_and_lists_none_at_all(session, connection, world, sign_in, request):
    """CB-04: they come with the prices; a list of products does not read them."""
    buyer = sign_in(world.direct_buyer)
    paths = (f"/product/{world.seats.slug}", "/catalogue", "/search?q=contoso")
    counted = {}
    for name in ("without", "with"):
        if name == "with":
            request.getfixturevalue("tiered")
        for path in paths:
            buyer.get(path)
            with statements_of(connection) as seen:
                shown = buyer.get(path)
            counted[name, path] = len(seen)
            assert ("Prices by quantity" in shown.text) is (name == "with" and path == paths[0])
    assert [counted["with", path] for path in paths] == [counted["without", path] for path in paths]


def test_a_reseller_reads_why_a_larger_quantity_costs_what_it_does(world, sign_in, tiered):
    """CB-04, RS-20: the explanation counts the tiers of the quantity asked about, and lists the others."""
    path = f"{ALIAS}/manage/prices/products/{world.seats.id}?unit=P1M/monthly&quantity="
    staff = sign_in(world.tech.admin)

    few, many = staff.get(f"{path}10").text, staff.get(f"{path}15").text

    assert ("€120.00" in few, "€126.00" in few) == (True, False)  # 10 at 12.00
    assert ("€126.00" in many, "€105.00" in many) == (True, True)  # 15 at 8.40, for 15 at 7.00
    assert "from 11" in few


def test_staff_reads_them_where_it_orders(world, sign_in, tiered):
    """CB-04: the back office names the ranges of the payer beside the price of one."""
    staff = sign_in(world.bss_user)
    number = staff.post(f"/bss/orders/new/{world.direct.id}", data={}).location.split("/")[-2]

    page = staff.get(f"/bss/orders/{number}/items/new?key={world.seats.id}:P1M:monthly").text

    assert "From 11" in page
    assert "€7.00" in page
