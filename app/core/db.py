"""The database: declarative base, one session per thread, and the unit of work that commits at the edge.

Truth lives in PostgreSQL alone. Which rows a session may touch is decided by row security; the scope is told to
PostgreSQL by `tenants.scoping` each time a transaction begins.
"""

from __future__ import annotations

import enum
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar
from uuid import UUID

import psycopg
from psycopg import _queries as driver_queries
from psycopg.pq import ExecStatus, TransactionStatus
from sqlalchemy import Connection, DateTime, Engine, Enum, MetaData, Numeric, Uuid, create_engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import DeclarativeBase, Session, scoped_session, sessionmaker

from app.core.config import settings
from app.core.queue import Nudge, send_nudges


def _check_name(constraint: Any, _table: Any) -> str:
    """Name an enum's CHECK after its column, so that a table may hold one enum twice."""
    if getattr(constraint, "_type_bound", False):
        return str(next(iter(constraint.columns)).name)
    return str(constraint.name)


NAMING: dict[str, Any] = {
    "constraint_name_or_column": _check_name,
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name_or_column)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of every model. Enums become text with a CHECK: ENUM columns cannot use an index under row security."""

    metadata = MetaData(naming_convention=NAMING)
    # Intake rows may be inserted but not read back, so nothing is fetched with RETURNING.
    __mapper_args__: dict[str, Any] = {"eager_defaults": False}  # noqa: RUF012 - SQLAlchemy declares it as an attribute
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        Decimal: Numeric(18, 4),
        UUID: Uuid(),
        enum.Enum: Enum(
            enum.Enum,
            native_enum=False,
            create_constraint=True,
            length=40,
            values_callable=lambda cls: [member.value for member in cls],
        ),
    }


# The driver looks for the parameters of a statement anew each time it is longer than this (4096), to keep no endless
# INSERTs. Ours are written once, and the longest are asked most: without this it costs as much as sending them.
driver_queries.MAX_CACHED_STATEMENT_LENGTH = 32_768
RESTED_SECONDS = 15.0  # a line that broke in between may not have been noticed by this side


class Role(enum.Enum):
    """The database roles of one installation (architecture section 3)."""

    APP = "app"
    BULK = "bulk"
    PLATFORM = "platform"


@cache
def engine(role: Role = Role.APP) -> Engine:
    """Return the process's engine for a role. After a fork, call `dispose_engines` before the first query."""
    url = {
        Role.APP: settings().database_url_app,
        Role.BULK: settings().database_url_bulk,
        Role.PLATFORM: settings().database_url_platform,
    }[role]
    return open_engine(url, pool_size=settings().database_pool_size)


def open_engine(url: str, *, pool_size: int) -> Engine:
    """Return an engine whose connections are tried before use where they have rested or have been told something."""
    made = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_use_lifo=True,
        hide_parameters=True,  # or a failed statement would write people's data and digests into the log
    )

    def remember(_connection: Any, record: Any) -> None:
        record.info["returned_at"] = time.monotonic()

    def require_alive(connection: Any, record: Any, _fairy: Any) -> None:
        returned_at = record.info.get("returned_at")
        if returned_at is None or (time.monotonic() - returned_at < RESTED_SECONDS and not _has_word(connection)):
            return
        try:
            made.dialect.do_ping(connection)
        except psycopg.Error as error:
            raise InvalidatePoolError from error

    _keep_statements(made)
    event.listen(made, "checkin", remember)
    event.listen(made, "checkout", require_alive)
    return made


def _keep_statements(made: Engine) -> None:
    """Let what is prepared outlive a rollback, which is how every transaction that only reads ends.

    The driver forgets its prepared statements then, in case tables went with the transaction. PostgreSQL keeps them and
    looks tables up anew where they have changed.
    """
    usual = made.dialect.do_rollback

    def roll_back(connection: Any) -> None:
        line = getattr(connection, "driver_connection", connection).pgconn
        is_plain = line.transaction_status == TransactionStatus.INTRANS
        if not is_plain or line.exec_(b"ROLLBACK").status != ExecStatus.COMMAND_OK:
            usual(connection)

    made.dialect.do_rollback = roll_back  # type: ignore[assignment]


def _has_word(connection: Any) -> bool:
    """Whether the server has said something unasked: it does so when it ends, and then closes the line."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def dispose_engines() -> None:
    """Forget all connections without closing them: for a child right after a fork."""
    for role in Role:
        engine(role).dispose(close=False)
    engine.cache_clear()


class BoundSession(Session):
    """A session that finds its engine when it first needs one, so that importing never connects."""

    bound_to: ClassVar[Engine | Connection | None] = None  # tests run everything on one connection and roll it back

    def get_bind(self, *_args: Any, **_kwargs: Any) -> Engine | Connection:
        """Return the connection a test has set, or the engine of the role this session was made for."""
        if self.bound_to is not None:
            return self.bound_to
        return engine(self.info.get("role", Role.APP))


session: scoped_session[BoundSession] = scoped_session(
    sessionmaker(class_=BoundSession, expire_on_commit=False, join_transaction_mode="create_savepoint")
)


class NestedUnitOfWork(RuntimeError):
    """A unit of work was opened inside another: the inner commit would break the outer one's promise."""


@contextmanager
def unit_of_work() -> Iterator[BoundSession]:
    """Commit what the block did, all or nothing; only then send its nudges to the queue."""
    current = session()
    if current.info.get("in_unit_of_work"):
        raise NestedUnitOfWork
    current.info["in_unit_of_work"] = True
    current.info["nudges"] = []
    try:
        yield current
        current.commit()
    except BaseException:
        current.rollback()
        raise
    else:
        nudges: list[Nudge] = current.info["nudges"]
        current.info["nudges"] = []
        send_nudges(nudges)
    finally:
        current.info["in_unit_of_work"] = False
        current.info["nudges"] = []


def nudge_after_commit(nudge: Nudge) -> None:
    """Remember to tell the workers about a row once it is committed. A lost nudge costs minutes, never work."""
    session().info.setdefault("nudges", []).append(nudge)


@contextmanager
def using_role(role: Role) -> Iterator[None]:
    """Run the block's transactions under another database role, such as `Role.BULK` for an import."""
    session.remove()
    session().info["role"] = role
    try:
        yield
    finally:
        session.remove()
