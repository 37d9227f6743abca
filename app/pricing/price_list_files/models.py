"""Uploaded lines of price lists between their preview and somebody's yes (CB-05). Distributor-private."""

from __future__ import annotations

import enum
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.catalogue.models import BillingCycle, PriceScheme, Term
from app.core.db import Base
from app.pricing.models import PriceRule
from tenants.scoping import DistributorPrivate


class ListFileState(enum.Enum):
    """Life of a file: nothing of it is in its list until somebody says so."""

    READY = "ready"  # the preview stands, waits for a person
    COMPLETED = "completed"
    DISCARDED = "discarded"


class PriceListFile(DistributorPrivate, Base):
    """One uploaded file of lines for one price list."""

    __tablename__ = "price_list_files"
    __table_args__ = (
        Index(None, "distributor_id", "price_list_id", "created_at"),
        ForeignKeyConstraint(
            ["distributor_id", "price_list_id"], ["price_lists.distributor_id", "price_lists.id"], ondelete="CASCADE"
        ),
    )

    price_list_id: Mapped[UUID]
    file_name: Mapped[str] = mapped_column(String(255))
    currency: Mapped[str] = mapped_column(String(3))  # its list's when it was read
    state: Mapped[ListFileState] = mapped_column(default=ListFileState.READY)
    rows_total: Mapped[int] = mapped_column(default=0)
    started_by_id: Mapped[UUID | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class LineOutcome(enum.Enum):
    """What a row would do to its list, and once the file is taken in: what it did."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    ERROR = "error"


class PriceListFileRow(DistributorPrivate, Base):
    """One row of a file: what was read of it, and what becomes of it."""

    __tablename__ = "price_list_file_rows"
    __table_args__ = (
        UniqueConstraint("distributor_id", "file_id", "row_number"),
        ForeignKeyConstraint(
            ["distributor_id", "file_id"], ["price_list_files.distributor_id", "price_list_files.id"],
            ondelete="CASCADE",
        ),
    )  # fmt: skip

    file_id: Mapped[UUID]
    row_number: Mapped[int]  # 1 is the header
    code: Mapped[str] = mapped_column(String(64), default="")  # as the file says
    unit: Mapped[str] = mapped_column(String(60), default="")
    outcome: Mapped[LineOutcome]
    message: Mapped[str] = mapped_column(String(300), default="")
    product_id: Mapped[UUID | None]
    term: Mapped[Term | None]
    cycle: Mapped[BillingCycle | None]
    rule: Mapped[PriceRule | None]
    value: Mapped[Decimal | None]
    price_scheme: Mapped[PriceScheme | None]
    price_tiers: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    price_before: Mapped[Decimal | None]  # None: the list has no such line
    price_after: Mapped[Decimal | None]
