"""Special categories first in the menu, and menus that lead to no empty page (SF-07, SF-23)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from http import HTTPStatus

import pytest
from sqlalchemy import select, update

from app.catalogue.models import Category, Product
from app.catalogue.shelves.models import PopularProduct
from app.core.clock import utc_now
from app.core.ids import new_id
from app.orders.models import Order
from app.pricing.models import Promotion, PromotionAmount, PromotionDuration
from tenants.context import direct_business_scope, scope
from tenants.settings import distributor_settings, save_distributor_settings
from tests.counting import statements_of
from tests.web.storefront.steps import ALIAS, buy
from workers.jobs.popularity import count_popular_products

NOW = utc_now()


def change(session, world, *products, **values) -> None:
    with scope(world.scope):
        session.execute(update(Product).where(Product.id.in_([each.id for each in products])).values(**values))
        session.commit()


def menu(page: str) -> list[str]:
    """The names in the navigation, in their order."""
    start = page.index("<nav")
    return [
        " ".join(each.split())
        for each in re.findall(r"<a [^>]*catalogue[^>]*>(?:\s*<svg.*?</svg>)?\s*([^<]+)", page[start:], re.DOTALL)
    ]


def promote(session, world, product, **values) -> None:
    with scope(world.scope):
        session.add(
            Promotion(
                **{
                    "name": f"Spring {new_id().hex[-6:]}", "starts_on": NOW.date() - timedelta(days=1),
                    "amount_kind": PromotionAmount.PERCENT, "value": Decimal(10), "is_published": True,
                    "duration": PromotionDuration.LIFETIME, "product_ids": [product.id], "created_at": NOW, **values,
                }
            )
        )  # fmt: skip
        session.commit()


def test_special_categories_stand_first_and_empty_ones_are_left_out(session, world, sign_in):
    """SF-F33: Featured, New, Most popular and Promoted stand on top of the menu; one without visible products is not shown."""
    change(session, world, *world.products, is_featured=False, is_new=False, published_at=None)
    buyer = sign_in(world.direct_buyer)
    before = menu(buyer.get("/catalogue").text)
    assert before[0] == "All products"
    change(session, world, world.seats, is_featured=True, is_popular=True)
    change(session, world, world.suite, is_new=True)
    promote(session, world, world.tool)
    after = menu(buyer.get("/catalogue").text)
    assert after[:5] == ["Featured", "New", "Most popular", "Promoted", "All products"]


@pytest.mark.parametrize(
    ("shelf", "values"),
    [("featured", {"is_featured": True}), ("new", {"is_new": True}), ("popular", {"is_popular": True})],
)
def test_a_shelf_shows_what_stands_on_it(session, world, sign_in, shelf, values):
    """SF-07: only published and priced products count, under an alias those its reseller lists."""
    change(session, world, *world.products, is_featured=False, is_new=False, published_at=None)
    change(session, world, world.seats, **values)
    for buyer, path in ((sign_in(world.direct_buyer), ""), (sign_in(world.tech.buyers[0]), ALIAS)):
        shown = buyer.get(f"{path}/catalogue?shelf={shelf}").text
        assert f"/product/{world.seats.slug}" in shown
        assert f"/product/{world.suite.slug}" not in shown
    change(session, world, world.seats, is_published=False)
    buyer = sign_in(world.direct_buyer)
    assert f"/product/{world.seats.slug}" not in buyer.get(f"/catalogue?shelf={shelf}").text


def test_an_unknown_shelf_is_no_page(world, sign_in):
    assert sign_in(world.direct_buyer).get("/catalogue?shelf=chosen").status_code == HTTPStatus.NOT_FOUND
    assert sign_in(world.direct_buyer).get("/catalogue?shelf=<script>").status_code == HTTPStatus.NOT_FOUND


def test_what_was_published_a_short_while_ago_is_new(session, world, sign_in):
    """SF-07: new is what is marked, or was published at most 30 days ago; the number of days is a setting."""
    change(session, world, *world.products, is_new=False, published_at=None)
    change(session, world, world.seats, published_at=NOW - timedelta(days=29))
    change(session, world, world.suite, published_at=NOW - timedelta(days=32))
    buyer = sign_in(world.direct_buyer)
    shown = buyer.get("/catalogue?shelf=new").text
    assert f"/product/{world.seats.slug}" in shown
    assert f"/product/{world.suite.slug}" not in shown
    with scope(world.scope):
        save_distributor_settings(replace(distributor_settings(), new_days=0))
        session.commit()
    assert f"/product/{world.seats.slug}" not in buyer.get("/catalogue?shelf=new").text


def test_publishing_says_when(session, world, sign_in):
    """SF-07: the day a product was first published is kept; publishing it again leaves it."""
    change(session, world, world.seats, is_published=False, published_at=None)
    staff = sign_in(world.bss_user)
    staff.post(f"/bss/products/{world.seats.id}/mark", data={"action": "publish"})
    with scope(world.scope):
        first = session.get_one(Product, (world.id, world.seats.id)).published_at
    assert first is not None
    for action in ("unpublish", "publish"):
        staff.post(f"/bss/products/{world.seats.id}/mark", data={"action": action})
    with scope(world.scope):
        assert session.get_one(Product, (world.id, world.seats.id)).published_at == first


@pytest.mark.parametrize(
    ("values", "is_promoted"),
    [
        ({}, True),
        ({"is_published": False}, False),
        ({"is_active": False}, False),
        ({"ends_on": NOW.date() - timedelta(days=1)}, False),
        ({"starts_on": NOW.date() + timedelta(days=2)}, False),
        ({"currency": "USD"}, False),
        ({"product_ids": []}, False),
    ],
)
def test_promoted_is_what_a_promotion_of_today_names(session, world, sign_in, values, is_promoted):
    """SF-07: promoted is what has an active promotion that this viewer may use."""
    promote(session, world, world.seats, **values)
    buyer = sign_in(world.direct_buyer)
    assert (f"/product/{world.seats.slug}" in buyer.get("/catalogue?shelf=promoted").text) is is_promoted
    under_alias = sign_in(world.tech.buyers[0]).get(f"{ALIAS}/catalogue?shelf=promoted").text
    assert f"/product/{world.seats.slug}" not in under_alias  # a reseller's customers buy at its own prices


def test_most_popular_is_what_this_storefront_has_sold_most_of(session, world, sign_in):
    """SF-07: by executed quantity of 90 days in this storefront, picked by hand first; other storefronts do not count."""
    buyer = sign_in(world.direct_buyer)
    buy(buyer, world.seats)
    for _ in range(2):
        buy(buyer, world.tool, price="none.one_time")
    with scope(world.scope):
        session.execute(update(Order).values(executed_at=NOW))
        session.commit()
    count_popular_products(str(world.id), distributor_id=str(world.id))
    shown = sign_in(world.direct_buyer).get("/catalogue?shelf=popular").text
    assert shown.index(f"/product/{world.tool.slug}") < shown.index(f"/product/{world.seats.slug}")
    assert f"/product/{world.suite.slug}" not in shown
    assert "/product/" not in sign_in(world.tech.buyers[0]).get(f"{ALIAS}/catalogue?shelf=popular").text
    change(session, world, world.suite, is_popular=True)
    picked = sign_in(world.direct_buyer).get("/catalogue?shelf=popular").text
    assert picked.index(f"/product/{world.suite.slug}") < picked.index(f"/product/{world.tool.slug}")


def test_what_an_alias_has_sold_stands_on_its_own_shelf_alone(session, world, sign_in):
    """SF-07: under an alias the best sellers are those of that alias; the distributor's own storefront has none of them."""
    change(session, world, *world.products, is_popular=False)
    with scope(world.tech.scope):
        for rank, product in enumerate((world.suite, world.seats), start=1):
            session.add(
                PopularProduct(reseller_id=world.tech.id, product_id=product.id, rank=rank, quantity=9, counted_at=NOW)
            )
        session.commit()
    shown = sign_in(world.tech.buyers[0]).get(f"{ALIAS}/catalogue?shelf=popular").text
    assert shown.index(f"/product/{world.suite.slug}") < shown.index(f"/product/{world.seats.slug}")
    assert "/product/" not in sign_in(world.direct_buyer).get("/catalogue?shelf=popular").text


