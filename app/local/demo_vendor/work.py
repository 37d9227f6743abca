"""The vendor's work: accounts and services, done once per idempotency key."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus

from app.local.demo_vendor.messages import Account, Action, Done, Refusal, ServiceOrder
from app.local.demo_vendor.totals import totals_of

_MESSAGES = {
    Action.CREATE: "Service created",
    Action.UPDATE: "Service updated",
    Action.CANCEL: "Service canceled",
    Action.SUSPEND: "Service suspended",
    Action.ACTIVATE: "Service activated",
    Action.SCHEDULE: "Change scheduled",
    Action.WITHDRAW: "Change withdrawn",
}
_STATUS_AFTER = {
    Action.CREATE: "Active",
    Action.CANCEL: "Canceled",
    Action.SUSPEND: "Suspended",
    Action.ACTIVATE: "Active",
}

_SCHEDULED = ("name", "product_id", "quantity", "billing_cycle", "add_ons", "totals")


def once(
    rows: sqlite3.Connection, *, application_id: str, key: str, fingerprint: str, work: Callable[[], Done]
) -> tuple[Done, bool]:
    """Do the work unless the key has done it before; tell whether it was done now. A refusal leaves the key unused."""
    earlier = rows.execute(
        "SELECT fingerprint, reference, name, message FROM operations WHERE application_id = ? AND idempotency_key = ?",
        (application_id, key),
    ).fetchone()
    if earlier is not None:
        if earlier["fingerprint"] != fingerprint:
            raise Refusal(22, "This key was used for another request", HTTPStatus.UNPROCESSABLE_ENTITY)
        return Done(earlier["reference"], earlier["name"], earlier["message"]), False
    done = work()
    rows.execute(
        "INSERT INTO operations VALUES (?, ?, ?, ?, ?, ?)",
        (application_id, key, fingerprint, done.reference, done.name, done.message),
    )
    return done, True


def fingerprint_of(path: str, fields: dict[str, object]) -> str:
    return hashlib.sha256(f"{path}\n{json.dumps(fields, sort_keys=True)}".encode()).hexdigest()


def find_done(rows: sqlite3.Connection, *, application_id: str, key: str) -> Done:
    row = rows.execute(
        "SELECT reference, name, message FROM operations WHERE application_id = ? AND idempotency_key = ?",
        (application_id, key),
    ).fetchone()
    if row is None:
        raise Refusal(40, "Nothing was done under this key", HTTPStatus.NOT_FOUND)
    return Done(**row)


def synchronise_account(rows: sqlite3.Connection, account: Account, *, application_id: str, at: datetime) -> Done:
    """Insert or update the account; its code is what makes it the same one."""
    (number,) = rows.execute(
        "INSERT INTO accounts (application_id, code, name, email, country, changed_at) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (application_id, code) DO UPDATE SET name = excluded.name, email = excluded.email, "
        "country = excluded.country, changed_at = excluded.changed_at RETURNING number",
        (application_id, account.code, account.name, account.email, account.country, at.isoformat()),
    ).fetchone()
    return Done(account_reference(number), account.name, "Account synchronised")


def check_order(rows: sqlite3.Connection, order: ServiceOrder, *, application_id: str) -> None:
    """Refuse what cannot be done; this is all that a pre-check does."""
    account_number = _account_number(rows, order.account, application_id)
    if order.action is Action.CREATE:
        return
    service = _service(rows, order, application_id)
    if service["account"] != account_number:
        raise Refusal(46, f"{order.reference} belongs to another account")
    if service["status"] == "Canceled" and order.action is not Action.CANCEL:
        raise Refusal(45, f"{order.reference} is canceled and cannot be changed")


def do_order(rows: sqlite3.Connection, order: ServiceOrder, *, application_id: str, at: datetime) -> Done:
    bring_due(rows, at)
    check_order(rows, order, application_id=application_id)
    match order.action:
        case Action.CREATE:
            reference = _create(rows, order, application_id, at)
        case Action.SCHEDULE:
            reference = _schedule(rows, order)
            bring_due(rows, at)
        case Action.WITHDRAW:
            reference = _withdraw(rows, order)
        case _:
            reference = _change(rows, order, at)
    return Done(reference, order.name, _MESSAGES[order.action])


def bring_due(rows: sqlite3.Connection, at: datetime) -> None:
    """Let what was scheduled hold from its day on."""
    for due in rows.execute("SELECT * FROM scheduled WHERE effective_on <= ?", (at.date().isoformat(),)).fetchall():
        rows.execute(
            "UPDATE services SET name = ?, product_id = ?, quantity = ?, billing_cycle = ?, add_ons = ?, totals = ?, "
            "changed_at = ? WHERE number = ? AND status <> 'Canceled'",
            (*(due[name] for name in _SCHEDULED), at.isoformat(), due["service"]),
        )
        rows.execute("DELETE FROM scheduled WHERE service = ?", (due["service"],))


def _schedule(rows: sqlite3.Connection, order: ServiceOrder) -> str:
    assert order.reference is not None
    assert order.effective_on is not None
    number = number_in(order.reference, "svc")
    if rows.execute("SELECT 1 FROM scheduled WHERE service = ?", (number,)).fetchone() is not None:
        raise Refusal(47, f"{order.reference} has a change scheduled already")
    rows.execute(
        "INSERT INTO scheduled VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            number, order.effective_on.isoformat(), order.name, order.product_id, order.quantity, order.billing_cycle,
            *_resources(order),
        ),
    )  # fmt: skip
    return order.reference


def _withdraw(rows: sqlite3.Connection, order: ServiceOrder) -> str:
    assert order.reference is not None
    found = rows.execute("DELETE FROM scheduled WHERE service = ?", (number_in(order.reference, "svc"),))
    if not found.rowcount:
        raise Refusal(48, f"{order.reference} has no change scheduled")
    return order.reference


def account_reference(number: int) -> str:
    return f"acc-{number:06}"


def service_reference(number: int) -> str:
    return f"svc-{number:06}"


def _create(rows: sqlite3.Connection, order: ServiceOrder, application_id: str, at: datetime) -> str:
    (number,) = rows.execute(
        "INSERT INTO services (application_id, account, name, service_type, product_id, quantity, term, billing_cycle, "
        "currency, reseller, status, add_ons, totals, created_at, changed_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number",
        (
            application_id,
            _account_number(rows, order.account, application_id),
            *_picture(order),
            _STATUS_AFTER[order.action],
            *_resources(order),
            at.isoformat(),
            at.isoformat(),
        ),
    ).fetchone()
    return service_reference(number)


def _change(rows: sqlite3.Connection, order: ServiceOrder, at: datetime) -> str:
    assert order.reference is not None
    rows.execute(
        "UPDATE services SET name = ?, service_type = ?, product_id = ?, quantity = ?, term = ?, billing_cycle = ?, "
        "currency = ?, reseller = ?, status = coalesce(?, status), add_ons = ?, totals = ?, changed_at = ? "
        "WHERE number = ?",
        (
            *_picture(order),
            _STATUS_AFTER.get(order.action),
            *_resources(order),
            at.isoformat(),
            number_in(order.reference, "svc"),
        ),
    )
    return order.reference


def _picture(order: ServiceOrder) -> tuple[str | int, ...]:
    return (
        order.name,
        order.service_type,
        order.product_id,
        order.quantity,
        order.term,
        order.billing_cycle,
        order.currency,
        "" if order.reseller is None else order.reseller.name,
    )


def _resources(order: ServiceOrder) -> tuple[str, str]:
    kept = [asdict(add_on) for add_on in order.add_ons if add_on.action_type != "Cancel"]
    return json.dumps(kept), json.dumps(totals_of(order))


def _account_number(rows: sqlite3.Connection, account: Account, application_id: str) -> int:
    found = rows.execute(
        "SELECT number FROM accounts WHERE application_id = ? AND number = ?",
        (application_id, number_in(account.reference or "", "acc")),
    ).fetchone()
    if found is None:
        raise Refusal(31, f"Account {account.name} is not synchronised")
    return int(found["number"])


def _service(rows: sqlite3.Connection, order: ServiceOrder, application_id: str) -> sqlite3.Row:
    found: sqlite3.Row | None = rows.execute(
        "SELECT number, account, status FROM services WHERE application_id = ? AND number = ?",
        (application_id, number_in(order.reference or "", "svc")),
    ).fetchone()
    if found is None:
        raise Refusal(44, "There is no such service", HTTPStatus.NOT_FOUND)
    return found


def number_in(reference: str, prefix: str) -> int:
    """Return the number inside one of our references; 0, which none has, for anything else."""
    start, _, digits = reference.partition("-")
    return int(digits[:12]) if start == prefix and digits.isascii() and digits.isdigit() else 0
