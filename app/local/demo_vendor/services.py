"""What the vendor tells about its services: page by page, or one of them. Canceled ones are not told of."""

from __future__ import annotations

import sqlite3
from http import HTTPStatus

from app.local.demo_vendor.messages import Refusal
from app.local.demo_vendor.work import account_reference, number_in, service_reference

MOST = 100
_LIVE = """
SELECT services.*, accounts.code AS account_code, accounts.name AS account_name, accounts.email AS account_email
FROM services JOIN accounts ON accounts.number = services.account
WHERE services.application_id = ? AND services.status <> 'Canceled'
"""


def list_services(rows: sqlite3.Connection, *, application_id: str, after: str, size: int) -> dict[str, object]:
    """Return a page of services in the order they were made; `next` asks for the following one."""
    size = max(1, min(size, MOST))
    found = rows.execute(
        f"{_LIVE} AND services.number > ? ORDER BY services.number LIMIT ?",
        (application_id, number_in(after, "svc"), size + 1),
    ).fetchall()
    (total,) = rows.execute(
        "SELECT count(*) FROM services WHERE application_id = ? AND status <> 'Canceled'", (application_id,)
    ).fetchone()
    page = found[:size]
    return {
        "services": [_told(row) for row in page],
        "next": service_reference(page[-1]["number"]) if len(found) > size else None,
        "total": total,
    }


def read_service(rows: sqlite3.Connection, *, application_id: str, reference: str) -> dict[str, object]:
    """Return one service."""
    row = rows.execute(f"{_LIVE} AND services.number = ?", (application_id, number_in(reference, "svc"))).fetchone()
    if row is None:
        raise Refusal(44, "There is no such service", HTTPStatus.NOT_FOUND)
    return _told(row)


def _told(row: sqlite3.Row) -> dict[str, object]:
    return {
        "externalId": service_reference(row["number"]),
        "name": row["name"],
        "productId": row["product_id"],
        "serviceType": row["service_type"],
        "quantity": row["quantity"],
        "status": row["status"],
        "term": row["term"],
        "billingCycle": row["billing_cycle"],
        "currency": row["currency"],
        "account": {
            "externalId": account_reference(row["account"]),
            "code": row["account_code"],
            "name": row["account_name"],
            "email": row["account_email"],
        },
    }