def test_what_was_sold_long_ago_is_not_popular_and_counting_again_changes_nothing(session, world, sign_in):
    buy(sign_in(world.direct_buyer), world.seats)
    with scope(world.scope):
        session.execute(update(Order).values(executed_at=NOW))
        session.commit()
    for _ in range(2):
        count_popular_products(str(world.id), distributor_id=str(world.id))
    with scope(direct_business_scope(world.id)):
        (row,) = session.scalars(select(PopularProduct)).all()
        assert (row.product_id, row.rank, row.quantity) == (world.seats.id, 1, 5)
        counted_at = row.counted_at
    count_popular_products(str(world.id), distributor_id=str(world.id))
    with scope(direct_business_scope(world.id)):
        assert [each.counted_at for each in session.scalars(select(PopularProduct))] == [counted_at]
    with scope(world.scope):
        session.execute(update(Order).values(executed_at=NOW - timedelta(days=91)))
        session.commit()
    count_popular_products(str(world.id), distributor_id=str(world.id))
    with scope(direct_business_scope(world.id)):
        assert session.scalars(select(PopularProduct)).all() == []


def test_another_storefront_does_not_see_what_sells_here(session, world):
    """Attack: what one storefront sells is nobody else's to read."""
    with scope(world.tech.scope):
        session.add(
            PopularProduct(reseller_id=world.tech.id, product_id=world.seats.id, rank=1, quantity=9, counted_at=NOW)
        )
        session.commit()
    for entered in (world.cloudia.scope, world.scope, direct_business_scope(world.id)):
        session.expunge_all()
        with scope(entered):
            assert session.scalars(select(PopularProduct)).all() == []


