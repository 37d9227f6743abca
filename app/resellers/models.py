"""What a reseller offers in its own storefront, and the pictures it shows there."""

from __future__ import annotations

import enum
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Numeric, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from tenants.scoping import ResellerPrivate, Shared


class Listing(ResellerPrivate, Base):
    """A distributor's product that a reseller has put into its own catalogue (RS-19). Unlisting deletes the row."""

    __tablename__ = "listings"
    __table_args__ = (
        Index("uq_listings_product", "distributor_id", "reseller_id", "product_id", unique=True),
        ForeignKeyConstraint(["distributor_id", "product_id"], ["products.distributor_id", "products.id"]),
    )

    product_id: Mapped[UUID]
    trial_enabled: Mapped[bool] = mapped_column(default=True)
    is_featured: Mapped[bool] = mapped_column(default=False)
    listed_at: Mapped[datetime]


class StorefrontImage(ResellerPrivate, Base):
    """A logo, favicon, banner or login background of a storefront, re-encoded on the way in (RS-15)."""

    __tablename__ = "storefront_images"

    purpose: Mapped[str] = mapped_column(String(20))  # logo, favicon, banner, login
    content_type: Mapped[str] = mapped_column(String(40))
    content: Mapped[bytes]
    width: Mapped[int | None]
    height: Mapped[int | None]
    created_at: Mapped[datetime]


class ListingAction(enum.Enum):
    """What a bulk change does to each of its products (RS-19)."""

    LIST = "list"
    SET_MARKUP = "set_markup"
    ADD_POINTS = "add_points"
    UNLIST = "unlist"
    TRIALS_ON = "trials_on"
    TRIALS_OFF = "trials_off"


class ListingRunState(enum.Enum):
    """Life of a bulk change that is too large to be made while somebody waits."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class ListingRun(Shared, Base):
    """The progress of one large bulk change. Shared, so that the job finds it; what it changes stays with the reseller.

    `lease_until` is the only lock: a run whose lease is over is taken up again where it stopped.
    """

    __tablename__ = "listing_runs"
    __table_args__ = (
        Index(None, "distributor_id", "state", "lease_until"),
        Index(None, "distributor_id", "reseller_id", "created_at"),
        CheckConstraint("rows_total BETWEEN 0 AND 5000", name="rows_max_5000"),
    )

    action: Mapped[ListingAction]
    state: Mapped[ListingRunState] = mapped_column(default=ListingRunState.QUEUED)
    rows_total: Mapped[int]
    rows_done: Mapped[int] = mapped_column(default=0)
    rows_skipped: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    started_by_id: Mapped[UUID | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    @property
    def rows_handled(self) -> int:
        """How many rows have been looked at, done or skipped."""
        return self.rows_done + self.rows_skipped


class ListingRunRow(ResellerPrivate, Base):
    """One product of a bulk change: what is asked, and what came of it. `result` None: not yet its turn."""

    __tablename__ = "listing_run_rows"
    __table_args__ = (
        UniqueConstraint("distributor_id", "run_id", "position"),
        ForeignKeyConstraint(["distributor_id", "run_id"], ["listing_runs.distributor_id", "listing_runs.id"]),
    )

    run_id: Mapped[UUID]
    position: Mapped[int]
    product_id: Mapped[UUID]
    percent: Mapped[Decimal | None] = mapped_column(Numeric(6, 2))  # the markup, or the points to add
    result: Mapped[str | None] = mapped_column(String(10))  # done or skipped
    reason: Mapped[str | None] = mapped_column(String(40))  # why it was skipped, such as not_available
