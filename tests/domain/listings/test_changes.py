"""Listing, unlisting and changing markups of a reseller's catalogue (RS-19)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.catalogue.models import ProductPrice
from app.core.errors import Invalid
from app.pricing.models import MarkupLevel
from app.resellers.listings import ListingChange, list_products, set_trials, unlist
from app.resellers.models import Listing, ListingAction
from tenants.context import scope
from tests.factories.world import make_entry, make_product

LIST = ListingChange(ListingAction.LIST)


def test_listing_without_a_percent_inherits_and_with_one_makes_a_product_markup(world, staff, who, markups, listed):
    with scope(staff):
        list_products([world.seats.id], **who)
        list_products([world.suite.id], percent=Decimal(25), trial_enabled=False, **who)
    assert listed() == {world.seats.id, world.suite.id}
    assert markups() == {world.suite.id: Decimal("25.00")}


def test_listing_can_forbid_the_trial(world, session, staff, who):
    with scope(staff):
        list_products([world.seats.id], trial_enabled=False, **who)
        assert not session.query(Listing).one().trial_enabled


def test_listing_twice_changes_nothing_the_second_time(world, change, listed):
    assert change(LIST, world.seats, world.seats) == [None]
    assert change(LIST, world.seats) == ["already_listed"]
    assert listed() == {world.seats.id}


def test_only_available_products_can_be_listed(world, session, change, listed):
    with scope(world.scope):
        unpriced = make_product(session, world.product_type, "Unpriced")
        plan = make_product(session, world.plan_type, "Plan", plan_edition="free")
        make_entry(session, world.price_list, plan, "1.00")
        world.tool.is_published = False
        session.query(ProductPrice).filter_by(product_id=world.suite.id).one().is_withdrawn = True
        session.flush()
    assert change(LIST, unpriced, plan, world.tool, world.suite, world.seats) == [*["not_available"] * 4, None]
    assert listed() == {world.seats.id}


def test_bulk_markup_on_three_rows_one_withdrawn(world, session, change, markups):
    """RS-F54: two change, one is reported."""
    change(ListingChange(ListingAction.LIST, Decimal(10)), *world.products)
    with scope(world.scope):
        world.tool.is_active = False
        session.flush()
    reasons = change(ListingChange(ListingAction.SET_MARKUP, Decimal("12.5")), world.seats, world.tool, world.suite)
    assert reasons == [None, "not_available", None]
    assert markups() == {world.seats.id: Decimal("12.50"), world.suite.id: Decimal("12.50"), world.tool.id: Decimal(10)}


def test_points_are_added_to_the_products_own_markup_or_to_what_it_inherits(world, change, markups, rules):
    rules.markup(MarkupLevel.DEFAULT, "5")
    rules.markup(MarkupLevel.VENDOR, "7", vendor="Fabrikam")
    change(LIST, *world.products)
    change(ListingChange(ListingAction.SET_MARKUP, Decimal(20)), world.seats)
    assert change(ListingChange(ListingAction.ADD_POINTS, Decimal("2.5")), *world.products) == [None, None, None]
    assert markups() == {
        world.seats.id: Decimal("22.50"),
        world.suite.id: Decimal("7.50"),
        world.tool.id: Decimal("9.50"),
    }


def test_points_that_leave_the_range_are_reported_for_their_row(world, change, markups, rules):
    change(LIST, *world.products)
    change(ListingChange(ListingAction.SET_MARKUP, Decimal(1000)), world.seats)
    change(ListingChange(ListingAction.SET_MARKUP, Decimal(3)), world.suite)
    rules.special(world.tool, "70.00", term="none", cycle="one_time")
    assert change(ListingChange(ListingAction.ADD_POINTS, Decimal(1)), *world.products) == [
        "max_1000", None, "special_price",
    ]  # fmt: skip
    assert change(ListingChange(ListingAction.ADD_POINTS, Decimal(-5)), *world.products) == [
        None, "min_0", "special_price",
    ]  # fmt: skip
    assert markups() == {world.seats.id: Decimal(995), world.suite.id: Decimal(4)}


def test_unlisting_keeps_the_markup_should_the_product_return(world, staff, who, change, markups, listed):
    change(ListingChange(ListingAction.LIST, Decimal(25)), world.seats)
    with scope(staff):
        results = unlist([world.seats.id, world.suite.id], **who)
    assert [result.reason for result in results] == [None, "not_listed"]
    assert listed() == set()
    assert markups() == {world.seats.id: Decimal(25)}


def test_trials_can_be_switched_only_where_there_are_any(world, session, staff, who, change):
    with scope(world.scope):
        world.seats.trial_days = 30
        session.flush()
    change(LIST, world.seats, world.suite)
    with scope(staff):
        off = set_trials([world.seats.id, world.suite.id, world.tool.id], is_enabled=False, **who)
        on = set_trials([world.seats.id, world.suite.id], is_enabled=True, **who)
        enabled = dict(session.query(Listing.product_id, Listing.trial_enabled).all())
    assert [result.reason for result in off] == [None, None, "not_listed"]
    assert [result.reason for result in on] == [None, "no_trial"]
    assert enabled == {world.seats.id: True, world.suite.id: False}


@pytest.mark.parametrize(
    ("action", "percent", "code"),
    [
        (ListingAction.LIST, "-1", "min_0"),
        (ListingAction.SET_MARKUP, "1000.01", "max_1000"),
        (ListingAction.SET_MARKUP, "1.234", "decimals_2"),
        (ListingAction.SET_MARKUP, None, "required"),
        (ListingAction.ADD_POINTS, None, "required"),
        (ListingAction.ADD_POINTS, "-1000.01", "max_1000"),
    ],
)
def test_a_change_that_cannot_be_meant_is_refused(action, percent, code):
    """RS-F52 (partly): in bulk, too."""
    with pytest.raises(Invalid) as refusal:
        ListingChange(action, None if percent is None else Decimal(percent))
    assert refusal.value.codes == (code,)


def test_a_change_costs_the_same_number_of_statements_for_any_number_of_products(
    world, session, staff, who, change, statements
):
    with scope(world.scope):
        many = [make_product(session, world.product_type, f"Product {number}") for number in range(60)]
        for product in many:
            make_entry(session, world.price_list, product, "10.00")
    with scope(staff), statements() as few:
        list_products([many[0].id, many[1].id], percent=Decimal(5), **who)
    with scope(staff), statements() as lots:
        list_products([product.id for product in many[2:]], percent=Decimal(5), **who)
    assert len(few) == len(lots)
