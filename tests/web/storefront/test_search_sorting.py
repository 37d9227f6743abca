"""The order of what a search finds, and apps and services without their add-ons (SF-23)."""

from __future__ import annotations

import re
from datetime import timedelta
from http import HTTPStatus

import pytest
from sqlalchemy import update

from app.catalogue.models import Product
from app.pricing import search
from tenants.context import scope
from tests.counting import statements_of
from tests.factories.world import MONDAY_NOON, make_entry, make_product
from tests.web.storefront.steps import ALIAS

NAMES = ("Mail", "Contoso Hosted Mail", "Webmail", "Mail Archive")
PRICES = ("30.00", "10.00", "20.00", "40.00")


@pytest.fixture(autouse=True)
def _mails(session, world) -> None:
    """Four products that "mail" finds, each newer than the one before; Mail Archive is an add-on."""
    with scope(world.scope):
        for place, (name, price) in enumerate(zip(NAMES, PRICES, strict=True)):
            product = make_product(session, world.product_type, name, list_price=price)
            make_entry(session, world.price_list, product, price)
            product.published_at = MONDAY_NOON + timedelta(days=place)
            product.is_add_on = name == "Mail Archive"
        session.execute(update(Product).where(Product.id == world.seats.id).values(is_published=False))
        session.commit()


def names(page: str) -> list[str]:
    """The products of a page, in their order."""
    shown = re.findall(r"<h2[^>]*>(?:<a[^>]*>)?([^<]+)<", page)
    return [name for name in shown if name in NAMES]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("", ["Mail", "Mail Archive", "Contoso Hosted Mail", "Webmail"]),
        ("&sort=relevance", ["Mail", "Mail Archive", "Contoso Hosted Mail", "Webmail"]),
        ("&sort=name", ["Contoso Hosted Mail", "Mail", "Mail Archive", "Webmail"]),
        ("&sort=price", ["Contoso Hosted Mail", "Webmail", "Mail", "Mail Archive"]),
        ("&sort=newest", ["Mail Archive", "Webmail", "Contoso Hosted Mail", "Mail"]),
        ("&sort=price;drop", ["Mail", "Mail Archive", "Contoso Hosted Mail", "Webmail"]),
        ("&sort=name&show=apps", ["Contoso Hosted Mail", "Mail", "Webmail"]),
        ("&sort=price&show=apps", ["Contoso Hosted Mail", "Webmail", "Mail"]),
    ],
)
def test_what_is_found_stands_in_the_order_asked_for(world, sign_in, asked, expected):
    """SF-23: relevance, name, price, newest; apps and services leave add-ons out; the state stands in the address."""
    page = sign_in(world.direct_buyer).get(f"/search?q=mail{asked}").text
    assert names(page) == expected


@pytest.mark.parametrize("sort", ["relevance", "name", "price", "newest"])
def test_pages_of_a_search_follow_each_other(world, sign_in, monkeypatch, sort):
    """SF-23: each product stands on one page; the links keep words and order; odd pages are the first."""
    monkeypatch.setattr("app.storefront.catalogue.views.PAGE", 3)
    buyer = sign_in(world.direct_buyer)
    whole = f"/search?q=mail&sort={sort}"

    first, second = buyer.get(whole).text, buyer.get(f"{whole}&page=2").text

    assert len(names(first)) == 3
    assert sorted(names(first) + names(second)) == sorted(NAMES)
    link = re.search(r'href="(/search\?[^"]*page=2[^"]*)"', first)
    assert link is not None
    assert names(buyer.get(link[1].replace("&amp;", "&")).text) == names(second)
    assert names(buyer.get(f"{whole}&page=-4").text) == names(buyer.get(f"{whole}&page=x").text) == names(first)
    assert buyer.get(f"{whole}&page=99999999999999999999").status_code == HTTPStatus.OK


def test_prices_are_those_of_the_buyer(session, world, sign_in):
    """SF-23, CB-04: an alias sorts by what its customers pay; what cannot be seen there has no place."""
    page = sign_in(world.tech.buyers[0]).get(f"{ALIAS}/search?q=contoso&sort=price").text
    assert "Contoso Hosted Mail" not in page
    assert f"/product/{world.suite.slug}" in page


def test_who_sees_no_prices_learns_nothing_from_their_order(session, world, client, sign_in):
    """SF-18, SF-23: a hidden price gives no place among the others, and its product stands last."""
    with scope(world.scope):
        session.execute(update(Product).where(Product.name == "Contoso Hosted Mail").values(shows_price=False))
        session.commit()

    page = sign_in(world.direct_buyer).get("/search?q=mail&sort=price").text

    assert names(page) == ["Webmail", "Mail", "Mail Archive", "Contoso Hosted Mail"]
    assert "€10.00" not in page


def test_of_too_many_products_prices_are_not_worked_out(world, sign_in, monkeypatch):
    """SF-23: what costs too much is not done; whoever searches is told how to get there."""
    monkeypatch.setattr(search, "MOST_BY_PRICE", 3)

    page = sign_in(world.direct_buyer).get("/search?q=mail&sort=price").text

    assert "narrow the search to sort them by price" in page
    assert names(page) == ["Mail", "Mail Archive", "Contoso Hosted Mail", "Webmail"]


def test_an_order_costs_no_statement_more(connection, world, sign_in):
    """A search is one statement for its products, whatever it is sorted by."""
    buyer = sign_in(world.direct_buyer)
    counted = []
    for sort in ("name", "relevance", "newest", "price"):
        buyer.get(f"/search?q=mail&sort={sort}")
        with statements_of(connection) as seen:
            buyer.get(f"/search?q=webmail&sort={sort}")
        counted.append(len(seen))
    assert counted == [counted[0]] * 4


def test_the_catalogue_shows_all_or_apps_and_services(world, sign_in):
    """SF-23: the top filters combine, and each keeps the others."""
    buyer = sign_in(world.direct_buyer)
    everything, apps = buyer.get("/catalogue").text, buyer.get("/catalogue?show=apps").text
    assert "Mail Archive" in names(everything)
    assert set(names(apps)) == set(NAMES) - {"Mail Archive"}
    assert f"category={world.category.slug}&amp;show=apps" in apps
