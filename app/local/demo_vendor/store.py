"""What the vendor keeps, in one SQLite file: accounts, services, done work by key, and every call."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

_TABLES = """
CREATE TABLE IF NOT EXISTS accounts (
    number INTEGER PRIMARY KEY,
    application_id TEXT NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    country TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    UNIQUE (application_id, code)
);
CREATE TABLE IF NOT EXISTS services (
    number INTEGER PRIMARY KEY,
    application_id TEXT NOT NULL,
    account INTEGER NOT NULL REFERENCES accounts (number),
    name TEXT NOT NULL,
    service_type TEXT NOT NULL,
    product_id TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    term TEXT NOT NULL,
    billing_cycle TEXT NOT NULL,
    currency TEXT NOT NULL,
    reseller TEXT NOT NULL,
    status TEXT NOT NULL,
    add_ons TEXT NOT NULL,
    totals TEXT NOT NULL,
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS scheduled (
    service INTEGER PRIMARY KEY REFERENCES services (number),
    effective_on TEXT NOT NULL,
    name TEXT NOT NULL,
    product_id TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    billing_cycle TEXT NOT NULL,
    add_ons TEXT NOT NULL,
    totals TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS operations (
    application_id TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    reference TEXT NOT NULL,
    name TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (application_id, idempotency_key)
);
CREATE TABLE IF NOT EXISTS calls (
    number INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    application_id TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    idempotency_key TEXT,
    is_check_only INTEGER NOT NULL,
    mode TEXT NOT NULL,
    did_work INTEGER NOT NULL,
    status INTEGER,
    code INTEGER,
    message TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS calls_by_key ON calls (idempotency_key);
"""


class VendorStore:
    """One connection behind one lock: the vendor does one thing after the other, so a key cannot win twice."""

    def __init__(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._lock = Lock()
        self._connection = sqlite3.connect(data / "vendor.sqlite3", check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "busy_timeout = 5000"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(_TABLES)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def forget_everything(self) -> None:
        with self.transaction() as rows:
            for table in ("calls", "operations", "scheduled", "services", "accounts"):
                rows.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the line above

    def close(self) -> None:
        with self._lock:
            self._connection.close()
