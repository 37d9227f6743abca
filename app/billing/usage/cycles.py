"""Which billing period of a subscription a day of use counts in: the current one, or one before it."""

from __future__ import annotations

from datetime import date

from app.subscriptions.models import Subscription
from app.subscriptions.periods import ONE_DAY, Period, add_months

MOST_CYCLES = 240  # no file is later than twenty years of months


def cycle_of(subscription: Subscription, day: date) -> Period | None:
    """Return the billing period a day lies in; None before the subscription began and after its current period."""
    first, last, months = subscription.period_from, subscription.period_to, subscription.cycle.months
    if first is None or last is None or day > last or not months:
        return None
    begin = subscription.starts_on or first
    if day < begin:
        return None
    for _ in range(MOST_CYCLES):
        if day >= first:
            return Period(first, last)
        last = first - ONE_DAY
        first = max(begin, add_months(first, -months, subscription.anchor_day))
    return None
