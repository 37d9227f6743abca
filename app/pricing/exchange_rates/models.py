"""Exchange rates with their history, and uploaded files of them (BC-07). Distributor-private."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Numeric, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from app.pricing.price_list_files.models import ListFileState
from tenants.scoping import DistributorPrivate


class ExchangeRate(DistributorPrivate, Base):
    """What one unit of a currency is worth in another from a day on, until a later row says otherwise."""

    __tablename__ = "exchange_rates"
    __table_args__ = (
        UniqueConstraint("distributor_id", "from_code", "to_code", "valid_from"),
        CheckConstraint("rate > 0", name="above_0"),
        CheckConstraint("from_code <> to_code", name="two_currencies"),
    )

    from_code: Mapped[str] = mapped_column(String(3))  # ISO 4217
    to_code: Mapped[str] = mapped_column(String(3))
    rate: Mapped[Decimal] = mapped_column(Numeric(20, 10))  # units of to_code for one unit of from_code
    valid_from: Mapped[date]  # the distributor's day
    entered_by_id: Mapped[UUID | None]  # None: taken over from the one rate there was
    created_at: Mapped[datetime]


class RateFile(DistributorPrivate, Base):
    """One uploaded file of rates between its preview and somebody's yes; `lines` are `files.FileRate` in JSON."""

    __tablename__ = "exchange_rate_files"
    __table_args__ = (Index(None, "distributor_id", "created_at"),)

    file_name: Mapped[str] = mapped_column(String(255))
    state: Mapped[ListFileState] = mapped_column(default=ListFileState.READY)
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    started_by_id: Mapped[UUID | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
