"""What a storefront shows to whom."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from http import HTTPStatus

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.catalogue.models import BillingCycle, Category, Product, ProductPrice, Term
from app.core.db import BoundSession
from app.orders.models import BasketItem
from app.pricing.models import PriceListEntry
from app.resellers.models import Listing
from tenants.context import scope
from tenants.settings import (
    distributor_settings,
    save_distributor_settings,
    save_storefront_settings,
    storefront_settings,
)
from tests.factories.world import MONDAY_NOON, World
from tests.web.conftest import SignIn
from tests.web.storefront.steps import ALIAS


@pytest.mark.parametrize("column", ["is_published", "is_active"])
def test_an_unpublished_product_is_nowhere(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession, column: str
) -> None:
    """SF-F35: an unpublished product is neither listed, found nor reachable by URL."""
    sign_in(world.direct_buyer)
    before = client.get("/catalogue").text
    with scope(world.scope):
        setattr(session.get_one(Product, (world.id, world.seats.id)), column, False)
    added = client.post(
        "/basket/items", data={"product_id": str(world.seats.id), "price": "P1M.monthly", "quantity": "1"}
    )

    assert f"/product/{world.seats.slug}" in before
    assert f"/product/{world.seats.slug}" not in client.get("/catalogue").text
    assert f"/product/{world.seats.slug}" not in client.get("/search?q=contoso").text
    assert client.get(f"/product/{world.seats.slug}").status_code == HTTPStatus.NOT_FOUND
    assert added.status_code == HTTPStatus.NOT_FOUND
    with scope(world.scope):
        assert session.scalar(select(func.count()).select_from(BasketItem)) == 0


def test_a_product_without_a_price_in_the_buyers_currency_is_not_sold(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession
) -> None:
    """CB-F5: without a price in the account's currency a product is neither listed nor orderable (404)."""
    with scope(world.scope):
        for model in (PriceListEntry, ProductPrice):
            for row in session.scalars(select(model).where(model.product_id == world.seats.id)):
                session.delete(row)
                session.flush()
        session.add(
            ProductPrice(
                product_id=world.seats.id,
                term=Term.P1M,
                cycle=BillingCycle.MONTHLY,
                currency="USD",
                list_price=Decimal(12),
            )
        )
    sign_in(world.direct_buyer)
    added = client.post(
        "/basket/items", data={"product_id": str(world.seats.id), "price": "P1M.monthly", "quantity": "1"}
    )

    assert world.seats.slug not in client.get("/catalogue").text
    assert client.get(f"/product/{world.seats.slug}").status_code == HTTPStatus.NOT_FOUND
    assert added.status_code == HTTPStatus.NOT_FOUND
    with scope(world.scope):
        assert session.scalar(select(func.count()).select_from(BasketItem)) == 0


def test_a_basic_reseller_sees_its_price_list_and_retail_prices_only_on_demand(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession
) -> None:
    """RS-F4: a Basic reseller sees price-list prices; the retail price appears only when the distributor enables it."""
    sign_in(world.basic.admin)
    without = client.get("/catalogue").text
    with scope(world.scope):
        save_distributor_settings(replace(distributor_settings(), show_retail_prices_to_resellers=True))
    with_retail = client.get("/catalogue").text

    assert "10.00" in without
    assert "12.00" not in without
    assert "10.00" in with_retail
    assert "12.00" in with_retail


def test_visitors_come_in_only_where_the_owner_lets_them(
    client: FlaskClient, world: World, session: BoundSession
) -> None:
    """RS-F38: anonymous access off: the catalogue redirects to login; on: listed products, no prices by default."""
    shut = client.get(f"{ALIAS}/catalogue")
    assert world.tech.storefront is not None
    with scope(world.tech.scope):
        shop = world.tech.storefront
        settings = replace(storefront_settings(shop.id), anonymous_access=True)
        save_storefront_settings(shop.id, settings, reseller_id=world.tech.id, at=MONDAY_NOON)
    opened = client.get(f"{ALIAS}/catalogue")

    assert shut.status_code == HTTPStatus.SEE_OTHER
    assert shut.headers["Location"].startswith(f"{ALIAS}/login")
    assert opened.status_code == HTTPStatus.OK
    assert world.seats.name in opened.text
    assert "Sign in to see the price" in opened.text
    assert "€" not in opened.text


def test_categories_count_what_this_buyer_is_offered(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession
) -> None:
    """SF-23: counts beside names count visible products only; empty categories are hidden."""
    with scope(world.scope):
        below = Category(name="Mail", slug="mail", parent_id=world.category.id)
        session.add_all([below, Category(name="Nothing here", slug="nothing-here")])
        session.flush()
        session.get_one(Product, (world.id, world.seats.id)).category_id = below.id
    with scope(world.tech.scope):
        session.delete(session.scalars(select(Listing).where(Listing.product_id == world.tool.id)).one())
    sign_in(world.tech.buyers[0])
    page = client.get(f"{ALIAS}/catalogue").text.partition("<main")[2].partition("</main>")[0]
    branch = client.get(f"{ALIAS}/catalogue?category=mail").text.partition("<main")[2].partition("</main>")[0]

    assert 'Productivity<span class="muted numbers">2</span>' in page
    assert "Nothing here" not in page
    assert 'Mail<span class="muted numbers">1</span>' in branch
    assert world.seats.slug in branch
    assert world.suite.slug not in branch


def test_search_engines_read_only_what_the_owner_opened(
    client: FlaskClient, world: World, session: BoundSession
) -> None:
    shut, none = client.get(f"{ALIAS}/robots.txt"), client.get(f"{ALIAS}/sitemap.xml")
    assert world.tech.storefront is not None
    with scope(world.tech.scope):
        shop = world.tech.storefront
        settings = replace(storefront_settings(shop.id), anonymous_access=True, is_indexed=True)
        save_storefront_settings(shop.id, settings, reseller_id=world.tech.id, at=MONDAY_NOON)
    robots, sitemap = client.get(f"{ALIAS}/robots.txt").text, client.get(f"{ALIAS}/sitemap.xml")

    assert shut.text == f"User-agent: *\nDisallow: {ALIAS}/\n"
    assert none.status_code == HTTPStatus.NOT_FOUND
    assert f"Disallow: {ALIAS}/checkout" in robots
    assert f"Sitemap: http://{world.host}{ALIAS}/sitemap.xml" in robots
    assert sitemap.mimetype == "application/xml"
    assert f"<loc>http://{world.host}{ALIAS}/product/{world.seats.slug}</loc>" in sitemap.text


def test_reseller_staff_preview_the_prices_of_their_customers(
    client: FlaskClient, world: World, sign_in: SignIn
) -> None:
    """Decisions section 8: under the own alias staff look, and order at the root; nothing leads into a dead end."""
    sign_in(world.tech.admin)
    page = client.get(f"{ALIAS}/product/{world.seats.slug}").text

    assert "This is what your customers see" in page
    assert "Add to basket" not in page
    assert client.get(f"{ALIAS}/checkout/details").status_code == HTTPStatus.FORBIDDEN
