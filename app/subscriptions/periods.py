"""Days of a subscription: first and last day of a period are both included."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """From the first to the last day, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days it has; 1 to 30 June has 30."""
        return (self.last - self.first).days + 1

    def __contains__(self, day: date) -> bool:
        """Whether a day lies in it."""
        return self.first <= day <= self.last


def on_anchor(year: int, month: int, anchor_day: int) -> date:
    """Return a month's anchor day: 31 is the last day of a shorter month."""
    return date(year, month, min(anchor_day, calendar.monthrange(year, month)[1]))


def add_months(day: date, months: int, anchor_day: int | None = None) -> date:
    """Return the same day so many months later, or that month's last day: 31 January + 1 month = 28 February.

    `anchor_day` is the day of the month that is meant where `day` was clamped: 28 February + 1 month with anchor 31
    is 31 March (CB-28).
    """
    index = day.month - 1 + months
    return on_anchor(day.year + index // 12, index % 12 + 1, anchor_day or day.day)


def period_of(first: date, months: int, anchor_day: int | None = None) -> Period | None:
    """Return the period of so many months that begins on `first`; None for one-time purchases (0 months).

    Its last day is the day before the anchor day of the next period: 31 Jan to 27 Feb, 28 Feb to 30 Mar (CB-28).
    """
    if months == 0:
        return None
    return Period(first, add_months(first, months, anchor_day) - ONE_DAY)


def next_anchor(after: date, anchor_day: int) -> date:
    """Return the first anchor day later than `after`."""
    this_month = on_anchor(after.year, after.month, anchor_day)
    return this_month if this_month > after else add_months(after.replace(day=1), 1, anchor_day)
