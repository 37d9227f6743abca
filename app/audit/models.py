"""Who did what, when, from where. Intake: every scope may add, only the distributor reads; nothing is changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from tenants.scoping import Intake


class AuditEvent(Intake, Base):
    """One thing somebody did. `before` and `after` hold the changed values only, never secrets."""

    __tablename__ = "audit_events"
    __table_args__ = (
        Index(None, "distributor_id", "at"),
        Index(None, "distributor_id", "target_id"),
    )

    at: Mapped[datetime]
    action: Mapped[str] = mapped_column(String(60))
    actor_id: Mapped[UUID | None]  # None: the system
    actor_reseller_id: Mapped[UUID | None]
    target_kind: Mapped[str | None] = mapped_column(String(40))
    target_id: Mapped[UUID | None]
    address: Mapped[str | None] = mapped_column(String(45))
    request_id: Mapped[str | None] = mapped_column(String(40))
    before: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    after: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
