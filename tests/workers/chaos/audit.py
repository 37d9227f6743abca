"""Counting afterwards: our books against the vendor's, the mail server's and what buyers were answered."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg

# Each finds what must not be; the rows say where.
MUST_BE_EMPTY: Mapping[str, str] = {
    "orders neither executed nor with people": """
        SELECT number, status FROM orders WHERE status <> 'executed'""",
    "work rows that are not done": "SELECT id FROM order_works WHERE state <> 'done'",
    "items without exactly one subscription": """
        SELECT i.id, count(s.id) FROM order_items i LEFT JOIN subscriptions s ON s.order_item_id = i.id
        GROUP BY i.id HAVING count(s.id) <> 1""",
    "items without exactly one charge": """
        SELECT i.id, count(c.id) FROM order_items i LEFT JOIN charges c ON c.order_item_id = i.id
        GROUP BY i.id HAVING count(c.id) <> 1""",
    "orders without exactly one invoice": """
        SELECT o.number, count(v.id) FROM orders o LEFT JOIN invoices v ON v.order_id = o.id
        GROUP BY o.number HAVING count(v.id) <> 1""",
    "invoices that do not add up to their charges": """
        SELECT v.number FROM invoices v LEFT JOIN charges c ON c.invoice_id = v.id
        GROUP BY v.number, v.net_total HAVING v.net_total <> coalesce(sum(c.net_amount), 0)""",
    "gaps in the numbers of invoices": """
        SELECT count(*), max(right(number, 6)::int) FROM invoices HAVING count(*) <> max(right(number, 6)::int)""",
    "items without exactly one task": """
        SELECT i.id, count(t.id) FROM order_items i LEFT JOIN provisioning_tasks t ON t.order_item_id = i.id
        GROUP BY i.id HAVING count(t.id) <> 1""",
    "tasks, items and subscriptions that tell different stories": """
        SELECT t.id, t.status, i.delivery_status, s.status, s.sync_status
        FROM provisioning_tasks t JOIN order_items i ON i.id = t.order_item_id JOIN subscriptions s ON s.id = t.subject_id
        WHERE (t.status, i.delivery_status, s.status, s.sync_status)
              NOT IN (('succeeded', 'delivered', 'active', 'synchronised'),
                      ('failed', 'failed', 'pending_activation', 'failed'))""",
    "active subscriptions without exactly one name at the vendor": """
        SELECT s.code, count(l.id) FROM subscriptions s LEFT JOIN subscription_vendor_links l ON l.subscription_id = s.id
        WHERE s.status = 'active' GROUP BY s.code HAVING count(l.id) <> 1""",
    "names at the vendor that two subscriptions share": """
        SELECT vendor_reference FROM subscription_vendor_links GROUP BY vendor_reference HAVING count(*) > 1""",
    "deliveries not told exactly once": """
        SELECT i.id, count(e.id) FROM order_items i
        LEFT JOIN order_events e ON e.item_id = i.id AND e.kind = 'delivered'
        WHERE i.delivery_status = 'delivered' GROUP BY i.id HAVING count(e.id) <> 1""",
    "executions not told exactly once": """
        SELECT o.number, count(e.id) FROM orders o LEFT JOIN order_events e ON e.order_id = o.id AND e.kind = 'executed'
        GROUP BY o.number HAVING count(e.id) <> 1""",
    "activations not told exactly once": """
        SELECT s.code, count(e.id) FROM subscriptions s
        LEFT JOIN subscription_events e ON e.subscription_id = s.id AND e.kind = 'activated'
        WHERE s.status = 'active' GROUP BY s.code HAVING count(e.id) <> 1""",
    "mails queued twice": """
        SELECT template, to_email, fields, count(*) FROM outbound_mails WHERE template <> 'provisioning_failed'
        GROUP BY template, to_email, fields HAVING count(*) > 1""",
    "mails neither sent nor with people": "SELECT id, state, error FROM outbound_mails WHERE state <> 'sent'",
    "orders without confirmation": """
        SELECT number FROM orders o WHERE NOT EXISTS (
            SELECT FROM outbound_mails m WHERE m.template = 'order_confirmation' AND m.fields->>'order_number' = o.number)""",
    "active subscriptions without exactly one mail that says so": """
        SELECT s.code, count(m.id) FROM subscriptions s LEFT JOIN outbound_mails m
          ON m.template = 'subscription_ready' AND m.fields->>'subscription_url' LIKE '%/' || s.code
        WHERE s.status = 'active' GROUP BY s.code HAVING count(m.id) <> 1""",
}  # fmt: skip


@dataclass(frozen=True)
class Books:
    """How much there is of everything, for the report."""

    orders: int
    subscriptions: int
    services: int
    invoices: int
    mails: int
    mails_repeated: int  # handed to the mail server again with the same Message-ID, after a kill in between
    with_people: int  # tasks the vendor refused, or whose answer made no sense
    calls: int
    attempts: int


def problems(
    connection: psycopg.Connection, vendor: Path, answers: Mapping[UUID, Sequence[str]], taken: Mapping[str, int]
) -> list[str]:
    """Return what was lost or doubled, in words; nothing, if all is well."""
    found = [
        f"{name}: {len(rows)}, such as {rows[:3]}"
        for name, statement in MUST_BE_EMPTY.items()
        if (rows := connection.execute(statement).fetchall())  # type: ignore[arg-type]
    ]
    return [*found, *_of_answers(connection, answers), *_of_vendor(connection, vendor), *_of_post(connection, taken)]


def books(connection: psycopg.Connection, vendor: Path, taken: Mapping[str, int]) -> Books:
    def count(statement: str) -> int:
        row = connection.execute(statement).fetchone()  # type: ignore[arg-type]
        assert row is not None
        return int(row[0])

    with sqlite3.connect(vendor) as rows:
        services, calls = rows.execute(
            "SELECT (SELECT count(*) FROM services), (SELECT count(*) FROM calls)"
        ).fetchone()
    return Books(
        orders=count("SELECT count(*) FROM orders"),
        subscriptions=count("SELECT count(*) FROM subscriptions WHERE status = 'active'"),
        services=services,
        invoices=count("SELECT count(*) FROM invoices"),
        mails=count("SELECT count(*) FROM outbound_mails"),
        mails_repeated=sum(taken.values()) - len(taken),
        with_people=count("SELECT count(*) FROM provisioning_tasks WHERE status = 'failed'"),
        calls=calls,
        attempts=count("SELECT coalesce(sum(attempts), 0) FROM provisioning_tasks"),
    )


def _of_answers(connection: psycopg.Connection, answers: Mapping[UUID, Sequence[str]]) -> list[str]:
    found = [f"one checkout was answered with {set(numbers)}" for numbers in answers.values() if len(set(numbers)) != 1]
    told = Counter(numbers[0] for numbers in answers.values())
    found += [f"{number} answers {times} checkouts" for number, times in told.items() if times > 1]
    there = {number for (number,) in connection.execute("SELECT number FROM orders")}
    if lost := set(told) - there:
        found.append(f"orders lost: {sorted(lost)}")
    if extra := there - set(told):
        found.append(f"orders nobody placed: {sorted(extra)}")
    return found


def _of_vendor(connection: psycopg.Connection, vendor: Path) -> list[str]:
    """A service at the vendor for each task that succeeded, by its key; one at most where a person must look."""
    with sqlite3.connect(vendor) as rows:
        services = [f"svc-{number:06}" for (number,) in rows.execute("SELECT number FROM services")]
        made = dict(
            rows.execute("SELECT idempotency_key, reference FROM operations WHERE reference LIKE 'svc-%'").fetchall()
        )
    tasks = {
        str(task_id): (status, reference)
        for task_id, status, reference in connection.execute(
            "SELECT id, status, vendor_reference FROM provisioning_tasks"
        )
    }
    found = [f"services no task asked for: {key}" for key in made.keys() - tasks.keys()]
    found += [f"services made outside of any key: {each}" for each in set(services) - set(made.values())]
    if len(set(made.values())) != len(made):
        found.append("two keys share a service")
    found += [
        f"task {task_id} succeeded as {reference}, the vendor made {made.get(task_id)}"
        for task_id, (status, reference) in tasks.items()
        if status == "succeeded" and made.get(task_id) != reference
    ]
    return found


def _of_post(connection: psycopg.Connection, taken: Mapping[str, int]) -> list[str]:
    sent = {str(mail_id) for (mail_id,) in connection.execute("SELECT id FROM outbound_mails WHERE state = 'sent'")}
    arrived = {message_id.strip("<>").partition("@")[0] for message_id in taken}
    found = [f"mail {each} is said to be sent and never arrived" for each in sent - arrived]
    return found + [f"mail {each} arrived and is nobody's" for each in arrived - sent]
