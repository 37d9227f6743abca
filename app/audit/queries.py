"""Reads of the audit trail: only a scope of all resellers sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select

from app.audit.models import AuditEvent
from app.core.db import session
from tenants.context import current_scope


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What to list. `search`: words of the action's name; `since` is included, `until` is not."""

    search: str = ""
    target_kind: str | None = None
    target_id: UUID | None = None
    actor_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


def list_audit(wanted: AuditFilter, *, offset: int = 0, limit: int | None = 25) -> Sequence[AuditEvent]:
    """Return events of the filter, the newest first; `limit` None is for exports."""
    statement = _found(wanted).order_by(AuditEvent.at.desc(), AuditEvent.id.desc()).offset(offset)
    return session.scalars(statement if limit is None else statement.limit(limit)).all()


def count_audit(wanted: AuditFilter) -> int:
    """Return how many events the filter finds."""
    return session.scalar(select(func.count()).select_from(_found(wanted).subquery())) or 0


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a record, from what to what; None: it was not there, or was erased."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One thing done to a record: when, what, by whom (None: the system), and each field that changed."""

    at: datetime
    action: str
    actor_id: UUID | None
    actor_name: str | None  # as it was called that day
    channel: str | None  # value of audit.origin.Channel
    address: str | None
    is_erased: bool
    changes: tuple[FieldChange, ...]


def history_of(target_id: UUID, *, offset: int = 0, limit: int = 25) -> Sequence[HistoryEntry]:
    """Return a record's history, the newest first: one statement (BC-30)."""
    return [
        HistoryEntry(
            at=event.at,
            action=event.action,
            actor_id=event.actor_id,
            actor_name=event.actor_name,
            channel=event.channel,
            address=event.address,
            is_erased=event.erased_at is not None,
            changes=_changes(event),
        )
        for event in list_audit(AuditFilter(target_id=target_id), offset=offset, limit=limit)
    ]


def _changes(event: AuditEvent) -> tuple[FieldChange, ...]:
    names = (*event.before, *(name for name in event.after if name not in event.before))
    return tuple(
        FieldChange(name, event.before.get(name), event.after.get(name))
        for name in names
        if name not in event.before or event.before[name] != event.after.get(name)
    )


def known_target_kinds() -> Sequence[str]:
    """Return the kinds of things something was recorded of."""
    rows = session.scalars(
        select(AuditEvent.target_kind)
        .where(AuditEvent.distributor_id == current_scope().distributor_id)
        .distinct()
        .order_by(AuditEvent.target_kind)
    )
    return [kind for kind in rows if kind]


def _found(wanted: AuditFilter) -> Select[AuditEvent]:
    statement = select(AuditEvent).where(AuditEvent.distributor_id == current_scope().distributor_id)
    for word in wanted.search.lower().replace(":", " ").split():
        statement = statement.where(AuditEvent.action.contains(word, autoescape=True))
    if wanted.target_kind is not None:
        statement = statement.where(AuditEvent.target_kind == wanted.target_kind)
    if wanted.target_id is not None:
        statement = statement.where(AuditEvent.target_id == wanted.target_id)
    if wanted.actor_id is not None:
        statement = statement.where(AuditEvent.actor_id == wanted.actor_id)
    if wanted.since is not None:
        statement = statement.where(AuditEvent.at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(AuditEvent.at < wanted.until)
    return statement
