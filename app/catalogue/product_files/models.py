"""A distributor's own product sheets on their way into the catalogue (CB-14). Distributor-private."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from tenants.scoping import DistributorPrivate


class ProductFileState(enum.Enum):
    """Life of a product file: its columns are mapped, it is checked, and applied when somebody says so."""

    UPLOADED = "uploaded"  # columns are to be mapped
    CHECK_QUEUED = "check_queued"
    CHECKING = "checking"
    READY = "ready"  # the dry run is complete, waits for a person
    QUEUED = "queued"
    APPLYING = "applying"
    COMPLETED = "completed"
    FAILED = "failed"
    DISCARDED = "discarded"


class FileKind(enum.Enum):
    """What the products of a file are."""

    COMMON = "common"
    ASSET = "asset"


class FileChargeType(enum.Enum):
    """How the products of a file are charged."""

    ONE_TIME = "one_time"
    RECURRING = "recurring"
    PAY_PER_USE = "pay_per_use"


class ProductFile(DistributorPrivate, Base):
    """One uploaded sheet of products: one product a row, one currency."""

    __tablename__ = "product_files"
    __table_args__ = (Index(None, "distributor_id", "created_at"),)

    file_name: Mapped[str] = mapped_column(String(255))
    file_path: Mapped[str] = mapped_column(String(255))  # relative to Settings.media_path
    file_bytes: Mapped[int]
    sheets: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)  # name and columns of each
    sheet: Mapped[str] = mapped_column(String(100))
    currency: Mapped[str] = mapped_column(String(3))
    kind: Mapped[FileKind]
    charge_type: Mapped[FileChargeType]
    state: Mapped[ProductFileState] = mapped_column(default=ProductFileState.UPLOADED)
    mapping: Mapped[dict[str, str]] = mapped_column(JSONB, default=dict)  # our field -> their column
    match_by: Mapped[list[str]] = mapped_column(ARRAY(String(10)), default=list)  # of name, code, type
    defaults: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)  # for cells that are empty or not mapped
    rows_total: Mapped[int] = mapped_column(default=0)
    rows_done: Mapped[int] = mapped_column(default=0)
    applied_to: Mapped[int] = mapped_column(default=0)  # row number a resumed run goes on after
    rows_created: Mapped[int] = mapped_column(default=0)
    rows_updated: Mapped[int] = mapped_column(default=0)
    rows_skipped: Mapped[int] = mapped_column(default=0)  # as they are already
    rows_failed: Mapped[int] = mapped_column(default=0)
    message: Mapped[str | None] = mapped_column(String(500))
    started_by_id: Mapped[UUID | None]
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class RowOutcome(enum.Enum):
    """What a row would do, and after the run: what it did."""

    CREATED = "created"
    UPDATED = "updated"
    SKIPPED = "skipped"
    ERROR = "error"


class ProductFileRow(DistributorPrivate, Base):
    """One row of a product file: what was read of it, and what became of it."""

    __tablename__ = "product_file_rows"
    __table_args__ = (
        UniqueConstraint("distributor_id", "file_id", "row_number"),
        Index(None, "distributor_id", "file_id", "outcome"),
        ForeignKeyConstraint(
            ["distributor_id", "file_id"], ["product_files.distributor_id", "product_files.id"], ondelete="CASCADE"
        ),
    )

    file_id: Mapped[UUID]
    row_number: Mapped[int]  # 1 is the header
    name: Mapped[str] = mapped_column(String(255), default="")
    code: Mapped[str] = mapped_column(String(64), default="")
    outcome: Mapped[RowOutcome]
    product_id: Mapped[UUID | None]  # the match, or what was created
    message: Mapped[str] = mapped_column(String(1000), default="")
