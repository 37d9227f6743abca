"""Closing what is still wanted of a subscription that has ended."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.changes.machine import ChangeStep, advance
from app.changes.queries import open_change
from app.core.db import session
from app.subscriptions.models import ChangeStatus, Subscription


def void_changes(subscription: Subscription, *, at: datetime, but: UUID | None = None) -> None:
    """Close a request nobody can fulfil any more; call it when a subscription is canceled or expires (CB-29)."""
    found = open_change(subscription.id)
    if found is None or found.id == but or found.status is ChangeStatus.PROCESSING:
        return
    advance(found, ChangeStep.VOID)
    found.completed_at = at
    session.flush()
