"""Runs of "Get services definition": a vendor's catalogue read into ours (CB-15). Distributor-private."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.catalogue.models import BillingCycle, Term
from app.core.db import Base
from tenants.scoping import DistributorPrivate


class VendorRunState(enum.Enum):
    """Life of a run (CB-15); the moves stand in `app.catalogue.vendor_runs.machine`."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    COMPLETED_WITH_ERRORS = "completed_with_errors"
    FAILED = "failed"
    CANCELED = "canceled"


class VendorRun(DistributorPrivate, Base):
    """One reading of a service manager's definition. Each service manager has at most one that is not over."""

    __tablename__ = "vendor_runs"
    __table_args__ = (
        Index(
            "uq_vendor_runs_at_work",
            "distributor_id",
            "service_manager_id",
            unique=True,
            postgresql_where=text("state IN ('queued', 'running')"),
        ),
        Index(None, "distributor_id", "service_manager_id", "created_at"),
        ForeignKeyConstraint(
            ["distributor_id", "service_manager_id"], ["service_managers.distributor_id", "service_managers.id"]
        ),
    )

    service_manager_id: Mapped[UUID]
    manager_name: Mapped[str] = mapped_column(String(100))
    state: Mapped[VendorRunState] = mapped_column(default=VendorRunState.QUEUED)
    phase: Mapped[str] = mapped_column(String(40), default="")
    items_total: Mapped[int] = mapped_column(default=0)
    items_done: Mapped[int] = mapped_column(default=0)
    items_created: Mapped[int] = mapped_column(default=0)
    items_updated: Mapped[int] = mapped_column(default=0)
    items_unchanged: Mapped[int] = mapped_column(default=0)
    items_retired: Mapped[int] = mapped_column(default=0)
    items_failed: Mapped[int] = mapped_column(default=0)
    message: Mapped[str | None] = mapped_column(String(500))
    started_by_id: Mapped[UUID | None]
    started_by_name: Mapped[str] = mapped_column(String(201), default="")
    attempt: Mapped[int] = mapped_column(default=0)  # the fence: who holds an older one stops
    heartbeat_at: Mapped[datetime]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class EntryLevel(enum.Enum):
    """How much a line of the log asks for attention."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class EntryAction(enum.Enum):
    """What a run did to one thing."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    RETIRED = "retired"
    ERROR = "error"


class VendorRunEntry(DistributorPrivate, Base):
    """One line of a run's log."""

    __tablename__ = "vendor_run_entries"
    __table_args__ = (
        Index(None, "distributor_id", "run_id", "position"),
        ForeignKeyConstraint(
            ["distributor_id", "run_id"], ["vendor_runs.distributor_id", "vendor_runs.id"], ondelete="CASCADE"
        ),
    )

    run_id: Mapped[UUID]
    position: Mapped[int]
    at: Mapped[datetime]
    level: Mapped[EntryLevel]
    entity_kind: Mapped[str] = mapped_column(String(20))  # type, product, add_on, upgrade path
    external_id: Mapped[str] = mapped_column(String(200))
    action: Mapped[EntryAction]
    message: Mapped[str] = mapped_column(String(500), default="")


class VendorPriceChange(DistributorPrivate, Base):
    """A vendor's price that begins later: it replaces the present one on its day (CB-15)."""

    __tablename__ = "vendor_price_changes"
    __table_args__ = (
        UniqueConstraint("distributor_id", "product_id", "term", "cycle", "currency"),
        Index(None, "distributor_id", "valid_from"),
        ForeignKeyConstraint(
            ["distributor_id", "product_id"], ["products.distributor_id", "products.id"], ondelete="CASCADE"
        ),
    )

    product_id: Mapped[UUID]
    term: Mapped[Term]
    cycle: Mapped[BillingCycle]
    currency: Mapped[str] = mapped_column(String(3))
    vendor_cost: Mapped[Decimal]
    term_vendor_cost: Mapped[Decimal]
    list_price: Mapped[Decimal]
    term_list_price: Mapped[Decimal]
    valid_from: Mapped[date]
