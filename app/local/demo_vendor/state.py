"""What the vendor tells about itself: on its page to people, as JSON to tests."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass
from datetime import datetime

from app.local.demo_vendor.behaviour import Behaviour, Mode, Temper
from app.local.demo_vendor.work import account_reference, service_reference


@dataclass(frozen=True, slots=True)
class ServiceRow:
    reference: str
    name: str
    product_id: str
    service_type: str
    account: str
    account_name: str
    reseller: str
    quantity: int
    term: str
    billing_cycle: str
    currency: str
    status: str
    add_ons: list[dict[str, object]]
    totals: dict[str, str]
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class AccountRow:
    reference: str
    code: str
    name: str
    email: str
    country: str
    services: int
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class CallRow:
    number: int
    at: datetime
    method: str
    path: str
    idempotency_key: str | None
    is_check_only: bool
    mode: Mode
    did_work: bool
    status: int | None
    code: int | None
    message: str
    body: str


@dataclass(frozen=True, slots=True)
class KeyCount:
    calls: int
    performed: int  # how often work was done: 1, whatever the number of calls


@dataclass(frozen=True, slots=True)
class VendorState:
    behaviour: Behaviour
    waiting: int  # calls that are kept waiting at this moment
    calls_total: int
    services_total: int
    accounts_total: int
    keys: dict[str, KeyCount]
    calls: list[CallRow]  # newest first, as the next two
    services: list[ServiceRow]
    accounts: list[AccountRow]


def state_of(rows: sqlite3.Connection, temper: Temper, *, limit: int) -> VendorState:
    """Read everything; at most `limit` of each list."""
    (calls_total, services_total, accounts_total) = rows.execute(
        "SELECT (SELECT count(*) FROM calls), (SELECT count(*) FROM services), (SELECT count(*) FROM accounts)"
    ).fetchone()
    keys = rows.execute(
        "SELECT idempotency_key, count(*), sum(did_work) FROM calls WHERE idempotency_key IS NOT NULL "
        "GROUP BY idempotency_key ORDER BY max(number) DESC LIMIT ?",
        (limit,),
    )
    return VendorState(
        behaviour=temper.behaviour,
        waiting=temper.waiting,
        calls_total=calls_total,
        services_total=services_total,
        accounts_total=accounts_total,
        keys={key: KeyCount(calls, performed) for key, calls, performed in keys},
        calls=[_call(row) for row in rows.execute("SELECT * FROM calls ORDER BY number DESC LIMIT ?", (limit,))],
        services=[_service(row) for row in rows.execute(_SERVICES, (limit,))],
        accounts=[_account(row) for row in rows.execute(_ACCOUNTS, (limit,))],
    )


def as_json(state: VendorState) -> dict[str, object]:
    fields = asdict(state)
    fields["counts"] = {
        "calls": fields.pop("calls_total"),
        "services": fields.pop("services_total"),
        "accounts": fields.pop("accounts_total"),
        "by_idempotency_key": fields.pop("keys"),
    }
    return fields


_SERVICES = """
SELECT services.*, accounts.name AS account_name FROM services JOIN accounts ON accounts.number = services.account
ORDER BY services.number DESC LIMIT ?
"""
_ACCOUNTS = """
SELECT accounts.*, (SELECT count(*) FROM services WHERE account = accounts.number AND status <> 'Canceled') AS services
FROM accounts ORDER BY number DESC LIMIT ?
"""


def _service(row: sqlite3.Row) -> ServiceRow:
    return ServiceRow(
        reference=service_reference(row["number"]),
        name=row["name"],
        product_id=row["product_id"],
        service_type=row["service_type"],
        account=account_reference(row["account"]),
        account_name=row["account_name"],
        reseller=row["reseller"],
        quantity=row["quantity"],
        term=row["term"],
        billing_cycle=row["billing_cycle"],
        currency=row["currency"],
        status=row["status"],
        add_ons=json.loads(row["add_ons"]),
        totals=json.loads(row["totals"]),
        created_at=datetime.fromisoformat(row["created_at"]),
        changed_at=datetime.fromisoformat(row["changed_at"]),
    )


def _account(row: sqlite3.Row) -> AccountRow:
    return AccountRow(
        reference=account_reference(row["number"]),
        code=row["code"],
        name=row["name"],
        email=row["email"],
        country=row["country"],
        services=row["services"],
        changed_at=datetime.fromisoformat(row["changed_at"]),
    )


def _call(row: sqlite3.Row) -> CallRow:
    return CallRow(
        number=row["number"],
        at=datetime.fromisoformat(row["at"]),
        method=row["method"],
        path=row["path"],
        idempotency_key=row["idempotency_key"],
        is_check_only=bool(row["is_check_only"]),
        mode=Mode(row["mode"]),
        did_work=bool(row["did_work"]),
        status=row["status"],
        code=row["code"],
        message=row["message"],
        body=row["body"],
    )
