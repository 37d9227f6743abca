"""The supplier catalogue of a reseller: counts, filters, rows with prices (RS-18)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from app.catalogue.models import BillingCycle, Category, Product, Term
from app.core.errors import NotFound
from app.pricing.quotes import alias_buyer
from app.resellers.listings import ListingChange
from app.resellers.listings_section import (
    SectionFilter,
    Sort,
    Tab,
    category_tags,
    count_rows,
    get_row,
    list_rows,
    matching_ids,
    statistics,
)
from app.resellers.models import ListingAction
from tenants.context import scope
from tests.factories.world import MONDAY, make_entry, make_product

LIST = ListingChange(ListingAction.LIST)
UNLIST = ListingChange(ListingAction.UNLIST)
LISTED = SectionFilter(Tab.LISTED)


@pytest.fixture
def buyer(world, staff):
    with scope(staff):
        return alias_buyer(world.tech.id, None, MONDAY)


@pytest.fixture
def names(staff, buyer):
    """Return the names of a filter's rows, which must agree with its count and its ids."""

    def shown(wanted):
        with scope(staff):
            rows = list_rows(wanted, buyer, limit=100)
            assert count_rows(wanted, buyer) == len(rows)
            assert set(matching_ids(wanted, buyer, limit=100)) == {row.product_id for row in rows}
        return [row.name for row in rows]

    return shown


@pytest.fixture
def counts(staff, buyer):
    def count():
        with scope(staff):
            found = statistics(buyer)
        return (found.all, found.listed, found.unlisted)

    return count


def test_all_is_always_listed_plus_unlisted(world, session, change, counts, names):
    """RS-F47: after listing, unlisting, and a withdrawal by the distributor."""
    assert counts() == (3, 0, 3)
    change(LIST, world.seats, world.suite)
    assert counts() == (3, 2, 1)
    change(UNLIST, world.suite)
    assert counts() == (3, 1, 2)
    with scope(world.scope):
        world.seats.is_published = False
        session.flush()
    assert counts() == (2, 0, 2)
    assert names(LISTED) == ["Contoso Mail"], "it stays in sight, flagged"
    with scope(world.scope):
        world.seats.is_published = True
        session.flush()
    assert counts() == (3, 1, 2)


def test_new_shows_exactly_what_the_distributor_flagged(world, session, names):
    """RS-F48: no more and no less."""
    assert names(SectionFilter(only_new=True)) == []
    with scope(world.scope):
        world.suite.is_new = True
        session.flush()
    assert names(SectionFilter(only_new=True)) == ["Contoso Suite"]


def test_search_narrows_the_table_and_not_the_statistics(world, names, counts):
    """RS-F49: by name, SKU and vendor, without regard to case."""
    before = counts()
    assert names(SectionFilter(search="FABRI")) == ["Fabrikam Tool"]
    assert names(SectionFilter(search=world.suite.code.lower())) == ["Contoso Suite"]
    assert names(SectionFilter(search="contoso", only_new=True)) == []
    assert names(SectionFilter(search="c")) == ["Contoso Mail", "Contoso Suite", "Fabrikam Tool"]
    assert names(SectionFilter(search="%")) == ["Contoso Mail", "Contoso Suite", "Fabrikam Tool"]
    assert names(SectionFilter(search="%%")) == []
    assert counts() == before


def test_a_category_holds_what_is_below_it_and_an_unknown_one_nothing(world, session, names, staff):
    with scope(world.scope):
        below = Category(name="Mail", slug="mail", parent_id=world.category.id)
        other = Category(name="Security", slug="security")
        session.add_all([below, other])
        session.flush()
        world.seats.category_id, world.tool.category_id = below.id, other.id
        session.flush()
    assert names(SectionFilter(category="productivity")) == ["Contoso Mail", "Contoso Suite"]
    assert names(SectionFilter(category="mail")) == ["Contoso Mail"]
    assert names(SectionFilter(category="no-such")) == []
    with scope(staff):
        assert [(tag.slug, tag.depth) for tag in category_tags()] == [("productivity", 0), ("mail", 1), ("security", 0)]


def test_tabs_hold_what_is_listed_and_what_is_not(world, change, names):
    change(LIST, world.suite)
    assert names(LISTED) == ["Contoso Suite"]
    assert names(SectionFilter()) == ["Contoso Mail", "Fabrikam Tool"]


def test_only_what_is_published_for_resellers_and_in_the_list_is_available(world, session, counts, names):
    with scope(world.scope):
        make_product(session, world.product_type, "Not in the list")
        plan = make_product(session, world.plan_type, "A plan")
        make_entry(session, world.price_list, plan, "10.00")
    assert counts() == (3, 0, 3)
    with scope(world.scope):
        world.price_list.valid_to = MONDAY - timedelta(days=1)
        session.flush()
    assert counts() == (0, 0, 0)
    assert names(SectionFilter()) == []


def test_rows_show_cost_and_price_of_every_cycle(world, session, staff, buyer, change, rules, statements):
    with scope(world.scope):
        make_entry(session, world.price_list, world.seats, "96.00", term=Term.P1Y, cycle=BillingCycle.ANNUAL)
    change(ListingChange(ListingAction.LIST, Decimal(25)), world.seats, world.suite)
    with scope(staff), statements() as seen:
        rows = list_rows(LISTED, buyer, limit=25)
    assert len(seen) == 2
    seats = rows[0]
    assert [(p.key.cycle, p.quote.cost, p.quote.unit_price, p.quote.percent) for p in seats.prices] == [
        (BillingCycle.MONTHLY, Decimal(10), Decimal("12.50"), Decimal(25)),
        (BillingCycle.ANNUAL, Decimal(96), Decimal("120.00"), Decimal(25)),
    ]
    assert (seats.is_listed, seats.is_available, seats.category_name) == (True, True, "Productivity")


def test_rows_flag_special_prices_that_fell_below_cost_and_withdrawn_products(
    world, session, staff, buyer, change, rules
):
    change(LIST, world.seats, world.tool)
    rules.special(world.seats, "9.00")
    with scope(world.scope):
        world.tool.is_active = False
        session.flush()
    with scope(staff):
        seats, tool = list_rows(LISTED, buyer, limit=25)
    assert (seats.is_below_cost, seats.is_available) == (True, True)
    assert (tool.is_below_cost, tool.is_available) == (False, False)


@pytest.mark.parametrize("sort", list(Sort))
def test_the_table_sorts_both_ways(world, names, change, sort):
    change(LIST, *world.products)
    upward = names(replace(LISTED, sort=sort))
    downward = names(replace(LISTED, sort=sort, is_descending=True))
    assert sorted(upward) == sorted(downward) == ["Contoso Mail", "Contoso Suite", "Fabrikam Tool"]
    if sort in (Sort.NAME, Sort.CODE):
        assert upward == list(reversed(downward))


def test_a_product_out_of_reach_is_not_found(world, session, staff, buyer, change):
    with scope(world.scope):
        unpriced = make_product(session, world.product_type, "Unpriced")
    with scope(staff):
        assert get_row(world.seats.id, buyer).name == "Contoso Mail"
        with pytest.raises(NotFound):
            get_row(unpriced.id, buyer)
    change(LIST, world.seats)
    with scope(world.scope):
        world.seats.is_published = False
        session.flush()
    with scope(staff):
        assert not get_row(world.seats.id, buyer).is_available


def test_another_resellers_listing_is_not_ours(world, session, staff, buyer):
    with scope(world.cloudia.scope):
        assert session.query(Product).count() >= 3
    with scope(staff):
        assert not get_row(world.seats.id, buyer).is_listed
