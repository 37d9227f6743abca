"""The only place that asks the machine for the time. Everything else gets it as an argument."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


def utc_now() -> datetime:
    """Return the present instant, aware, in UTC."""
    return datetime.now(UTC)


def local_date(at: datetime, time_zone: str) -> date:
    """Return the calendar day of `at` (aware) in an IANA time zone such as Europe/Athens."""
    return at.astimezone(ZoneInfo(time_zone)).date()
