"""What comes back: the worked numbers, and what holds for all of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.refunds import PRESETS, Allowed, RefundPolicy, Then
from app.subscriptions.periods import Period
from app.subscriptions.refunds import Batch, charged, early_termination, is_full, is_open, less, refund

JUNE = Period(date(2026, 6, 1), date(2026, 6, 30))
BEGAN = datetime(2026, 6, 1, tzinfo=UTC)
DEFAULT = PRESETS["default"]
HOURLY = RefundPolicy(then=Then.HOUR)


def batch(net: str, quantity: int = 1, period: Period = JUNE, began_at: datetime = BEGAN) -> Batch:
    return Batch(Decimal(net), period, began_at, quantity, Fraction(quantity))


def given_back(
    policy: RefundPolicy, *batches: Batch, quantity: int = 1, hours: float = 0, on: date | None = None
) -> Decimal:
    at = BEGAN + timedelta(hours=hours)
    return refund(policy, batches, quantity=quantity, on=on or at.date(), at=at, window_began_at=BEGAN, currency="EUR")


def test_by_the_day_the_day_itself_is_billed():
    """CB-F93 (partly): 120.00 for 1-30 June, cancelled 10 June, is 80.00."""
    assert given_back(DEFAULT, batch("120.00"), on=date(2026, 6, 10)) == Decimal("80.00")


def test_by_the_hour_started_hours_are_used():
    assert given_back(HOURLY, batch("120.00"), hours=60) == Decimal("110.00")
    assert given_back(HOURLY, batch("240.00"), hours=72) == Decimal("216.00")
    assert given_back(HOURLY, batch("240.00"), hours=71.01) == Decimal("216.00")


@pytest.mark.parametrize(("hours", "is_whole", "is_possible"), [(23, True, True), (24, True, True), (25, False, True), (168, False, True), (169, False, False)])  # fmt: skip
def test_the_windows_of_new_commerce(hours, is_whole, is_possible):
    """CB-F94 (partly): full in 24 h, by the hour to 168 h, then never."""
    at = BEGAN + timedelta(hours=hours)
    assert (is_full(PRESETS["nce"], BEGAN, at), is_open(PRESETS["nce"], BEGAN, at)) == (is_whole, is_possible)


def test_nothing_comes_back_where_the_policy_says_so():
    assert given_back(RefundPolicy(then=Then.NONE), batch("120.00"), hours=1) == 0
    assert not is_open(RefundPolicy(Allowed.NEVER), BEGAN, BEGAN)


def test_leaving_early():
    assert early_termination(Decimal(100), 7, Decimal(100), "EUR") == Decimal("700.00")
    assert early_termination(Decimal(100), 7, Decimal(50), "EUR") == Decimal("350.00")
    assert early_termination(Decimal(100), 0, Decimal(50), "EUR") == 0


NETS = st.decimals(min_value=0, max_value=100_000, places=2)
QUANTITIES = st.integers(min_value=1, max_value=500)
POLICIES = st.builds(
    RefundPolicy,
    allowed=st.just(Allowed.ALWAYS),
    full_hours=st.integers(0, 200),
    then=st.sampled_from(Then),
    per_batch=st.booleans(),
)
BATCHES = st.lists(
    st.builds(
        lambda net, quantity, day: Batch(
            net,
            Period(date(2026, 6, day), JUNE.last),
            datetime(2026, 6, day, tzinfo=UTC),
            quantity,
            Fraction(quantity),
        ),
        NETS, QUANTITIES, st.integers(1, 30),
    ),
    min_size=1, max_size=5,
)  # fmt: skip
HOURS = st.integers(0, 900)


def whole(batches: list[Batch]) -> int:
    return sum(each.quantity for each in batches)


@given(POLICIES, BATCHES, HOURS, st.integers(1, 3000))
def test_never_less_than_nothing_nor_more_than_what_was_charged(policy, batches, hours, quantity):
    found = given_back(policy, *batches, quantity=quantity, hours=hours)
    assert 0 <= found <= sum((each.net for each in batches), Decimal(0)).quantize(Decimal("0.01")) + Decimal("0.01")


@given(POLICIES, BATCHES, HOURS, HOURS)
def test_later_never_gives_back_more(policy, batches, first, second):
    early, late = sorted((first, second))
    quantity = whole(batches)
    assert given_back(policy, *batches, quantity=quantity, hours=late) <= given_back(
        policy, *batches, quantity=quantity, hours=early
    )


@given(BATCHES, st.integers(1, 24))
def test_in_the_full_window_everything_comes_back(batches, hours):
    policy = RefundPolicy(full_hours=24, then=Then.NONE)
    assert given_back(policy, *batches, quantity=whole(batches), hours=hours) == sum(
        (each.net for each in batches), Decimal(0)
    )


@given(POLICIES, BATCHES, HOURS, st.data())
def test_what_is_gone_is_not_given_back_again(policy, batches, hours, data):
    """Part now and the rest at once is, to a cent, what all of it is."""
    quantity = whole(batches)
    part = data.draw(st.integers(0, quantity))
    rest = less(batches, part)
    in_parts = given_back(policy, *batches, quantity=part, hours=hours) + given_back(
        policy, *rest, quantity=quantity - part, hours=hours
    )
    assert abs(in_parts - given_back(policy, *batches, quantity=quantity, hours=hours)) <= Decimal("0.01")
    assert charged(rest) <= charged(batches)


@given(BATCHES, NETS, HOURS)
def test_what_is_spread_over_all_licences_goes_with_their_share(batches, net, hours):
    spread = Batch(net, JUNE, BEGAN, is_spread=True)
    quantity = whole(batches)
    alone = given_back(DEFAULT, *batches, quantity=quantity, hours=hours)
    together = given_back(DEFAULT, *batches, spread, quantity=quantity, hours=hours)
    assert abs(together - alone - given_back(DEFAULT, spread, hours=hours)) <= Decimal("0.01")
