"""Days and amounts of periods: the worked numbers of the spec, and what holds for all of them."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.accounts.models import Account, BillingDayRule
from app.billing.cycles import billing_day_of, first_amount, first_period, next_billing_day, stub_until
from app.billing.proration import (
    cycle_amount,
    days_share,
    decrease_credit,
    increase_amount,
    instalment,
    remaining_share,
    unused_share,
)
from app.catalogue.models import Product, UsageChargeRule
from app.subscriptions.periods import Period, add_months, next_anchor, period_of

JUNE = Period(date(2026, 6, 1), date(2026, 6, 30))
ACTUAL, FULL = UsageChargeRule.ACTUAL_DAYS, UsageChargeRule.FULL_AMOUNT
days = st.dates(date(2020, 1, 1), date(2040, 12, 31))
amounts = st.decimals(min_value=0, max_value=99_999, places=2)


def money(text: str) -> Decimal:
    return Decimal(text)


def account(**options) -> Account:
    return Account(**{"prorated_billing": True, "billing_day_rule": BillingDayRule.CHOSEN, "billing_day": 1, **options})


def product(**options) -> Product:
    return Product(**{"billing_day": None, "excluded_from_proration": False, **options})


def test_a_seat_more_costs_the_days_that_are_left():
    """CB-F75 (partly): 5 to 8 x 10.00 on 16 June is 15.00."""
    assert increase_amount(money("50"), money("80"), JUNE, date(2026, 6, 16), "EUR") == money("15.00")


def test_a_cheaper_tier_charges_nothing_now():
    assert increase_amount(money("90"), money("80"), JUNE, date(2026, 6, 16), "EUR") == 0


def test_seats_less_give_back_the_days_after_the_change():
    """CB-F76 (partly): 10 to 6 x 12.00 on 10 June is 32.00."""
    assert decrease_credit(money("120"), money("72"), JUNE, date(2026, 6, 10), "EUR") == money("32.00")


def test_a_cancel_day_counts_as_used():
    """CB-F93 (partly): 120.00 of June canceled on 10 June is 80.00."""
    assert unused_share(money("120"), JUNE, date(2026, 6, 10), "EUR") == money("80.00")
    assert unused_share(money("120"), JUNE, JUNE.last, "EUR") == 0


def test_an_add_on_is_charged_to_the_end_of_its_parents_period():
    """CB-F85 (partly): 6.00 from 5 June on of 15 May to 14 June is 1.94."""
    parent = Period(date(2026, 5, 15), date(2026, 6, 14))
    assert remaining_share(money("6"), parent, date(2026, 6, 5), "EUR") == money("1.94")


def test_periods_end_before_the_anchor_day_and_remember_it():
    """CB-F86 (partly): started on 31 Jan 2026, periods end on 27 Feb, 30 Mar, 29 Apr."""
    first, ends = date(2026, 1, 31), []
    for _ in range(3):
        period = period_of(first, 1, 31)
        assert period is not None
        ends.append(period.last)
        first = period.last + timedelta(days=1)
    assert ends == [date(2026, 2, 27), date(2026, 3, 30), date(2026, 4, 29)]


def test_a_yearly_price_aligned_to_another_end_costs_its_days():
    """CB-F88 (partly): 1,200.00 a year from 15 Sep 2026 to 31 Mar 2027 is 650.96."""
    first = stub_until(date(2026, 9, 15), date(2027, 3, 31), 12, anchor_day=1)
    assert first.period.days == 198
    assert first_amount(money("1200"), first, ACTUAL, "EUR") == money("650.96")


def test_instalments_add_up_to_the_term():
    """CB-F89 (partly): 100.00 in 12 is 11 x 8.33 and 8.37."""
    unit, billed, lines = money("8.3333"), money("0"), []
    for number in range(1, 13):
        lines.append(instalment(unit, 1, 12, number, billed, "EUR"))
        billed += lines[-1]
    assert lines == [money("8.33")] * 11 + [money("8.37")]
    assert billed == money("100.00")


@pytest.mark.parametrize(
    ("on", "billing_day", "months", "unit", "quantity", "last", "amount"),
    [
        (date(2026, 7, 9), 1, 1, "10", 5, date(2026, 7, 31), "37.10"),
        (date(2026, 1, 10), 1, 1, "31", 1, date(2026, 1, 31), "22.00"),
        (date(2026, 4, 10), 1, 1, "30", 1, date(2026, 4, 30), "21.00"),
        (date(2026, 7, 9), 1, 12, "1200", 1, date(2026, 7, 31), "75.62"),
        (date(2026, 7, 10), 15, 1, "30", 1, date(2026, 7, 14), "5.00"),
        (date(2026, 7, 1), 1, 1, "10", 5, date(2026, 7, 31), "50.00"),
        (date(2026, 6, 20), 1, 1, "10", 4, date(2026, 6, 30), "14.67"),
    ],
)
def test_the_first_period_leads_to_the_billing_day(on, billing_day, months, unit, quantity, last, amount):
    """CB-F101 (partly), CB-F102 (partly), CB-F103 (partly): 37.10; 22/31 and 21/30; 5.00."""
    first = first_period(on, months, align_to=billing_day)
    assert (first.period.first, first.period.last) == (on, last)
    assert first_amount(money(unit) * quantity, first, ACTUAL, "EUR") == money(amount)


def test_a_stub_in_full_where_the_product_says_so():
    """CB-F105 (partly): the usage charge rule *full amount* charges the whole amount for the stub."""
    first = first_period(date(2026, 7, 9), 1, align_to=1)
    assert first_amount(money("50"), first, FULL, "EUR") == money("50.00")


def test_a_product_decides_before_its_account():
    """CB-F103 (partly), CB-F104 (partly): own billing day, then exclusion, then the account's day."""
    on = date(2026, 7, 10)
    assert billing_day_of(account(), product(billing_day=15, excluded_from_proration=True), on) == 15
    assert billing_day_of(account(), product(excluded_from_proration=True), on) is None
    assert billing_day_of(account(), product(), on) == 1
    assert billing_day_of(account(prorated_billing=False), product(), on) is None
    assert billing_day_of(account(billing_day_rule=BillingDayRule.LAST_DAY), product(), on) == 31
    first_order = account(billing_day_rule=BillingDayRule.FIRST_ORDER, billing_day=None)
    assert billing_day_of(first_order, product(), on) == 10


