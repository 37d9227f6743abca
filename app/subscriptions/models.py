"""What customers own: subscriptions, and assets bought once (CB-23, SF-48)."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Numeric, Sequence, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.catalogue.models import BillingCycle, Term
from app.core.db import Base
from tenants.scoping import DistributorPrivate, Shared

SUBSCRIPTION_NUMBERS = Sequence("subscription_numbers", metadata=Base.metadata)
ASSET_NUMBERS = Sequence("asset_numbers", metadata=Base.metadata)


class SubscriptionStatus(enum.Enum):
    """Commercial state (CB-23). *Failed* is a sync status only."""

    PENDING_ACTIVATION = "pending_activation"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    PENDING_CANCELLATION = "pending_cancellation"
    CANCELED = "canceled"
    EXPIRED = "expired"


class SyncStatus(enum.Enum):
    """How the vendor's side stands (CB-22)."""

    NOT_REQUIRED = "not_required"
    UNSYNCHRONISED = "unsynchronised"
    PENDING = "pending"
    SYNCHRONISED = "synchronised"
    FAILED = "failed"


class Subscription(Shared, Base):
    """A recurring service of one account. One order item makes at most one, however often its job runs.

    `unit_price` is the buyer's price: None where the customer must see "-" (bought before the upgrade).
    """

    __tablename__ = "subscriptions"
    __table_args__ = (
        UniqueConstraint("distributor_id", "code"),
        UniqueConstraint("distributor_id", "order_item_id"),
        Index(None, "distributor_id", "account_id", "status"),
        Index(None, "distributor_id", "reseller_id", "status"),
        Index(None, "distributor_id", "product_id"),
        ForeignKeyConstraint(["distributor_id", "account_id"], ["accounts.distributor_id", "accounts.id"]),
        ForeignKeyConstraint(["distributor_id", "product_id"], ["products.distributor_id", "products.id"]),
        ForeignKeyConstraint(["distributor_id", "order_item_id"], ["order_items.distributor_id", "order_items.id"]),
        CheckConstraint("quantity >= 0", name="quantity_min_0"),
    )

    code: Mapped[str] = mapped_column(String(20))  # "SUB-000142"
    order_item_id: Mapped[UUID | None]
    payer_id: Mapped[UUID]
    product_id: Mapped[UUID]
    friendly_name: Mapped[str] = mapped_column(String(100))
    quantity: Mapped[int]
    term: Mapped[Term]
    cycle: Mapped[BillingCycle]
    unit_price: Mapped[Decimal | None]
    currency: Mapped[str] = mapped_column(String(3))
    bought_by_reseller: Mapped[bool] = mapped_column(default=False)
    status: Mapped[SubscriptionStatus] = mapped_column(default=SubscriptionStatus.PENDING_ACTIVATION)
    sync_status: Mapped[SyncStatus] = mapped_column(default=SyncStatus.UNSYNCHRONISED)
    sync_message: Mapped[str | None] = mapped_column(String(500))  # shown to staff only
    starts_on: Mapped[date | None]
    renews_on: Mapped[date | None]
    auto_renew: Mapped[bool] = mapped_column(default=True)
    plan_edition: Mapped[str | None] = mapped_column(String(20))  # a reseller plan's
    created_at: Mapped[datetime]
    activated_at: Mapped[datetime | None]
    canceled_at: Mapped[datetime | None]

    @property
    def is_live(self) -> bool:
        """Whether it is, or is about to be, in use."""
        return self.status not in (SubscriptionStatus.CANCELED, SubscriptionStatus.EXPIRED)


class SubscriptionCost(Shared, Base):
    """What the payer pays per unit and cycle; `account_id` is the payer's account, out of an end customer's reach."""

    __tablename__ = "subscription_costs"
    __table_args__ = (
        UniqueConstraint("distributor_id", "subscription_id"),
        ForeignKeyConstraint(
            ["distributor_id", "subscription_id"], ["subscriptions.distributor_id", "subscriptions.id"]
        ),
    )

    subscription_id: Mapped[UUID]
    unit_cost: Mapped[Decimal]
    currency: Mapped[str] = mapped_column(String(3))
    price_list_id: Mapped[UUID | None]
    rule: Mapped[str] = mapped_column(String(40))
    markup_percent: Mapped[Decimal | None] = mapped_column(Numeric(6, 2))


class SubscriptionVendorLink(DistributorPrivate, Base):
    """What a subscription is called at its vendor; distributor-private."""

    __tablename__ = "subscription_vendor_links"
    __table_args__ = (
        UniqueConstraint("distributor_id", "subscription_id"),
        ForeignKeyConstraint(
            ["distributor_id", "subscription_id"], ["subscriptions.distributor_id", "subscriptions.id"]
        ),
    )

    subscription_id: Mapped[UUID]
    service_manager_id: Mapped[UUID | None]
    vendor_reference: Mapped[str] = mapped_column(String(200))


class SubscriptionEvent(Shared, Base):
    """A line of a subscription's history its customer may read; append-only."""

    __tablename__ = "subscription_events"
    __table_args__ = (
        Index(None, "distributor_id", "subscription_id", "at"),
        ForeignKeyConstraint(
            ["distributor_id", "subscription_id"], ["subscriptions.distributor_id", "subscriptions.id"]
        ),
    )

    subscription_id: Mapped[UUID]
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(40))  # purchase, increase, activated, renamed, canceled ...
    text: Mapped[str] = mapped_column(String(300))
    quantity_change: Mapped[int | None]
    quantity_after: Mapped[int | None]
    actor_name: Mapped[str | None] = mapped_column(String(201))


class Asset(Shared, Base):
    """A one-off purchase."""

    __tablename__ = "assets"
    __table_args__ = (
        UniqueConstraint("distributor_id", "code"),
        UniqueConstraint("distributor_id", "order_item_id"),
        Index(None, "distributor_id", "account_id"),
        ForeignKeyConstraint(["distributor_id", "account_id"], ["accounts.distributor_id", "accounts.id"]),
        ForeignKeyConstraint(["distributor_id", "product_id"], ["products.distributor_id", "products.id"]),
        ForeignKeyConstraint(["distributor_id", "order_item_id"], ["order_items.distributor_id", "order_items.id"]),
    )

    code: Mapped[str] = mapped_column(String(20))  # "AST-000017"
    order_item_id: Mapped[UUID | None]
    payer_id: Mapped[UUID]
    product_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(String(255))
    quantity: Mapped[int]
    unit_price: Mapped[Decimal | None]
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[str] = mapped_column(String(20), default="pending")  # pending, active, canceled
    bought_by_reseller: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
