"""Terms and billing cycles: the periods of every unit tile its term, whatever the day it begins on (CB-03, CB-28)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.billing.cycles import first_period
from app.billing.proration import cycle_amount, instalment
from app.catalogue.models import BillingCycle, Term
from app.catalogue.units import RECURRING, Unit, instalments, read_unit
from app.catalogue.words import CYCLE_RATES, CYCLE_UNITS, CYCLE_WORDS, TERM_WORDS, unit_words
from app.subscriptions.periods import ONE_DAY, Period, add_months, on_anchor, period_of

DAYS = st.dates(date(2023, 1, 1), date(2033, 12, 31))
ANCHORS = st.one_of(st.none(), st.integers(1, 31))
UNITS = st.sampled_from(RECURRING)


def periods_of(unit: Unit, first: date, anchor: int) -> list[Period]:
    """The periods of one term, each begun the day after the one before."""
    found: list[Period] = []
    start = first
    for _ in range(instalments(unit.term, unit.cycle) or 0):
        period = period_of(start, unit.cycle.months, anchor)
        assert period is not None
        found.append(period)
        start = period.last + ONE_DAY
    return found


@given(unit=UNITS, on=DAYS, align_to=ANCHORS)
def test_the_periods_of_a_unit_tile_its_term(unit: Unit, on: date, align_to: int | None) -> None:
    """CB-03: n periods of k months follow each other without a gap, and the last one ends with the term."""
    first = first_period(on, unit.cycle.months, align_to=align_to)
    begin = first.period.last + ONE_DAY if first.is_stub else on
    found = periods_of(unit, begin, first.anchor_day)
    assert found[0].first == begin
    assert found[-1].last + ONE_DAY == add_months(begin, unit.term.months, first.anchor_day)
    assert sum(period.days for period in found) == (found[-1].last - begin).days + 1
    assert all(each.first == on_anchor(each.first.year, each.first.month, first.anchor_day) for each in found[1:])


@given(unit=UNITS, on=DAYS, align_to=st.integers(1, 31))
def test_a_short_first_period_is_part_of_one_whole_cycle(unit: Unit, on: date, align_to: int) -> None:
    first = first_period(on, unit.cycle.months, align_to=align_to)
    assert first.cycle.last == first.period.last
    assert first.cycle.first <= first.period.first == on
    assert first.cycle.last + ONE_DAY == add_months(first.cycle.first, unit.cycle.months, first.anchor_day)


@pytest.mark.parametrize(
    ("cycle", "starts"),
    [
        (BillingCycle.QUARTERLY, ["2027-01-31", "2027-04-30", "2027-07-31", "2027-10-31", "2028-01-31"]),
        (BillingCycle.EVERY_2_MONTHS, ["2026-12-31", "2027-02-28", "2027-04-30", "2027-06-30", "2027-08-31"]),
        (BillingCycle.HALF_YEARLY, ["2027-08-31", "2028-02-29", "2028-08-31"]),
    ],
)
def test_periods_come_back_to_the_end_of_the_month(cycle: BillingCycle, starts: list[str]) -> None:
    days = [date.fromisoformat(each) for each in starts]
    start = days[0]
    for expected in days[1:]:
        period = period_of(start, cycle.months, 31)
        assert period is not None
        start = period.last + ONE_DAY
        assert start == expected


@given(unit=UNITS, price=st.decimals(0, 100_000, places=4), quantity=st.integers(1, 5_000))
def test_instalments_of_every_unit_add_up_to_the_term(unit: Unit, price: Decimal, quantity: int) -> None:
    cycles = instalments(unit.term, unit.cycle)
    assert cycles is not None
    billed = sum(
        (instalment(price, quantity, cycles, number, Decimal(0), "EUR") for number in range(1, cycles)), Decimal(0)
    )
    last = instalment(price, quantity, cycles, cycles, billed, "EUR")
    assert billed + last == cycle_amount(price * cycles, quantity, "EUR")


def test_each_unit_is_written_and_read_again() -> None:
    assert [read_unit(unit.value) for unit in RECURRING] == list(RECURRING)
    assert [read_unit(text) for text in ("P1M.annual", "P1Y.every_4_months.", "monthly", "", None)] == [None] * 5


def test_no_cycle_is_longer_than_its_term_or_left_over() -> None:
    assert all(unit.term.months % unit.cycle.months == 0 for unit in RECURRING)
    assert Unit(Term.P1Y, BillingCycle.EVERY_4_MONTHS) in RECURRING
    assert Unit(Term.P3M, BillingCycle.EVERY_2_MONTHS) not in RECURRING


def test_every_term_and_cycle_has_words() -> None:
    assert set(TERM_WORDS) == set(Term)
    assert set(CYCLE_WORDS) == set(CYCLE_UNITS) == set(CYCLE_RATES) == set(BillingCycle)
    assert unit_words(Term.P6M, BillingCycle.QUARTERLY) == "6 months, billed every 3 months"
    assert unit_words(Term.P2Y, BillingCycle.ANNUAL) == "2 years, billed yearly"
    assert (CYCLE_RATES[BillingCycle.ANNUAL], CYCLE_UNITS[BillingCycle.HALF_YEARLY]) == ("a year", "6 months")
