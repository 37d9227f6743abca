"""What customers used and what it costs: rates per product, uploaded files, one record per row (CB-13)."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from app.core.versions import Versioned
from tenants.scoping import DistributorPrivate


class ResourceKind(enum.Enum):
    """What happens to a level at the end of a cycle."""

    METERED = "metered"  # begins at 0 in each cycle; what is used adds up
    ALLOCATED = "allocated"  # a level that stays; paid by the day


class UsageCharge(Versioned, DistributorPrivate, Base):
    """What one resource of a product costs. Without a price of its own, the payer's price of the add-on counts."""

    __tablename__ = "usage_charges"
    __table_args__ = (
        UniqueConstraint("distributor_id", "product_id", "resource_key"),
        ForeignKeyConstraint(
            ["distributor_id", "product_id"], ["products.distributor_id", "products.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(["distributor_id", "add_on_id"], ["products.distributor_id", "products.id"]),
        CheckConstraint("price IS NULL OR price >= 0", name="price_min_0"),
        CheckConstraint("pack_size IS NULL OR pack_size > 0", name="pack_size_above_0"),
        CheckConstraint("included >= 0", name="included_min_0"),
    )

    product_id: Mapped[UUID]
    resource: Mapped[str] = mapped_column(String(64))
    resource_key: Mapped[str] = mapped_column(String(64))  # lower case: files may spell it as they like
    kind: Mapped[ResourceKind] = mapped_column(default=ResourceKind.METERED)
    unit: Mapped[str] = mapped_column(String(40), default="")
    add_on_id: Mapped[UUID | None]
    pack_size: Mapped[Decimal | None]  # sold in whole packs of so many units; None: exactly what was used
    included: Mapped[Decimal] = mapped_column(default=Decimal(0))  # per cycle, in units
    price: Mapped[Decimal | None]  # per pack, or per unit and cycle
    currency: Mapped[str] = mapped_column(String(3))


class UsageImportState(enum.Enum):
    """Life of an uploaded file of usage."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class UsageImport(DistributorPrivate, Base):
    """One file of usage: good rows go in, bad ones are reported with their number."""

    __tablename__ = "usage_imports"
    __table_args__ = (Index(None, "distributor_id", "created_at"),)

    file_name: Mapped[str] = mapped_column(String(255))
    file_path: Mapped[str] = mapped_column(String(255))  # relative to Settings.media_path
    state: Mapped[UsageImportState] = mapped_column(default=UsageImportState.QUEUED)
    rows_total: Mapped[int] = mapped_column(default=0)
    rows_done: Mapped[int] = mapped_column(default=0)
    rows_imported: Mapped[int] = mapped_column(default=0)
    rows_replaced: Mapped[int] = mapped_column(default=0)
    rows_rejected: Mapped[int] = mapped_column(default=0)
    message: Mapped[str | None] = mapped_column(String(500))
    started_by_id: Mapped[UUID | None]
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class UsageState(enum.Enum):
    """Life of a record (CB-13)."""

    IMPORTED = "imported"  # there is no price for it yet
    RATED = "rated"
    BILLED = "billed"
    REJECTED = "rejected"


class UsageRecord(DistributorPrivate, Base):
    """What one subscription used of one resource on some days, or a row that could not be taken."""

    __tablename__ = "usage_records"
    __table_args__ = (
        UniqueConstraint("distributor_id", "import_id", "row_number"),
        Index(
            "uq_usage_records_days",
            "distributor_id",
            "subscription_id",
            "usage_charge_id",
            "first_day",
            "last_day",
            unique=True,
            postgresql_where=text("state <> 'rejected' AND NOT is_correction"),
        ),
        Index(None, "distributor_id", "subscription_id", "cycle_from"),
        ForeignKeyConstraint(
            ["distributor_id", "import_id"], ["usage_imports.distributor_id", "usage_imports.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(
            ["distributor_id", "subscription_id"], ["subscriptions.distributor_id", "subscriptions.id"]
        ),
        ForeignKeyConstraint(
            ["distributor_id", "usage_charge_id"], ["usage_charges.distributor_id", "usage_charges.id"]
        ),
    )

    import_id: Mapped[UUID]
    row_number: Mapped[int]  # 1 is the header
    account_code: Mapped[str] = mapped_column(String(40), default="")  # as the file says
    subscription_code: Mapped[str] = mapped_column(String(40), default="")
    resource: Mapped[str] = mapped_column(String(64), default="")
    quantity: Mapped[Decimal | None]  # in units of the resource; negative only as a correction
    first_day: Mapped[date | None]
    last_day: Mapped[date | None]
    is_correction: Mapped[bool] = mapped_column(default=False)  # the difference to what was billed already
    state: Mapped[UsageState]
    reason: Mapped[str] = mapped_column(String(300), default="")
    subscription_id: Mapped[UUID | None]
    usage_charge_id: Mapped[UUID | None]
    cycle_from: Mapped[date | None]  # the billing period it counts in
    cycle_to: Mapped[date | None]
    charge_key: Mapped[str | None] = mapped_column(String(120))  # source key of the charge it is billed with
    created_at: Mapped[datetime]


class UsageBudget(DistributorPrivate, Base):
    """What a pay-per-use subscription may cost in a cycle before people are told (CB-13). It stops nothing."""

    __tablename__ = "usage_budgets"
    __table_args__ = (
        UniqueConstraint("distributor_id", "subscription_id"),
        ForeignKeyConstraint(
            ["distributor_id", "subscription_id"], ["subscriptions.distributor_id", "subscriptions.id"]
        ),
        CheckConstraint("amount > 0", name="amount_above_0"),
        CheckConstraint("told_percent IN (0, 80, 100)", name="told_percent_known"),
    )

    subscription_id: Mapped[UUID]
    amount: Mapped[Decimal]  # net, of one cycle, in the payer's currency
    told_for: Mapped[date | None]  # first day of the cycle that people were told about
    told_percent: Mapped[int] = mapped_column(default=0)  # the highest they were told of then
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
