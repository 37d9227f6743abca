"""What may be kept in the process between requests, and when it must be read again.

Whoever writes a watched table announces it: the commit carries a NOTIFY with the scope of the write, and every process
listens. What was kept is then older than the last change and is not used any more. A process that cannot listen keeps
nothing: it asks the database each time. Nothing lives longer than `MOST_SECONDS`, for changes made by hand in SQL.

What is kept lies outside row security. So it is loaded under the scope of the request that asks for it, and is found
again under the same scope only.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

import psycopg
from sqlalchemy import Connection, Engine, event
from sqlalchemy.orm import Session, SessionTransaction

from app.core.config import settings
from app.core.db import BoundSession
from tenants.context import Reach, Scope, current_scope, scope_or_none

log = logging.getLogger(__name__)

CHANNEL = "galleria_changes"
EVERYTHING = "*"
MOST_SECONDS = 300.0
HEARTBEAT_SECONDS = 1.0
SILENCE_SECONDS = 3.0  # after which the listener is taken for dead
RECONNECT_SECONDS = 1.0

# Written with one reseller in scope, these are that reseller's; all else is the distributor's.
_OF_RESELLER = ("storefront_settings", "listings", "markup_rules", "special_prices", "popular_products")
_OF_DISTRIBUTOR = (
    "distributors", "distributor_settings", "storefronts", "categories", "product_types", "product_groups", "products",
    "product_prices", "price_lists", "price_list_entries", "price_list_assignments", "industries", "currencies",
    "promotions",
)  # fmt: skip
_WRITES = re.compile(
    r'\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO|TRUNCATE(?:\s+TABLE)?)\s+(?:ONLY\s+)?"?('
    + "|".join((*_OF_RESELLER, *_OF_DISTRIBUTOR, "accounts"))
    + r")\b",
    re.IGNORECASE,
)
# Of accounts only these matter to what a storefront shows; orders and credit write others all the time.
_TERMS = re.compile(r"\b(?:currency|restrict_to_price_lists|is_reseller)\b")

# Of promotions an order counts its use, and nothing else; who changes what they say counts the version.
_PROMISES = re.compile(r"\bversion\b")


class Mark(NamedTuple):
    """A moment: what was loaded at another one may be out of date."""

    connection: int
    everything: int
    distributor: int
    reseller: int


@lru_cache(maxsize=4096)
def _written(sql: str) -> str | None:
    """Return "reseller" or "distributor" if the statement writes a watched table, else None."""
    is_found = None
    for found in _WRITES.finditer(sql):
        name, rest = found[1].lower(), sql[found.end() :]
        if name == "promotions" and found[0][:6].upper() == "UPDATE" and not _PROMISES.search(rest):
            continue
        if name in _OF_DISTRIBUTOR or (name == "accounts" and found[0][:6].upper() == "UPDATE" and _TERMS.search(rest)):
            return "distributor"
        if name in _OF_RESELLER:
            is_found = "reseller"
    return is_found


class Changes(threading.local):
    """What this thread has written and not committed yet, as payloads."""

    def __init__(self) -> None:
        self.noted: set[str] = set()
        self.committing: set[str] = set()


class ChangeClock:
    """Counts changes per distributor and reseller; one per process, fed by its own commits and by a listening thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._everything = 0
        self._of: dict[str, int] = {}
        self._connection = 0
        self._heard_at = float("-inf")
        self._listener: tuple[int, threading.Thread] | None = None
        self._is_told_where = False
        self._ended = threading.Event()
        self._began = threading.Event()
        self.is_wanted = False  # web processes listen; a job that lives for a second keeps nothing
        self.is_alone = False  # tests: no other process writes, so nobody need be listened to

    def mark(self, distributor_id: UUID, reseller: UUID | Reach) -> Mark | None:
        """Return this moment for a distributor's reseller (or its own storefront); None while nothing may be kept."""
        if not self.is_alone and not self._hears():
            return None
        root = str(distributor_id)
        return Mark(
            self._connection, self._everything, self._of.get(root, 0), self._of.get(_payload(root, reseller), 0)
        )

    def note(self, payload: str) -> None:
        """Take note of a change: everything kept for its tenant is out of date."""
        with self._lock:
            if payload == EVERYTHING:
                self._everything += 1
            else:
                self._of[payload] = self._of.get(payload, 0) + 1

    def listen_to(self, url: str) -> None:
        """Listen to a database other than the settings'; raises nothing, keeps trying."""
        self._is_told_where = True
        self._start(url)

    def _start(self, url: str) -> None:
        thread = threading.Thread(target=self._listen, args=(url,), name="changes", daemon=True)
        self._listener = (os.getpid(), thread)
        thread.start()

    def stop(self) -> None:
        """End the listening thread."""
        self._ended.set()
        if self._listener is not None:
            self._listener[1].join()

    def wait_until_heard(self, seconds: float) -> bool:
        """Return whether somebody listens by then."""
        return self._began.wait(seconds)

    def _hears(self) -> bool:
        if not self.is_wanted or (BoundSession.bound_to is not None and not self._is_told_where):
            return False  # a test's connection is bound: what it writes is seen by nobody else
        if self._listener is None or self._listener[0] != os.getpid():
            with self._lock:
                if self._listener is None or self._listener[0] != os.getpid():
                    self._heard_at = float("-inf")
                    self._start(settings().database_url_app)
        return time.monotonic() - self._heard_at < SILENCE_SECONDS

    def _listen(self, url: str) -> None:
        is_told = False
        while not self._ended.is_set():
            try:
                with psycopg.connect(url.replace("+psycopg", ""), autocommit=True, connect_timeout=5) as connection:
                    is_told = False
                    self._follow(connection)
            except psycopg.Error as error:
                if not is_told:  # once per outage
                    log.warning("changes_not_heard", extra={"reason": str(error)[:200]})
                is_told = True
                self._heard_at = float("-inf")
                self._ended.wait(RECONNECT_SECONDS)

    def _follow(self, connection: psycopg.Connection) -> None:
        connection.execute(f"LISTEN {CHANNEL}")
        with self._lock:
            self._connection += 1  # what was missed while nobody listened is not known
        while not self._ended.is_set():
            self._heard_at = time.monotonic()
            self._began.set()
            for notice in connection.notifies(timeout=HEARTBEAT_SECONDS, stop_after=1):
                self.note(notice.payload)
            if time.monotonic() - self._heard_at >= HEARTBEAT_SECONDS:
                connection.execute("SELECT 1")


