"""What a part of a period costs (CB-24, CB-25, CB-27, CB-29, CB-32): pure arithmetic on days and amounts.

Amounts are net, of one whole cycle, in the currency that is named; results are rounded once, half-up, to its minor unit.
The day of a change counts for the new side; the day of a cancellation or a decrease counts as used.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from app.core.money import line_amount, round_money
from app.subscriptions.periods import Period

NOTHING = Decimal(0)


def cycle_amount(unit_price: Decimal, quantity: int, currency: str) -> Decimal:
    """Return what a whole cycle costs: unit price x quantity, rounded once."""
    return line_amount(unit_price, quantity, currency)


def days_share(amount: Decimal, days: int, of_days: int, currency: str) -> Decimal:
    """Return amount x days / days of the cycle. 50.00 for 23 of 31 days is 37.10."""
    if of_days < 1 or not 0 <= days <= of_days:
        raise ValueError(f"{days} of {of_days} days")
    return round_money(amount * days / of_days, currency)


def remaining_share(amount: Decimal, period: Period, first_day: date, currency: str) -> Decimal:
    """Return what the days from `first_day` to the period's end cost; nothing when the period is over.

    6.00 from 5 June on of 15 May to 14 June: 6.00 x 10/31 = 1.94.
    """
    days = min(max((period.last - first_day).days + 1, 0), period.days)
    return days_share(amount, days, period.days, currency)


def unused_share(amount: Decimal, period: Period, on: date, currency: str) -> Decimal:
    """Return what the days after `on` cost: 120.00 of 1 to 30 June, canceled on 10 June, is 80.00 unused."""
    days = min(max((period.last - on).days, 0), period.days)
    return days_share(amount, days, period.days, currency)


def increase_amount(old_cycle: Decimal, new_cycle: Decimal, period: Period, on: date, currency: str) -> Decimal:
    """Return what more of a service costs from `on` to the period's end: 5 to 8 x 10.00 on 16 of 30 June is 15.00.

    Where a volume tier makes the new cycle cheaper nothing is charged now; the lower price begins with the renewal.
    """
    return remaining_share(max(NOTHING, new_cycle - old_cycle), period, on, currency)


def decrease_credit(old_cycle: Decimal, new_cycle: Decimal, period: Period, on: date, currency: str) -> Decimal:
    """Return what less of a service gives back after `on`, as a positive amount: 4 x 12.00 on 10 of 30 June is 32.00."""
    return unused_share(max(NOTHING, old_cycle - new_cycle), period, on, currency)


def instalment(unit_price: Decimal, quantity: int, cycles: int, number: int, billed: Decimal, currency: str) -> Decimal:
    """Return one cycle's amount of a term of so many cycles, `number` counted from 1, `billed` the ones before.

    The last one takes what is left of the rounded term amount: 100.00 in 12 is 11 x 8.33 and 8.37.
    """
    if not 1 <= number <= cycles:
        raise ValueError(f"Instalment {number} of {cycles}")
    if number < cycles:
        return cycle_amount(unit_price, quantity, currency)
    return round_money(unit_price * cycles * quantity, currency) - billed
