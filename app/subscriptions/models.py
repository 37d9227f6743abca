"""What customers own: subscriptions, and assets bought once (CB-23, SF-48)."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Numeric, Sequence, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.catalogue.models import BillingCycle, BillingType, Term
from app.core.db import Base
from app.identity.permission_rules.models import Ruled
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


class SubscriptionRole(enum.Enum):
    """What a subscription is to its parent."""

    MAIN = "main"  # stands alone, or is a bundle
    ADD_ON = "add_on"  # one record per add-on product and parent (CB-27); same cycle, period and payer
    COMPONENT = "component"  # the technical record of a bundle's component; never charged (CB-11)


class Subscription(Ruled, Shared, Base):
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
        Index(None, "distributor_id", "parent_id"),
        Index("ix_subscriptions_period_end", "distributor_id", "status", "period_to"),
        Index(
            "uq_subscriptions_part",  # one live record per add-on or component and parent
            "distributor_id",
            "parent_id",
            "product_id",
            unique=True,
            postgresql_where=text("parent_id IS NOT NULL AND status NOT IN ('canceled', 'expired')"),
        ),
        ForeignKeyConstraint(["distributor_id", "account_id"], ["accounts.distributor_id", "accounts.id"]),
        ForeignKeyConstraint(["distributor_id", "product_id"], ["products.distributor_id", "products.id"]),
        ForeignKeyConstraint(["distributor_id", "order_item_id"], ["order_items.distributor_id", "order_items.id"]),
        ForeignKeyConstraint(["distributor_id", "parent_id"], ["subscriptions.distributor_id", "subscriptions.id"]),
        ForeignKeyConstraint(
            ["distributor_id", "permission_rule_id"], ["permission_rules.distributor_id", "permission_rules.id"]
        ),
        Index(
            "ix_subscriptions_rule",
            "distributor_id",
            "permission_rule_id",
            postgresql_where=text("permission_rule_id IS NOT NULL"),
        ),
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
    role: Mapped[SubscriptionRole] = mapped_column(default=SubscriptionRole.MAIN)
    parent_id: Mapped[UUID | None]  # of an add-on or a component
    quantity_per_parent: Mapped[int | None]  # a component's, or an add-on's that follows its parent's quantity
    characteristics: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)  # values asked at order time, by id
    price_options: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list)  # codes chosen with the order
    starts_on: Mapped[date | None]
    anchor_day: Mapped[int | None]  # 1..31, the day periods begin on; clamped to short months and remembered (CB-28)
    period_from: Mapped[date | None]  # current billing period, both days included
    period_to: Mapped[date | None]
    renews_on: Mapped[date | None]  # first day after the term (commitment)
    billing_type: Mapped[BillingType] = mapped_column(default=BillingType.ON_START)
    trial_ends_on: Mapped[date | None]  # last day of a running trial; None: paid
    trial_days_added: Mapped[int] = mapped_column(default=0)
    trial_extensions: Mapped[int] = mapped_column(default=0)
    is_suspended_with_account: Mapped[bool] = mapped_column(default=False)  # lifting that suspension activates it again
    auto_renew: Mapped[bool] = mapped_column(default=True)
    plan_edition: Mapped[str | None] = mapped_column(String(20))  # a reseller plan's
    created_at: Mapped[datetime]
    activated_at: Mapped[datetime | None]
    canceled_at: Mapped[datetime | None]

    @property
    def is_live(self) -> bool:
        """Whether it is, or is about to be, in use."""
        return self.status not in (SubscriptionStatus.CANCELED, SubscriptionStatus.EXPIRED)


class PriceLabel(enum.Enum):
    """Where a subscription's unit cost comes from (CB-23)."""

    LIST = "list"
    USER_PRICED = "user_priced"
    USER_DISCOUNT = "user_discount"
    PROTECTED = "protected"
    EXTERNAL = "external"


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
    label: Mapped[PriceLabel] = mapped_column(default=PriceLabel.LIST)
    user_price: Mapped[Decimal | None]  # set by hand: wins over list and discount
    discount_percent: Mapped[Decimal] = mapped_column(Numeric(5, 2), default=Decimal(0))
    protected_price: Mapped[Decimal | None]  # the list's price locked at purchase (CB-06)
    protected_until: Mapped[date | None]  # last protected day
    protected_list_price: Mapped[Decimal | None]  # locked with it: a discount of a price list counts from it
    protection_reminded_for: Mapped[date | None]  # the last day that the reminder was about
    protection_ended_for: Mapped[date | None]  # the last day that people were told of when it came
    base_cost: Mapped[Decimal | None]  # before a discount by hand and promotions; None: `unit_cost`
    promotion_id: Mapped[UUID | None]  # while it runs, `unit_cost` is the promoted price (CB-16)
    promotion_cycles_left: Mapped[int | None]  # cycles after the current one at that price; None: for life