clock = ChangeClock()
_mine = Changes()


def _payload(distributor_id: str, reseller: UUID | Reach) -> str:
    return f"{distributor_id} {reseller.value if isinstance(reseller, Reach) else reseller}"


def _payload_of(kind: str, entered: Scope | None) -> str:
    if entered is None:
        return EVERYTHING
    root = str(entered.distributor_id)
    return root if kind == "distributor" or entered.reseller is Reach.ALL else _payload(root, entered.reseller)


@event.listens_for(Engine, "before_cursor_execute")
def _note_writes(_connection: Connection, _cursor: Any, sql: str, *_rest: Any) -> None:
    kind = _written(sql)
    if kind is not None:
        _mine.noted.add(_payload_of(kind, scope_or_none()))


@event.listens_for(Engine, "commit")
def _announce(connection: Connection) -> None:
    """Let the commit carry what was noted: it is delivered if and when the transaction becomes visible."""
    if not _mine.noted:
        return
    cursor = connection.connection.cursor()
    for payload in sorted(_mine.noted):
        cursor.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload))
    cursor.close()
    _mine.committing |= _mine.noted
    _mine.noted.clear()


@event.listens_for(Engine, "rollback")
def _forget(_connection: Connection) -> None:
    _mine.noted.clear()


@event.listens_for(BoundSession, "after_transaction_end")
def _note_own(_session: Session, transaction: SessionTransaction) -> None:
    """Do not wait for the own announcement to come back: who has saved sees it on the next page."""
    if transaction.parent is None and (_mine.noted or _mine.committing):
        for payload in _mine.noted | _mine.committing:
            clock.note(payload)
        _mine.noted.clear()
        _mine.committing.clear()


Value = TypeVar("Value")


class Kept(Generic[Value]):
    """Values loaded under a scope, kept until something of that scope's tenant changes; the least used make room."""

    def __init__(self, most: int, *, by_account: bool = True) -> None:
        self._most = most
        self._by_account = by_account  # False: the same for every account of the storefront
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, tuple[Mark, float, Value]] = OrderedDict()

    def of(self, key: Hashable, load: Callable[[], Value], *, under: Scope | None = None) -> Value:
        """Return what is kept under this key and scope, else load it. Never inside a transaction that has written.

        `under` names the scope that `load` opens by itself, where that is not the one in force.
        """
        entered = under or current_scope()
        mark = None if _mine.noted else clock.mark(entered.distributor_id, entered.reseller)
        if mark is None:
            return load()
        full_key = (
            entered.distributor_id,
            entered.reseller,
            (entered.account, entered.price_lists) if self._by_account else None,
            entered.rules,
            key,
        )
        now = time.monotonic()
        found = self._values.get(full_key)
        if found is not None and found[0] == mark and now - found[1] < MOST_SECONDS:
            with self._lock:
                if full_key in self._values:
                    self._values.move_to_end(full_key)
            return found[2]
        value = load()
        with self._lock:
            self._values[full_key] = (mark, now, value)
            self._values.move_to_end(full_key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return value
