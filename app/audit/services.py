"""Recording who did what. Rows are inserted plain; the scope that inserts them cannot read them back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.audit.models import AuditEvent
from app.core.db import session


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person, or the system where `user_id` is None."""

    user_id: UUID | None
    name: str
    reseller_id: UUID | None = None
    address: str | None = None  # IP address of the request
    request_id: str | None = None


SYSTEM = Actor(None, "System")


def record(
    action: str,
    *,
    actor: Actor,
    at: datetime,
    target_kind: str | None = None,
    target_id: UUID | None = None,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Add an audit event in the transaction of the change it tells of. Values are stored as text; never secrets."""
    session.add(
        AuditEvent(
            at=at,
            action=action,
            actor_id=actor.user_id,
            actor_reseller_id=actor.reseller_id,
            target_kind=target_kind,
            target_id=target_id,
            address=actor.address,
            request_id=actor.request_id,
            before={key: str(value) for key, value in (before or {}).items()},
            after={key: str(value) for key, value in (after or {}).items()},
        )
    )
