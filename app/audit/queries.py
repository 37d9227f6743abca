"""Reads of the audit trail: only a scope of all resellers sees it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from app.audit.models import AuditEvent
from app.core.db import session
from tenants.context import current_scope

MOST = 200


def list_audit_of(target_id: UUID, *, limit: int = MOST) -> Sequence[AuditEvent]:
    """Return what was done to one thing, the newest first."""
    return session.scalars(
        select(AuditEvent)
        .where(AuditEvent.distributor_id == current_scope().distributor_id, AuditEvent.target_id == target_id)
        .order_by(AuditEvent.at.desc(), AuditEvent.id.desc())
        .limit(limit)
    ).all()
