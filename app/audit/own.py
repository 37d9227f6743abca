"""A reseller's own trail: what its people did in its storefront, and what befell its plan (RS-32)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select

from app.audit.models import ResellerAuditEvent
from app.core.db import session
from tenants.context import current_scope


@dataclass(frozen=True, slots=True)
class OwnFilter:
    """What to list. `search`: words of the action's name; `since` is included, `until` is not."""

    search: str = ""
    since: datetime | None = None
    until: datetime | None = None


def list_own(wanted: OwnFilter, *, offset: int = 0, limit: int) -> Sequence[ResellerAuditEvent]:
    """Return one page of the scope's reseller's trail, the newest first."""
    statement = _found(select(ResellerAuditEvent), wanted)
    newest_first = (ResellerAuditEvent.at.desc(), ResellerAuditEvent.id.desc())
    found: Sequence[ResellerAuditEvent] = session.scalars(
        statement.order_by(*newest_first).offset(offset).limit(limit)
    ).all()
    return found


def count_own(wanted: OwnFilter) -> int:
    """Return how many events the filter finds."""
    return session.scalar(_found(select(func.count()).select_from(ResellerAuditEvent), wanted)) or 0


def expire_own(until: datetime) -> None:
    """Forget what the scope's reseller did before an instant: it is kept for 24 months."""
    here = current_scope()
    session.execute(
        delete(ResellerAuditEvent)
        .where(
            ResellerAuditEvent.distributor_id == here.distributor_id,
            ResellerAuditEvent.reseller_id == here.reseller_id,
            ResellerAuditEvent.at < until,
        )
        .execution_options(synchronize_session=False)
    )


def _found(statement: Any, wanted: OwnFilter) -> Any:
    here = current_scope()
    statement = statement.where(
        ResellerAuditEvent.distributor_id == here.distributor_id, ResellerAuditEvent.reseller_id == here.reseller_id
    )
    for word in wanted.search.lower().replace(":", " ").split():
        statement = statement.where(ResellerAuditEvent.action.contains(word, autoescape=True))
    if wanted.since is not None:
        statement = statement.where(ResellerAuditEvent.at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(ResellerAuditEvent.at < wanted.until)
    return statement
