"""Percentages, amounts and periods as people type them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.core.errors import Invalid
from app.pricing.amounts import ALWAYS, Period, amount_of, cost_text, optional_percent_of, percent_of


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("-1", "min_0"),
        ("-5", "min_0"),
        ("1000.01", "max_1000"),
        ("abc", "number"),
        ("", "number"),
        ("NaN", "number"),
        ("1e999", "max_1000"),
        ("1.234", "decimals_2"),
        ("1,2,3", "number"),
    ],
)
def test_markups_that_are_refused(text, code):
    """RS-F52, CB-F125: −1, 1000.01, "abc" and 1.234 are refused, each with its code."""
    with pytest.raises(Invalid) as refusal:
        percent_of(text)
    assert refusal.value.codes == (code,)
    assert refusal.value.errors[0].field == "percent"


@pytest.mark.parametrize(
    ("text", "percent"),
    [("0", "0.00"), ("1000", "1000.00"), (" 12.5 ", "12.50"), ("12,50", "12.50"), ("1.230", "1.23")],
)
def test_markups_that_are_taken(text, percent):
    assert percent_of(text) == Decimal(percent)


def test_an_empty_markup_inherits():
    assert optional_percent_of("  ") is None
    assert optional_percent_of(None) is None
    assert optional_percent_of("7") == Decimal("7.00")


@pytest.mark.parametrize(
    ("text", "currency", "code"),
    [
        ("-0.01", "EUR", "min_0"),
        ("11.205", "EUR", "decimals_2"),
        ("100.5", "JPY", "decimals_0"),
        ("x", "EUR", "number"),
        ("9999999999999", "EUR", "max"),
    ],
)
def test_prices_that_are_refused(text, currency, code):
    with pytest.raises(Invalid) as refusal:
        amount_of(text, currency)
    assert refusal.value.codes == (code,)


def test_prices_are_kept_in_whole_minor_units():
    assert amount_of("11.2", "EUR") == Decimal("11.20")
    assert amount_of("1200", "JPY") == Decimal(1200)


def test_a_period_cannot_end_before_it_begins():
    with pytest.raises(Invalid) as refusal:
        Period(date(2026, 3, 2), date(2026, 3, 1))
    assert refusal.value.codes == ("date_order",)


def test_periods_share_their_first_and_last_days():
    march = Period(date(2026, 3, 1), date(2026, 3, 31))
    assert march.overlaps(Period(date(2026, 3, 31), None))
    assert not march.overlaps(Period(date(2026, 4, 1), None))
    assert march.overlaps(ALWAYS)
    assert not march.overlaps(Period(None, date(2026, 2, 28)))


def test_costs_are_written_with_the_decimals_they_have():
    assert cost_text(Decimal("10.0000"), "EUR") == "10.00"
    assert cost_text(Decimal("14.3750"), "EUR") == "14.375"
    assert cost_text(Decimal("1200.0000"), "JPY") == "1200"
