"""Reads of usage for BSS: imports, records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from sqlalchemy import Select, func, select

from app.billing.usage.models import UsageImport, UsageRecord, UsageState
from app.core.db import session
from tenants.context import current_scope

EXPORT_CHUNK = 1000


def list_imports(*, limit: int, offset: int = 0) -> Sequence[UsageImport]:
    """Return one page of the distributor's imports, the latest first."""
    newest = _imports().order_by(UsageImport.created_at.desc(), UsageImport.id.desc())
    return session.scalars(newest.limit(limit).offset(offset)).all()


def count_imports() -> int:
    """Return how many imports there are."""
    return session.scalar(_imports().with_only_columns(func.count())) or 0


def list_records(
    import_id: UUID, *, state: UsageState | None = None, limit: int, offset: int = 0
) -> Sequence[UsageRecord]:
    """Return one page of a file's rows as they stand."""
    return session.scalars(_records(import_id, state).limit(limit).offset(offset)).all()


def count_records(import_id: UUID, *, state: UsageState | None = None) -> int:
    """Return how many rows a filter finds."""
    return session.scalar(_records(import_id, state).order_by(None).with_only_columns(func.count())) or 0


def export_records(import_id: UUID, *, state: UsageState | None = None) -> Iterator[UsageRecord]:
    """Read a file's rows one by one."""
    yield from session.scalars(_records(import_id, state), execution_options={"yield_per": EXPORT_CHUNK})


def records_of(subscription_id: UUID, *, limit: int) -> Sequence[UsageRecord]:
    """Return what was reported for a subscription, the latest days first."""
    return session.scalars(
        select(UsageRecord)
        .where(
            UsageRecord.distributor_id == current_scope().distributor_id,
            UsageRecord.subscription_id == subscription_id,
        )
        .order_by(UsageRecord.first_day.desc(), UsageRecord.resource, UsageRecord.created_at.desc())
        .limit(limit)
    ).all()


def _imports() -> Select[UsageImport]:
    return select(UsageImport).where(UsageImport.distributor_id == current_scope().distributor_id)


def _records(import_id: UUID, state: UsageState | None) -> Select[UsageRecord]:
    statement = select(UsageRecord).where(
        UsageRecord.distributor_id == current_scope().distributor_id, UsageRecord.import_id == import_id
    )
    if state is not None:
        statement = statement.where(UsageRecord.state == state)
    return statement.order_by(UsageRecord.row_number)