class SubscriptionVendorLink(DistributorPrivate, Base):
    """What a subscription is called at its vendor; distributor-private."""

    __tablename__ = "subscription_vendor_links"
    __table_args__ = (
        UniqueConstraint("distributor_id", "subscription_id"),
        Index("ix_subscription_vendor_links_reference", "distributor_id", "service_manager_id", "vendor_reference"),
        ForeignKeyConstraint(
            ["distributor_id", "subscription_id"], ["subscriptions.distributor_id", "subscriptions.id"]
        ),
    )

    subscription_id: Mapped[UUID]
    service_manager_id: Mapped[UUID | None]
    vendor_reference: Mapped[str] = mapped_column(String(200))
    ended_at: Mapped[datetime | None]  # when the vendor confirmed that the service is gone


class VendorProblem(DistributorPrivate, Base):
    """Why something is not as it should be at its vendor, in the vendor's words: for the distributor's staff alone.

    The subject is a subscription, an asset or an order item, whose own rows its customer may read.
    """

    __tablename__ = "vendor_problems"
    __table_args__ = (UniqueConstraint("distributor_id", "subject_id"),)

    subject_id: Mapped[UUID]
    reason: Mapped[str] = mapped_column(String(500))


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
    counts_from: Mapped[date | None]  # first day of the new quantity; None: the day of `at` says
    actor_name: Mapped[str | None] = mapped_column(String(201))


class AssetStatus(enum.Enum):
    """Life of an asset (CB-31)."""

    PENDING_ACTIVATION = "pending_activation"
    ACTIVE = "active"
    EXPIRED = "expired"
    RETURNED = "returned"
    CANCELED = "canceled"


class RenewalReminder(DistributorPrivate, Base):
    """A mail that told a customer of a term's end; one for each end and distance, whoever looks and how often."""

    __tablename__ = "renewal_reminders"
    __table_args__ = (
        UniqueConstraint("distributor_id", "subscription_id", "renews_on", "days_before"),
        ForeignKeyConstraint(
            ["distributor_id", "subscription_id"], ["subscriptions.distributor_id", "subscriptions.id"]
        ),
    )

    subscription_id: Mapped[UUID]
    renews_on: Mapped[date]
    days_before: Mapped[int]
    created_at: Mapped[datetime]


class Asset(Ruled, Shared, Base):
    """A one-off purchase. Its moves stand in `app.subscriptions.assets`."""

    __tablename__ = "assets"
    __table_args__ = (
        UniqueConstraint("distributor_id", "code"),
        UniqueConstraint("distributor_id", "order_item_id"),
        Index(None, "distributor_id", "account_id"),
        ForeignKeyConstraint(["distributor_id", "account_id"], ["accounts.distributor_id", "accounts.id"]),
        ForeignKeyConstraint(["distributor_id", "product_id"], ["products.distributor_id", "products.id"]),
        ForeignKeyConstraint(["distributor_id", "order_item_id"], ["order_items.distributor_id", "order_items.id"]),
        ForeignKeyConstraint(
            ["distributor_id", "subscription_id"], ["subscriptions.distributor_id", "subscriptions.id"]
        ),
        ForeignKeyConstraint(
            ["distributor_id", "permission_rule_id"], ["permission_rules.distributor_id", "permission_rules.id"]
        ),
        Index(
            "ix_assets_rule",
            "distributor_id",
            "permission_rule_id",
            postgresql_where=text("permission_rule_id IS NOT NULL"),
        ),
    )

    code: Mapped[str] = mapped_column(String(20))  # "AST-000017"
    order_item_id: Mapped[UUID | None]
    subscription_id: Mapped[UUID | None]  # the one a one-time add-on was bought for (CB-27)
    payer_id: Mapped[UUID]
    product_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(String(255))
    quantity: Mapped[int]
    unit_price: Mapped[Decimal | None]
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[AssetStatus] = mapped_column(default=AssetStatus.PENDING_ACTIVATION)
    sync_status: Mapped[SyncStatus] = mapped_column(default=SyncStatus.NOT_REQUIRED)
    quantity_returned: Mapped[int] = mapped_column(default=0)  # `quantity` is what is left
    expires_on: Mapped[date | None]  # last day of warranty or use
    expiry_reminded_for: Mapped[date | None]  # the last day that the reminder was about
    bought_by_reseller: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class ChangeKind(enum.Enum):
    """What somebody wants of a running subscription (CB-23's list of actions)."""

    QUANTITY = "quantity"
    CANCELLATION = "cancellation"
    SUSPENSION = "suspension"
    ACTIVATION = "activation"  # ends a suspension
    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"
    PRICE = "price"
    ADD_ON = "add_on"
    CHARACTERISTICS = "characteristics"
    TRIAL_CONVERSION = "trial_conversion"
    RENEWAL = "renewal"  # of an expired one, within 30 days
    EXPIRY = "expiry"  # its term is over and it does not renew


