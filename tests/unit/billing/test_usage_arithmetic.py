"""What usage costs, as arithmetic."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from hypothesis import given
from hypothesis import strategies as st

from app.billing.usage.arithmetic import Level, Rate, allocated_amount, billable, metered_amount
from app.catalogue.charging import Tier
from app.catalogue.models import PriceScheme
from app.core.money import round_money
from app.pricing.schemes import line_price

QUANTITIES = st.decimals(min_value=0, max_value=10**9, places=4)
PRICES = st.decimals(min_value=0, max_value=10**4, places=4)
PACKS = st.one_of(st.none(), st.decimals(min_value="0.0001", max_value=10**4, places=4))
TIERS = (Tier(1, Decimal(0)), Tier(10, Decimal(10)), Tier(50, Decimal("22.5")))


def test_overage_is_billed_in_whole_packs() -> None:
    """CB-F35: usage 2,300 of 2,000 GB with a 10 GB pack at 0.50 bills 15.00."""
    rate = Rate(Decimal("0.50"), "EUR", included=Decimal(2000), pack_size=Decimal(10))
    assert (billable(Decimal(2300), rate), metered_amount(Decimal(2300), rate)) == (Decimal(30), Decimal("15.00"))
    assert metered_amount(Decimal("2300.0001"), rate) == Decimal("15.50")
    assert metered_amount(Decimal(2000), rate) == Decimal("0.00")


def test_hours_are_billed_as_they_are() -> None:
    """CB-13: 730 h at 0.02 are 14.60."""
    assert metered_amount(Decimal(730), Rate(Decimal("0.02"), "EUR")) == Decimal("14.60")


def test_allocated_users_are_billed_by_the_day() -> None:
    """CB-13: 12 users at 4.00 for 10 of 30 days are 16.00."""
    assert allocated_amount([Level(Decimal(12), 10)], Rate(Decimal(4), "EUR"), cycle_days=30) == Decimal("16.00")


@given(used=QUANTITIES, included=QUANTITIES, pack=PACKS, price=PRICES)
def test_packs_cover_what_was_used_and_no_pack_is_idle(
    used: Decimal, included: Decimal, pack: Decimal | None, price: Decimal
) -> None:
    rate = Rate(price, "EUR", included, pack)
    packs, size = billable(used, rate), pack or Decimal(1)
    beyond = max(Decimal(0), used - included)
    if pack is None:
        assert packs == beyond
    else:
        assert packs == (beyond / size).to_integral_value(ROUND_CEILING)
        assert packs * size >= beyond
        assert packs == 0 or (packs - 1) * size < beyond
    assert metered_amount(used, rate) == round_money(packs * price, "EUR")


@given(used=QUANTITIES, more=QUANTITIES, included=QUANTITIES, pack=PACKS, price=PRICES)
def test_more_usage_never_costs_less(
    used: Decimal, more: Decimal, included: Decimal, pack: Decimal | None, price: Decimal
) -> None:
    rate = Rate(price, "EUR", included, pack)
    assert metered_amount(used + more, rate) >= metered_amount(used, rate) >= 0


@given(quantity=QUANTITIES, price=PRICES, days=st.integers(min_value=1, max_value=31))
def test_a_level_that_stays_a_whole_cycle_costs_its_price(quantity: Decimal, price: Decimal, days: int) -> None:
    rate = Rate(price, "EUR")
    assert allocated_amount([Level(quantity, days)], rate, cycle_days=days) == metered_amount(quantity, rate)


@given(
    quantity=st.integers(min_value=1, max_value=200),
    price=PRICES,
    scheme=st.sampled_from((PriceScheme.VOLUME, PriceScheme.TIERED)),
)
def test_tiers_count_as_they_do_for_orders(quantity: int, price: Decimal, scheme: PriceScheme) -> None:
    """CB-13: tiers (CB-04) apply to the cycle's total."""
    rate = Rate(price, "EUR", scheme=scheme, tiers=TIERS)
    assert (
        metered_amount(Decimal(quantity), rate) == line_price(price, quantity, "EUR", scheme=scheme, tiers=TIERS).line
    )
