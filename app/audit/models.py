"""Who did what, when, from where. Intake: every scope may add, only the distributor reads; nothing is changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from tenants.scoping import DistributorPrivate, Intake, ResellerPrivate


class AuditEvent(Intake, Base):
    """One thing somebody did. `before` and `after` hold the changed values only, never secrets."""

    __tablename__ = "audit_events"
    __table_args__ = (
        Index(None, "distributor_id", "at"),
        Index(None, "distributor_id", "target_id"),
        Index("ix_audit_events_unchained", "distributor_id", "id", postgresql_where=text("chained_at IS NULL")),
    )

    at: Mapped[datetime]
    action: Mapped[str] = mapped_column(String(60))
    actor_id: Mapped[UUID | None]  # None: the system, a program, or somebody unknown
    actor_name: Mapped[str | None] = mapped_column(String(201))  # as it was called that day; None: before 0033
    actor_reseller_id: Mapped[UUID | None]
    channel: Mapped[str | None] = mapped_column(String(20))  # value of audit.origin.Channel; None: before 0033
    account_id: Mapped[
        UUID | None
    ]  # whom it concerns, where the target does not say so: who may not see it, sees no event
    target_kind: Mapped[str | None] = mapped_column(String(40))
    target_id: Mapped[UUID | None]
    address: Mapped[str | None] = mapped_column(String(45))
    user_agent: Mapped[str | None] = mapped_column(String(300))
    request_id: Mapped[str | None] = mapped_column(String(40))
    before: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    after: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    chained_at: Mapped[datetime | None]  # None: not in the chain yet
    erased_at: Mapped[datetime | None]  # what it says of people was blanked; the chain keeps its digest


class ResellerAuditEvent(ResellerPrivate, Base):
    """What a reseller's own people did in its storefront, and what befell its plan, for the reseller to read (RS-32).

    A copy of the distributor's event, which the reseller cannot read; this one is not chained.
    """

    __tablename__ = "reseller_audit_events"
    __table_args__ = (Index(None, "distributor_id", "reseller_id", "at"),)

    at: Mapped[datetime]
    action: Mapped[str] = mapped_column(String(60))
    actor_id: Mapped[UUID | None]  # None: the provider, a program or the system
    actor_name: Mapped[str | None] = mapped_column(String(201))
    target_kind: Mapped[str | None] = mapped_column(String(40))
    target_id: Mapped[UUID | None]
    address: Mapped[str | None] = mapped_column(String(45))
    before: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    after: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)


class AuditLink(DistributorPrivate, Base):
    """One event's place in its distributor's hash chain (GO-16). Digests are SHA-256 in hex."""

    __tablename__ = "audit_links"
    __table_args__ = (
        UniqueConstraint("distributor_id", "position"),
        UniqueConstraint("distributor_id", "event_id"),
    )

    position: Mapped[int] = mapped_column(BigInteger)  # from 1, without gaps
    event_id: Mapped[UUID]
    payload_digest: Mapped[str] = mapped_column(String(64))  # of the event
    digest: Mapped[str] = mapped_column(String(64))  # of the link before it, the position and the payload digest


class AuditHead(DistributorPrivate, Base):
    """The end of a distributor's chain, signed with the installation's key: a shortened chain does not reach it."""

    __tablename__ = "audit_heads"
    __table_args__ = (UniqueConstraint("distributor_id"),)

    position: Mapped[int] = mapped_column(BigInteger, default=0)
    digest: Mapped[str] = mapped_column(String(64))
    signature: Mapped[str] = mapped_column(String(64))
    changed_at: Mapped[datetime]


class AuditCheckpoint(DistributorPrivate, Base):
    """Where a chain begins since its older part has expired: the last link that was removed, signed."""

    __tablename__ = "audit_checkpoints"
    __table_args__ = (UniqueConstraint("distributor_id", "position"),)

    position: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(String(64))
    signature: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
