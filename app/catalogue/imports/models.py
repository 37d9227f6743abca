"""Vendor price sheets on their way into the catalogue (CB-15). Distributor-private."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.catalogue.models import BillingCycle, Term
from app.core.db import Base
from tenants.scoping import DistributorPrivate


class CategoryRule(DistributorPrivate, Base):
    """A saved rule of the import wizard: which rows of a sheet belong to which category (decisions section 8)."""

    __tablename__ = "category_rules"
    __table_args__ = (
        ForeignKeyConstraint(["distributor_id", "category_id"], ["categories.distributor_id", "categories.id"]),
    )

    position: Mapped[int]
    field: Mapped[str] = mapped_column(String(20))  # publisher, tag or title
    contains: Mapped[str] = mapped_column(String(100))  # case-insensitive; the first rule that fits wins
    category_id: Mapped[UUID]


class ImportState(enum.Enum):
    """Life of an import run: checked first, applied only when somebody says so."""

    UPLOADED = "uploaded"
    CHECKING = "checking"
    READY = "ready"  # preview is complete, waits for a person
    QUEUED = "queued"
    APPLYING = "applying"
    COMPLETED = "completed"
    FAILED = "failed"
    DISCARDED = "discarded"  # somebody looked at the preview and said no


class ImportRun(DistributorPrivate, Base):
    """One vendor price sheet on its way into the catalogue (CB-15). Distributor-private."""

    __tablename__ = "import_runs"
    __table_args__ = (Index(None, "distributor_id", "created_at"),)

    file_name: Mapped[str] = mapped_column(String(255))
    file_path: Mapped[str] = mapped_column(String(255))  # relative to Settings.media_path
    file_bytes: Mapped[int]
    state: Mapped[ImportState] = mapped_column(default=ImportState.UPLOADED)
    segments: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list)  # chosen for publishing
    service_manager_id: Mapped[UUID | None]
    rows_total: Mapped[int] = mapped_column(default=0)
    rows_done: Mapped[int] = mapped_column(default=0)  # read while checking, applied or refused while applying
    applied_to: Mapped[int] = mapped_column(default=0)  # row number from which the next range of a resumed run begins
    rows_created: Mapped[int] = mapped_column(default=0)
    rows_changed: Mapped[int] = mapped_column(default=0)
    rows_unchanged: Mapped[int] = mapped_column(default=0)
    rows_failed: Mapped[int] = mapped_column(default=0)
    summary: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)  # counts per kind for the preview page
    report_path: Mapped[str | None] = mapped_column(String(255))  # relative to Settings.media_path; CSV, row by row
    message: Mapped[str | None] = mapped_column(String(500))
    started_by_id: Mapped[UUID | None]
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class ImportOutcome(enum.Enum):
    """What a row of a sheet does, or did, to the catalogue."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class ImportRow(DistributorPrivate, Base):
    """One readable row of a sheet between upload and application; deleted when its run ends.

    The row's id becomes the id of what it creates.
    """

    __tablename__ = "import_rows"
    __table_args__ = (
        UniqueConstraint("distributor_id", "run_id", "row_number"),
        Index(None, "distributor_id", "run_id", "code_key"),
        ForeignKeyConstraint(["distributor_id", "run_id"], ["import_runs.distributor_id", "import_runs.id"]),
    )

    run_id: Mapped[UUID]
    row_number: Mapped[int]  # 1 is the header
    code: Mapped[str] = mapped_column(String(64))  # ProductId.SkuId
    code_key: Mapped[str] = mapped_column(String(64))
    product_name: Mapped[str] = mapped_column(String(255))
    product_slug: Mapped[str] = mapped_column(String(200))  # wished for; a taken one gets the code appended
    description: Mapped[str] = mapped_column(String(4000))
    search_text: Mapped[str] = mapped_column(Text)
    group_name: Mapped[str] = mapped_column(String(255))
    group_slug: Mapped[str] = mapped_column(String(200))
    publisher: Mapped[str] = mapped_column(String(200))
    unit_of_measure: Mapped[str] = mapped_column(String(40))
    segment: Mapped[str] = mapped_column(String(40))
    tags: Mapped[list[str]] = mapped_column(ARRAY(String(60)))
    term: Mapped[Term]
    cycle: Mapped[BillingCycle]
    currency: Mapped[str] = mapped_column(String(3))
    vendor_cost: Mapped[Decimal]  # per cycle and unit, 4 decimals; the sheet's amounts below are for the whole term
    list_price: Mapped[Decimal]
    term_vendor_cost: Mapped[Decimal]
    term_list_price: Mapped[Decimal]
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    is_withdrawn: Mapped[bool]
    product_outcome: Mapped[ImportOutcome | None]
    price_outcome: Mapped[ImportOutcome | None]
    old_vendor_cost: Mapped[Decimal | None]
    old_list_price: Mapped[Decimal | None]


class ImportIssue(DistributorPrivate, Base):
    """One row of a sheet that could not be taken, and why."""

    __tablename__ = "import_issues"
    __table_args__ = (
        Index(None, "distributor_id", "run_id", "row_number"),
        ForeignKeyConstraint(["distributor_id", "run_id"], ["import_runs.distributor_id", "import_runs.id"]),
    )

    run_id: Mapped[UUID]
    row_number: Mapped[int]  # 1 is the header
    column: Mapped[str | None] = mapped_column(String(60))
    code: Mapped[str] = mapped_column(String(40))
    message: Mapped[str] = mapped_column(String(300))
