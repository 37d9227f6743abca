"""What usage costs (CB-13): pure arithmetic on quantities and prices, rounded once, half-up, to the minor unit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from app.catalogue.charging import Tier
from app.catalogue.models import PriceScheme
from app.core.money import round_money

NOTHING = Decimal(0)
HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Rate:
    """What a resource costs per pack, or per unit where `pack_size` is None; tiers count in packs, or units."""

    price: Decimal
    currency: str
    included: Decimal = NOTHING  # units per cycle that cost nothing
    pack_size: Decimal | None = None
    scheme: PriceScheme = PriceScheme.PER_UNIT
    tiers: Sequence[Tier] = ()


@dataclass(frozen=True, slots=True)
class Level:
    """So many units on so many days of a cycle."""

    quantity: Decimal
    days: int


def billable(used: Decimal, rate: Rate) -> Decimal:
    """Return what is paid of a quantity: whole packs of what exceeds the quota. 2 300 of 2 000 in packs of 10: 30."""
    beyond = max(NOTHING, used - rate.included)
    if rate.pack_size is None:
        return beyond
    return (beyond / rate.pack_size).to_integral_value(ROUND_CEILING)


def metered_amount(used: Decimal, rate: Rate) -> Decimal:
    """Return what a cycle's total of a metered resource costs. 730 hours at 0.02 are 14.60."""
    return round_money(_line(billable(used, rate), rate), rate.currency)


def allocated_amount(levels: Iterable[Level], rate: Rate, *, cycle_days: int) -> Decimal:
    """Return what levels of an allocated resource cost by the day. 12 at 4.00 for 10 of 30 days are 16.00."""
    total = sum((_line(billable(level.quantity, rate), rate) * level.days for level in levels), NOTHING)
    return round_money(total / cycle_days, rate.currency)


def _line(quantity: Decimal, rate: Rate) -> Decimal:
    if rate.scheme is PriceScheme.PER_UNIT or not rate.tiers:
        return rate.price * quantity
    if rate.scheme is PriceScheme.VOLUME:
        reached = [tier for tier in rate.tiers if tier.from_quantity <= quantity]
        return _less(rate.price, reached[-1].percent if reached else NOTHING) * quantity
    total = NOTHING
    ends = [*(Decimal(tier.from_quantity - 1) for tier in rate.tiers[1:]), quantity]
    for tier, end in zip(rate.tiers, ends, strict=True):
        within = min(end, quantity) - (tier.from_quantity - 1)
        total += _less(rate.price, tier.percent) * max(within, NOTHING)
    return total


def _less(amount: Decimal, percent: Decimal) -> Decimal:
    return amount * (HUNDRED - percent) / HUNDRED
