"""Markups, rounding and the floor: arithmetic without a database."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.money import line_amount, minor_unit
from app.pricing.arithmetic import (
    Rounding,
    floor_price,
    margin_percent,
    marked_up,
    rounded,
    special_price,
    with_percent,
)

costs = st.decimals(min_value=0, max_value=1_000_000, places=4)
percents = st.decimals(min_value=0, max_value=1000, places=2)
roundings = st.sampled_from(Rounding)
currencies = st.sampled_from(["EUR", "JPY", "KWD", "USD", "HUF"])


def test_markup_is_added_to_the_cost():
    """RS-F51: 25 % on cost 10.00 is 12.50; a line of 7 is 87.50, of which 17.50 (20 %) is margin."""
    price = marked_up(Decimal("10.00"), Decimal(25), Rounding.NONE, "EUR")
    assert price == Decimal("12.50")
    assert line_amount(price, 7, "EUR") == Decimal("87.50")
    assert margin_percent(Decimal("10.00"), price) == Decimal("20.00")


def test_markup_on_a_changed_cost_rounds_half_up():
    """RS-F53 (partly): cost 11.50 at 25 % is 14.375, sold at 14.38."""
    assert marked_up(Decimal("11.50"), Decimal(25), Rounding.NONE, "EUR") == Decimal("14.38")
    assert marked_up(Decimal("11.50"), Decimal(15), Rounding.NONE, "EUR") == Decimal("13.23")


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        (Rounding.NONE, "14.38"),
        (Rounding.UP_0_05, "14.40"),
        (Rounding.UP_0_10, "14.40"),
        (Rounding.UP_0_50, "14.50"),
        (Rounding.UP_1_00, "15.00"),
        (Rounding.UP_99, "14.99"),
    ],
)
def test_each_rounding_rule_on_the_example_of_the_specification(rounding, expected):
    """RS-F60: 14.375 becomes 14.50 under "up to 0.50"."""
    assert rounded(Decimal("14.375"), rounding, "EUR") == Decimal(expected)


def test_a_price_that_already_fits_is_left_alone():
    assert rounded(Decimal("14.50"), Rounding.UP_0_50, "EUR") == Decimal("14.50")
    assert rounded(Decimal("14.99"), Rounding.UP_99, "EUR") == Decimal("14.99")
    assert rounded(Decimal("14.991"), Rounding.UP_99, "EUR") == Decimal("15.99")
    assert rounded(Decimal("0.10"), Rounding.UP_99, "EUR") == Decimal("0.99")


@pytest.mark.parametrize("rounding", list(Rounding))
def test_currencies_without_a_minor_unit_are_priced_in_whole_units(rounding):
    price = marked_up(Decimal(1000), Decimal("12.34"), rounding, "JPY")
    assert price == (1123 if rounding is Rounding.NONE else 1124)


def test_half_up_never_goes_below_cost():
    """RS-19: without markup 10.004 would round to 10.00, which is less than the cost."""
    assert marked_up(Decimal("10.0040"), Decimal(0), Rounding.NONE, "EUR") == Decimal("10.01")


def test_special_prices_are_not_rounded_but_floored():
    """RS-F58, RS-F60 (partly): 11.20 stays 11.20 until the cost climbs above it."""
    assert special_price(Decimal("11.20"), Decimal("10.00"), "EUR") == Decimal("11.20")
    assert special_price(Decimal("11.20"), Decimal("11.50"), "EUR") == Decimal("11.50")
    assert special_price(Decimal("11.20"), Decimal("11.2001"), "EUR") == Decimal("11.21")


def test_margin_of_something_free_is_unknown():
    assert margin_percent(Decimal(0), Decimal(0)) is None


@given(cost=costs, percent=percents, rounding=roundings, currency=currencies)
def test_nothing_is_sold_below_cost(cost, percent, rounding, currency):
    price = marked_up(cost, percent, rounding, currency)
    assert price >= cost
    assert price >= floor_price(cost, currency)
    assert price % minor_unit(currency) == 0


@given(cost=costs, other=costs, percent=percents, rounding=roundings, currency=currencies)
def test_a_higher_cost_never_gives_a_lower_price(cost, other, percent, rounding, currency):
    low, high = sorted((cost, other))
    assert marked_up(low, percent, rounding, currency) <= marked_up(high, percent, rounding, currency)


@given(cost=costs, percent=percents, other=percents, rounding=roundings, currency=currencies)
def test_a_higher_markup_never_gives_a_lower_price(cost, percent, other, rounding, currency):
    low, high = sorted((percent, other))
    assert marked_up(cost, low, rounding, currency) <= marked_up(cost, high, rounding, currency)


@given(amount=costs, rounding=roundings, currency=currencies)
def test_rounding_twice_is_rounding_once(amount, rounding, currency):
    once = rounded(amount, rounding, currency)
    assert rounded(once, rounding, currency) == once


@given(cost=costs, percent=percents, rounding=roundings.filter(lambda rule: rule is not Rounding.NONE))
def test_rounding_goes_upward_by_less_than_one_unit(cost, percent, rounding):
    exact = with_percent(cost, percent)
    assert 0 <= rounded(exact, rounding, "EUR") - exact < 1


@given(cost=costs, percent=percents)
def test_prices_up_to_99_end_in_99(cost, percent):
    assert marked_up(cost, percent, Rounding.UP_99, "EUR") % 1 == Decimal("0.99")