def test_the_next_billing_day_is_later_and_clamped():
    assert next_billing_day(account(), date(2026, 7, 1)) == date(2026, 8, 1)
    assert next_billing_day(account(billing_day=31), date(2026, 1, 31)) == date(2026, 2, 28)
    assert next_anchor(date(2026, 2, 28), 31) == date(2026, 3, 31)


def test_a_stub_that_is_longer_than_its_cycle_is_refused():
    with pytest.raises(ValueError, match="no part of a cycle"):
        stub_until(date(2026, 1, 1), date(2026, 3, 31), 1, anchor_day=1)


def test_more_days_than_the_cycle_are_refused():
    with pytest.raises(ValueError, match="of 30 days"):
        days_share(money("1"), 31, 30, "EUR")


@given(amount=amounts, start=days, months=st.sampled_from((1, 12, 36)), share=st.floats(0, 1))
def test_a_used_and_an_unused_part_make_the_whole_within_a_cent(amount, start, months, share):
    period = period_of(start, months)
    assert period is not None
    on = period.first + timedelta(days=int(share * (period.days - 1)))
    unused = unused_share(amount, period, on, "EUR")
    used = days_share(amount, (on - period.first).days + 1, period.days, "EUR")
    assert abs(unused + used - amount) <= money("0.01")
    assert 0 <= unused <= amount


@given(on=days, months=st.sampled_from((1, 12, 36)), anchor=st.integers(1, 31), unit=amounts)
def test_periods_follow_each_other_without_gap_and_a_stub_never_costs_more(on, months, anchor, unit):
    first = first_period(on, months, align_to=anchor)
    assert first.period.first == on
    assert first.period.last == first.cycle.last
    assert first.period.days <= first.cycle.days
    assert first_amount(cycle_amount(unit, 3, "EUR"), first, ACTUAL, "EUR") <= cycle_amount(unit, 3, "EUR")
    following = period_of(first.period.last + timedelta(days=1), months, first.anchor_day)
    assert following is not None
    assert following.first == add_months(following.first, 0, first.anchor_day)


@given(unit=st.decimals(min_value=0, max_value=999, places=4), quantity=st.integers(1, 500), cycles=st.integers(1, 36))
def test_the_last_instalment_leaves_no_cent(unit, quantity, cycles):
    billed = Decimal(0)
    for number in range(1, cycles + 1):
        billed += instalment(unit, quantity, cycles, number, billed, "EUR")
    assert abs(billed - unit * cycles * quantity) <= money("0.005")
