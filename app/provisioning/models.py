"""Vendors' provisioning systems, and the tasks to be done there. Distributor's own; buyers read order events."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from tenants.scoping import DistributorPrivate, Intake


class ServiceManager(DistributorPrivate, Base):
    """A registered connector instance of one vendor (CB-22). The key is encrypted and never shown again."""

    __tablename__ = "service_managers"
    __table_args__ = (UniqueConstraint("distributor_id", "name"),)

    name: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(40))  # key of workers.connectors.registry: service_manager, manual
    base_url: Mapped[str | None] = mapped_column(String(500))
    application_id: Mapped[str | None] = mapped_column(String(100))
    api_key_encrypted: Mapped[str | None] = mapped_column(Text)
    timeout_seconds: Mapped[int] = mapped_column(default=30)  # 5..120
    has_precheck: Mapped[bool] = mapped_column(default=True)
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class TaskKind(enum.Enum):
    """What is asked of the vendor."""

    CREATE = "create"
    UPDATE = "update"
    CANCEL = "cancel"
    SUSPEND = "suspend"
    ACTIVATE = "activate"  # ends a suspension
    OPEN_STOREFRONT = "open_storefront"  # a reseller plan: our own worker is the vendor (RS-09)


class TaskStatus(enum.Enum):
    """Life of a provisioning task. Only `next_attempt_at` decides when it runs again."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"  # a person does the work and records the outcome
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class ProvisioningTask(Intake, Base):
    """One unit of work for a connector; its id is the idempotency key at the vendor.

    Tasks of one subscription run strictly in order of `sequence`.
    """

    __tablename__ = "provisioning_tasks"
    __table_args__ = (
        UniqueConstraint("distributor_id", "subject_id", "sequence"),
        Index("ix_provisioning_tasks_due", "distributor_id", "status", "next_attempt_at"),
    )

    kind: Mapped[TaskKind]
    subject_id: Mapped[UUID]  # the subscription (or asset) it is about
    sequence: Mapped[int] = mapped_column(default=1)
    order_id: Mapped[UUID | None]
    order_item_id: Mapped[UUID | None]
    change_id: Mapped[UUID | None]  # the subscription change it carries out
    service_manager_id: Mapped[UUID | None]
    request: Mapped[dict[str, Any]] = mapped_column(JSONB)  # the complete resource picture at the time of asking
    status: Mapped[TaskStatus] = mapped_column(default=TaskStatus.PENDING)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime]
    first_attempt_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    lease_token: Mapped[UUID | None]  # only the run that holds it may write the outcome
    vendor_reference: Mapped[str | None] = mapped_column(String(200))
    message: Mapped[str | None] = mapped_column(String(500))  # the vendor's words, for staff
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class VendorAccountLink(DistributorPrivate, Base):
    """What an account is called at a vendor: synchronised before its first subscription there."""

    __tablename__ = "vendor_account_links"
    __table_args__ = (
        UniqueConstraint("distributor_id", "service_manager_id", "account_id"),
        ForeignKeyConstraint(
            ["distributor_id", "service_manager_id"], ["service_managers.distributor_id", "service_managers.id"]
        ),
    )

    service_manager_id: Mapped[UUID]
    account_id: Mapped[UUID]
    vendor_reference: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]


class VendorCall(DistributorPrivate, Base):
    """One request to a vendor and its answer, secrets masked; kept 90 days."""

    __tablename__ = "vendor_calls"
    __table_args__ = (Index(None, "distributor_id", "task_id", "at"),)

    task_id: Mapped[UUID | None]
    service_manager_id: Mapped[UUID | None]
    at: Mapped[datetime]
    operation: Mapped[str] = mapped_column(String(60))
    url: Mapped[str] = mapped_column(String(500))
    request_body: Mapped[str] = mapped_column(Text)
    status_code: Mapped[int | None]
    response_body: Mapped[str] = mapped_column(Text, default="")
    duration_ms: Mapped[int]
