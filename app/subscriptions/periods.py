"""Days of a subscription: first and last day of a period are both included."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Period:
    """From the first to the last day, both included."""

    first: date
    last: date


def add_months(day: date, months: int) -> date:
    """Return the same day so many months later, or that month's last day: 31 January + 1 month = 28 February."""
    index = day.month - 1 + months
    year, month = day.year + index // 12, index % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def period_of(first: date, months: int) -> Period | None:
    """Return the period of so many months that begins on `first`; None for one-time purchases (0 months)."""
    if months == 0:
        return None
    return Period(first, add_months(first, months) - timedelta(days=1))
