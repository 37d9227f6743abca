"""What the demo vendor's metered services used: hours of compute nodes, a row a day, the same whenever it is asked."""

from __future__ import annotations

import sqlite3
from datetime import date, datetime, timedelta
from http import HTTPStatus

from app.local.demo_vendor.messages import Refusal
from app.local.demo_vendor.work import service_reference

METERED = "CP-NODE"
RESOURCE = "Hours"
HOURS = 24
MOST_DAYS = 62
_SERVICES = "SELECT * FROM services WHERE application_id = ? AND product_id = ? ORDER BY number"


def list_usage(
    rows: sqlite3.Connection, *, application_id: str, first: str, last: str, now: datetime
) -> list[dict[str, object]]:
    """Return a row for each service and whole day it ran; today is not over yet."""
    try:
        begin, end = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError as error:
        raise Refusal(45, "from and to are no days", HTTPStatus.BAD_REQUEST) from error
    end = min(end, now.date() - timedelta(days=1))
    if (end - begin).days >= MOST_DAYS:
        raise Refusal(45, f"Ask for at most {MOST_DAYS} days", HTTPStatus.BAD_REQUEST)
    return [
        {
            "externalId": service_reference(row["number"]),
            "resource": RESOURCE,
            "quantity": str(_hours(row, day)),
            "from": day.isoformat(),
            "to": day.isoformat(),
        }
        for row in rows.execute(_SERVICES, (application_id, METERED)).fetchall()
        for day in (begin + timedelta(days=number) for number in range((end - begin).days + 1))
        if _hours(row, day)
    ]


def _hours(row: sqlite3.Row, day: date) -> int:
    created, changed = datetime.fromisoformat(row["created_at"]), datetime.fromisoformat(row["changed_at"])
    if day < created.date() or (row["status"] == "Canceled" and day > changed.date()):
        return 0
    ran = HOURS - created.hour if day == created.date() else HOURS
    return ran * int(row["quantity"])