class ChangeStatus(enum.Enum):
    """Life of a change (CB-29); the moves stand in `app.changes.machine`."""

    SUBMITTED = "submitted"  # waits for BSS
    SCHEDULED = "scheduled"  # waits for its day
    PROCESSING = "processing"  # the vendor is asked
    WITHDRAWING = "withdrawing"  # the vendor, who has it scheduled, is asked to forget it
    COMPLETED = "completed"
    FAILED = "failed"  # the vendor refused: retry, or reject
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    VOID = "void"  # the subscription ended otherwise


class ChangeTiming(enum.Enum):
    """When a change takes effect."""

    NOW = "now"
    ON_DATE = "on_date"  # today or past, within the current period
    PERIOD_END = "period_end"


class SubscriptionChange(Shared, Base):
    """One wanted change of a subscription. Its customer may read it: no cost and no vendor's words stand here."""

    __tablename__ = "subscription_changes"
    __table_args__ = (
        UniqueConstraint("distributor_id", "request_key"),  # submitted twice, made once
        Index(None, "distributor_id", "subscription_id", "status"),
        Index("ix_subscription_changes_due", "distributor_id", "status", "effective_on"),
        ForeignKeyConstraint(
            ["distributor_id", "subscription_id"], ["subscriptions.distributor_id", "subscriptions.id"]
        ),
    )

    subscription_id: Mapped[UUID]
    kind: Mapped[ChangeKind]
    status: Mapped[ChangeStatus]
    timing: Mapped[ChangeTiming] = mapped_column(default=ChangeTiming.NOW)
    effective_on: Mapped[date]  # the distributor's day; charges count from it
    quantity_from: Mapped[int | None]
    quantity_to: Mapped[int | None]  # the new total of the subscription; 0: canceled
    target_product_id: Mapped[UUID | None]  # of an upgrade, a downgrade or an add-on
    target_subscription_id: Mapped[UUID | None]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)  # of one kind alone; its module says what
    reason: Mapped[str | None] = mapped_column(String(40))  # code of the distributor's list
    comment: Mapped[str | None] = mapped_column(String(2000))
    request_key: Mapped[UUID]
    requested_by_id: Mapped[UUID | None]
    requested_by_name: Mapped[str] = mapped_column(String(201), default="")  # as its customer may read it (audit.shown)
    is_from_storefront: Mapped[bool] = mapped_column(default=False)
    examined_at: Mapped[
        datetime | None
    ]  # when a submitted one was found to need a decision; None: a job has yet to look
    order_item_id: Mapped[UUID | None]
    is_at_vendor: Mapped[bool] = mapped_column(default=False)  # the vendor has it scheduled for its day, too
    decided_by_id: Mapped[UUID | None]
    decided_by_name: Mapped[str | None] = mapped_column(String(201))  # as its customer may read it
    decided_at: Mapped[datetime | None]
    decision_reason: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]


# Tables of this domain that stand in files of their own; whoever loads the models loads them too.
from app.subscriptions import asset_models, price_models  # noqa: E402, F401