def test_menus_leave_out_categories_in_which_nothing_is_sold(session, world, sign_in):
    """SF-23: empty categories are hidden, in the menu, on the home page, beside the search and in the list for crawlers."""
    with scope(world.scope):
        session.add(Category(name="Empty shelves", slug="empty-shelves", position=1))
        session.commit()
    buyer = sign_in(world.direct_buyer)
    for address in ("/", "/catalogue", "/search?q=a", "/basket"):
        shown = buyer.get(address).text
        assert "category=empty-shelves" not in shown, address
        assert f"category={world.category.slug}" in shown, address
    assert buyer.get("/catalogue?category=empty-shelves").status_code == HTTPStatus.OK
    change(session, world, *world.products, is_published=False)
    assert f"category={world.category.slug}" not in buyer.get("/basket").text


def test_an_alias_lists_the_categories_of_what_it_lists(session, world, sign_in):
    """SF-23: a category whose products this reseller does not list is not in its menu, whatever the distributor sells."""
    with scope(world.scope):
        other = Category(id=new_id(), name="Tools", slug="tools-here", position=2)
        session.add(other)
        session.flush()
        session.execute(update(Product).where(Product.id == world.tool.id).values(category_id=other.id))
        session.commit()
    at_root = sign_in(world.direct_buyer).get("/catalogue").text
    assert "category=tools-here" in at_root
    under_alias = sign_in(world.tech.buyers[0]).get(f"{ALIAS}/catalogue").text
    is_listed = f"/product/{world.tool.slug}" in under_alias
    assert ("category=tools-here" in under_alias) is is_listed


def test_menus_ask_no_more_of_the_database_however_many_categories_there_are(session, connection, world, sign_in):
    buyer = sign_in(world.direct_buyer)
    buyer.get("/basket")
    with statements_of(connection) as few:
        buyer.get("/basket")
    with scope(world.scope):
        for number in range(20):
            session.add(Category(name=f"Category {number}", slug=f"category-{number}", position=number))
        session.commit()
    with statements_of(connection) as many:
        buyer.get("/basket")
    assert len(many) <= len(few)
