"""Reads of the mail log: what became of the mails of the scope's storefront owner (RS-17)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from app.core.db import session
from app.notifications.models import MailLogEntry, MailState
from app.notifications.templates import MailTemplate
from tenants.context import current_scope

SHORTEST_SEARCH = 2


@dataclass(frozen=True, slots=True)
class MailLogFilter:
    """What to list. A search under two characters is ignored; it looks into the recipient."""

    search: str = ""
    state: MailState | None = None
    template: MailTemplate | None = None


def list_mail_log(
    reseller_id: UUID | None, wanted: MailLogFilter, *, limit: int, offset: int = 0
) -> Sequence[MailLogEntry]:
    """Return one page of an owner's mail log, the newest first."""
    found: Sequence[MailLogEntry] = session.scalars(
        _filtered(select(MailLogEntry), reseller_id, wanted)
        .order_by(MailLogEntry.at.desc(), MailLogEntry.id.desc())
        .limit(limit)
        .offset(offset)
    ).all()
    return found


def count_mail_log(reseller_id: UUID | None, wanted: MailLogFilter) -> int:
    """Return how many entries the filter finds."""
    return session.scalar(_filtered(select(func.count()).select_from(MailLogEntry), reseller_id, wanted)) or 0


def _filtered(statement: Any, reseller_id: UUID | None, wanted: MailLogFilter) -> Any:
    statement = statement.where(
        MailLogEntry.distributor_id == current_scope().distributor_id,
        MailLogEntry.reseller_id.is_not_distinct_from(reseller_id),
    )
    text = wanted.search.strip().lower()
    if len(text) >= SHORTEST_SEARCH:
        statement = statement.where(func.lower(MailLogEntry.to_email).contains(text, autoescape=True))
    if wanted.state is not None:
        statement = statement.where(MailLogEntry.state == wanted.state)
    if wanted.template is not None:
        statement = statement.where(MailLogEntry.template == wanted.template.value)
    return statement
