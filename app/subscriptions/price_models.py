"""Trials, and what a subscription's price is made of beside its cost row: edits, locked costs, prices of the vendor."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Numeric, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.catalogue.models import BillingCycle, Term
from app.core.db import Base
from tenants.scoping import DistributorPrivate, Shared


class Trial(Shared, Base):
    """An account's one trial of a product, ever (CB-12). It is asked for by a row; a job makes the subscription.

    Its last day stands on the subscription, which lives on when the trial is converted.
    """

    __tablename__ = "trials"
    __table_args__ = (
        UniqueConstraint("distributor_id", "account_id", "product_id"),
        UniqueConstraint("distributor_id", "subscription_id"),
        Index(None, "distributor_id", "ended_at"),
        ForeignKeyConstraint(["distributor_id", "account_id"], ["accounts.distributor_id", "accounts.id"]),
        ForeignKeyConstraint(["distributor_id", "product_id"], ["products.distributor_id", "products.id"]),
        ForeignKeyConstraint(
            ["distributor_id", "subscription_id"], ["subscriptions.distributor_id", "subscriptions.id"]
        ),
        CheckConstraint("quantity >= 1", name="quantity_min_1"),
        CheckConstraint("(days = 0) <> (months = 0)", name="length"),
    )

    product_id: Mapped[UUID]
    payer_id: Mapped[UUID]
    storefront_id: Mapped[UUID | None]  # where it was started; None: in BSS
    subscription_id: Mapped[UUID | None]  # None: not opened yet
    quantity: Mapped[int]
    term: Mapped[Term]
    cycle: Mapped[BillingCycle]
    days: Mapped[int]  # as the product said when it began; 0: it counts months
    months: Mapped[int] = mapped_column(default=0)
    friendly_name: Mapped[str] = mapped_column(String(100))
    characteristics: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)  # its initial resources, by id
    contact_email: Mapped[str] = mapped_column(String(254))
    requested_by_name: Mapped[str] = mapped_column(String(201), default="")
    requested_at: Mapped[datetime]
    converted_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]  # its last day passed
    deprovisioned_at: Mapped[datetime | None]  # the vendor was asked to remove it
    week_reminded_for: Mapped[date | None]  # the last day that the mail a week before was about
    day_reminded_for: Mapped[date | None]


class PriceEdit(Shared, Base):
    """A new price of a subscription, wanted by hand (CB-26); `account_id` is the payer's, out of an end customer's reach.

    Its subscription change says when; it says what.
    """

    __tablename__ = "price_edits"
    __table_args__ = (
        Index(None, "distributor_id", "subscription_id"),
        ForeignKeyConstraint(
            ["distributor_id", "subscription_id"], ["subscriptions.distributor_id", "subscriptions.id"]
        ),
    )

    subscription_id: Mapped[UUID]
    price_list_id: Mapped[UUID | None]  # None: where the price comes from stays
    user_price: Mapped[Decimal | None]  # wins over the discount
    discount_percent: Mapped[Decimal] = mapped_column(Numeric(5, 2), default=Decimal(0))
    cycle: Mapped[BillingCycle | None]  # None: as it is
    unit_cost_before: Mapped[Decimal]
    unit_cost_after: Mapped[Decimal | None]  # None: not applied yet
    created_at: Mapped[datetime]


class ProtectedCost(DistributorPrivate, Base):
    """The vendor's cost that was locked with a protected price: a markup of a list counts from it (CB-06)."""

    __tablename__ = "protected_costs"
    __table_args__ = (
        UniqueConstraint("distributor_id", "subscription_id"),
        ForeignKeyConstraint(
            ["distributor_id", "subscription_id"], ["subscriptions.distributor_id", "subscriptions.id"]
        ),
    )

    subscription_id: Mapped[UUID]
    vendor_cost: Mapped[Decimal]


class ExternalPriceStatus(enum.Enum):
    """What came of the last time the vendor was asked for its price."""

    SUCCESSFUL = "successful"
    FAILED = "failed"


class ExternalPrice(DistributorPrivate, Base):
    """A subscription whose price the vendor says at each renewal (CB-26). No row: it has none of that kind."""

    __tablename__ = "external_prices"
    __table_args__ = (
        UniqueConstraint("distributor_id", "subscription_id"),
        Index("ix_external_prices_due", "distributor_id", "next_attempt_at"),
        ForeignKeyConstraint(
            ["distributor_id", "subscription_id"], ["subscriptions.distributor_id", "subscriptions.id"]
        ),
    )

    subscription_id: Mapped[UUID]
    status: Mapped[ExternalPriceStatus | None]  # None: not asked yet
    failure_reason: Mapped[str | None] = mapped_column(String(500))
    failing_since: Mapped[datetime | None]  # of the first failure; tries after it do not move it
    unit_price: Mapped[Decimal | None]  # last known
    fetched_at: Mapped[datetime | None]
    next_attempt_at: Mapped[datetime | None]  # None: nothing to ask before the next renewal
    alerted_at: Mapped[datetime | None]  # finance was told of this failure
