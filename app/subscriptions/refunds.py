"""What comes back when a subscription ends or shrinks before its period is over (CB-29): pure arithmetic.

The policy stands at the product type; a product may have its own. The day of a cancellation is billed; started hours count
as used. A refund never exceeds what was charged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction

from app.catalogue.refunds import Allowed, RefundPolicy, Then
from app.core.money import round_money
from app.subscriptions.periods import Period

NOTHING = Decimal(0)
HOURS_OF_A_DAY = 24
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Batch:
    """What was charged for a period, or given back already where `net` is negative.

    A batch of licences loses the newest first. What is spread, such as the difference of an upgrade, belongs to all
    licences alike: `left` is the share of it that is left.
    """

    net: Decimal
    period: Period
    began_at: datetime  # the instant of purchase or renewal; a period's first midnight otherwise
    quantity: int = 1
    left: Fraction = Fraction(1)  # of `quantity`
    is_spread: bool = False


def is_open(policy: RefundPolicy, began_at: datetime, at: datetime) -> bool:
    """Whether something bought or renewed at an instant may still be canceled before its term ends."""
    match policy.allowed:
        case Allowed.ALWAYS:
            return True
        case Allowed.NEVER:
            return False
        case Allowed.WITHIN:
            return at - began_at <= policy.within_hours * HOUR


def is_full(policy: RefundPolicy, began_at: datetime, at: datetime) -> bool:
    """Whether everything comes back."""
    return policy.full_hours > 0 and at - began_at <= policy.full_hours * HOUR


def refund(
    policy: RefundPolicy,
    batches: Sequence[Batch],
    *,
    quantity: int,
    on: date,
    at: datetime,
    window_began_at: datetime,
    currency: str,
) -> Decimal:
    """Return what comes back when so many licences end on a day, at an instant of it; rounded once, half-up.

    Licences are taken from the newest batches first. What the batches themselves give back already counts against it.
    `window_began_at` is the clock of them all, unless the policy gives each batch its own.
    """
    total = NOTHING
    for batch, taken in take(batches, quantity):
        clock = batch.began_at if policy.per_batch else window_began_at
        share = batch.net * taken.numerator / taken.denominator / batch.quantity
        total += share if is_full(policy, clock, at) else share * unused(policy, batch, on, at)
    return round_money(min(max(NOTHING, total), charged(batches)), currency)


def charged(batches: Sequence[Batch]) -> Decimal:
    """Return what is charged for what is left of some batches: no refund exceeds it."""
    amounts = (batch.net * batch.left.numerator / batch.left.denominator / batch.quantity for batch in batches)
    return max(NOTHING, sum(amounts, NOTHING))


def take(batches: Sequence[Batch], quantity: int) -> Sequence[tuple[Batch, Fraction]]:
    """Return from which batches so many licences come, and how many of each: the newest first, spread ones by their share."""
    licences = [batch for batch in batches if not batch.is_spread]
    total = sum((batch.left for batch in licences), Fraction(0))
    missing = min(Fraction(quantity), total) if licences else Fraction(1)
    share = missing / total if total else Fraction(1)
    taken = [(batch, batch.left * share) for batch in batches if batch.is_spread]
    for batch in sorted(licences, key=lambda each: each.began_at, reverse=True):
        part = min(batch.left, missing)
        if part > 0:
            taken.append((batch, part))
            missing -= part
    return taken


def less(batches: Sequence[Batch], quantity: int) -> list[Batch]:
    """Return some batches after so many licences have gone."""
    gone = {id(batch): part for batch, part in take(batches, quantity)}
    return [replace(batch, left=batch.left - gone.get(id(batch), Fraction(0))) for batch in batches]


def unused(policy: RefundPolicy, batch: Batch, on: date, at: datetime) -> Decimal:
    """Return which share of a batch's period is not used: 20 of 30 days after 10 June, 648 of 720 hours after 72."""
    match policy.then:
        case Then.NONE:
            return NOTHING
        case Then.DAY:
            days = min(max((batch.period.last - on).days, 0), batch.period.days)
            return Decimal(days) / batch.period.days
        case Then.HOUR:
            hours = batch.period.days * HOURS_OF_A_DAY
            used = (Decimal((at - batch.began_at) / timedelta(microseconds=1)) / 3_600_000_000).to_integral_value(
                ROUND_CEILING
            )
            return Decimal(hours - min(max(int(used), 0), hours)) / hours


def early_termination(cycle_amount: Decimal, whole_cycles_left: int, percent: Decimal, currency: str) -> Decimal:
    """Return the charge for leaving a commitment early: 12 x 100.00 after month 5, at 50 %, is 350.00 (CB-28)."""
    return round_money(cycle_amount * max(whole_cycles_left, 0) * percent / 100, currency)
