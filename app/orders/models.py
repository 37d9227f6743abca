"""Baskets, orders and the work rows that execute them. What a buyer must not see stands in side rows."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Numeric, Sequence, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.catalogue.models import BillingCycle, Term
from app.core.db import Base
from app.core.versions import Versioned
from app.identity.permission_rules.models import Ruled
from tenants.scoping import Catalogue, DistributorPrivate, Intake, Shared

# Numbers people quote. One sequence for the installation: fast, unique per distributor, with gaps (decisions 8).
ORDER_NUMBERS = Sequence("order_numbers", metadata=Base.metadata)


class OrderStatus(enum.Enum):
    """Life of an order (decisions section 5 and 8)."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    PENDING_RESELLER_APPROVAL = "pending_reseller_approval"
    SCHEDULED = "scheduled"
    IN_PROGRESS = "in_progress"
    EXECUTING = "executing"
    PARTIALLY_EXECUTED = "partially_executed"
    EXECUTED = "executed"
    CANCELED = "canceled"


class DeliveryStatus(enum.Enum):
    """What became of one order item."""

    PENDING = "pending"
    PROVISIONING = "provisioning"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELED = "canceled"


class OrderChannel(enum.Enum):
    """Where an order was placed; decides who its mails name and whether a customer sees amounts (RS-F80)."""

    ROOT = "root"
    ALIAS = "alias"
    BSS = "bss"
    API = "api"  # a program of the payer's; its drafts are the only ones (CB-18)


class StatusType(enum.Enum):
    """What a status of orders is about (CB-19)."""

    IN_PROGRESS = "in_progress"
    AUTOMATIC_EXECUTE = "automatic_execute"  # entered only by execution
    CANCELED = "canceled"


class StorefrontType(enum.Enum):
    """What a storefront makes of a status."""

    DRAFT = "draft"
    VIEWABLE = "viewable"
    SUBMITTED = "submitted"
    HIDDEN = "hidden"


class OrderStatusRow(Versioned, Catalogue, Base):
    """A distributor's own status of orders, or a built-in one it has changed. Names lie over the machine's states."""

    __tablename__ = "order_statuses"
    __table_args__ = (UniqueConstraint("distributor_id", "key"),)

    key: Mapped[str | None] = mapped_column(String(40))  # of a built-in one: the value of its OrderStatus
    number: Mapped[int]
    name: Mapped[str] = mapped_column(String(60))
    description: Mapped[str] = mapped_column(String(300), default="")
    type: Mapped[StatusType]
    storefront_type: Mapped[StorefrontType]
    is_default: Mapped[bool] = mapped_column(default=False)  # of several In progress ones: where people's work begins
    is_active: Mapped[bool] = mapped_column(default=True)
    mails_customer: Mapped[bool] = mapped_column(default=False)  # whoever ordered is told when an order gets there


class Basket(Shared, Base):
    """What a user has gathered in one storefront. Survives sign-out, expires after 30 days."""

    __tablename__ = "baskets"
    __table_args__ = (Index("uq_baskets_user", "distributor_id", "storefront_id", "user_id", unique=True),)

    storefront_id: Mapped[UUID]
    user_id: Mapped[UUID]
    end_customer_id: Mapped[UUID | None]  # a reseller's choice at checkout; None: own use
    is_own_use: Mapped[bool | None]  # None: the question has not been answered
    po_number: Mapped[str | None] = mapped_column(String(50))
    comment: Mapped[str | None] = mapped_column(String(500))
    promotion_code: Mapped[str | None] = mapped_column(String(32))  # as last accepted; judged again at each view
    execute_on: Mapped[date | None]  # the buyer's wish, a day of the distributor (SF-32); None: at once
    service_answers: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)  # as an order's
    checkout_key: Mapped[UUID]  # idempotency key of the checkout; a new one after each order
    updated_at: Mapped[datetime]


class BasketItem(Shared, Base):
    """One product x term x cycle in a basket; it holds no price, since prices are found at each view."""

    __tablename__ = "basket_items"
    __table_args__ = (
        CheckConstraint("quantity >= 1", name="quantity_min_1"),
        Index(None, "distributor_id", "basket_id"),
        ForeignKeyConstraint(
            ["distributor_id", "basket_id"], ["baskets.distributor_id", "baskets.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(["distributor_id", "product_id"], ["products.distributor_id", "products.id"]),
        ForeignKeyConstraint(
            ["distributor_id", "parent_item_id"], ["basket_items.distributor_id", "basket_items.id"], ondelete="CASCADE"
        ),
    )

    basket_id: Mapped[UUID]
    product_id: Mapped[UUID]
    term: Mapped[Term]
    cycle: Mapped[BillingCycle]
    quantity: Mapped[int]
    friendly_name: Mapped[str | None] = mapped_column(String(100))
    alias: Mapped[str | None] = mapped_column(String(40))  # a reseller plan's storefront alias
    subscription_id: Mapped[UUID | None]  # extra licences for a running subscription
    parent_subscription_id: Mapped[UUID | None]  # an add-on for a running subscription (CB-27)
    parent_item_id: Mapped[UUID | None]  # an add-on for what another item of the basket will make
    characteristics: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)  # answers by characteristic id (CB-01)
    price_options: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list)  # codes of chosen ones (CB-04)
    seen_unit_price: Mapped[Decimal | None]  # as last shown, to say "price changed from x to y"
    position: Mapped[int] = mapped_column(default=0)


class Order(Versioned, Ruled, Shared, Base):
    """A request to buy from one storefront, at the prices of the moment it was submitted.

    `account_id` is who receives the service, `payer_id` who pays the distributor: the reseller for its customers' orders.
    Totals are what the buyer pays: sell prices under an alias, cost at the root. All amounts are net.
    """

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("distributor_id", "number"),
        Index(None, "distributor_id", "status", "placed_at"),
        Index(None, "distributor_id", "reseller_id", "placed_at"),
        Index(None, "distributor_id", "account_id", "placed_at"),
        Index(None, "distributor_id", "placed_by_id", "delivery_changed_at"),
        ForeignKeyConstraint(["distributor_id", "account_id"], ["accounts.distributor_id", "accounts.id"]),
        ForeignKeyConstraint(["distributor_id", "payer_id"], ["accounts.distributor_id", "accounts.id"]),
        ForeignKeyConstraint(["distributor_id", "placed_by_id"], ["users.distributor_id", "users.id"]),
        ForeignKeyConstraint(["distributor_id", "parent_id"], ["orders.distributor_id", "orders.id"]),
        CheckConstraint("num_nonnulls(placed_by_id, api_client_id) = 1", name="placed_by_one"),
        Index("ix_orders_parent", "distributor_id", "parent_id", postgresql_where=text("parent_id IS NOT NULL")),
        Index("ix_orders_run_at", "distributor_id", "run_at", postgresql_where=text("run_at IS NOT NULL")),
        ForeignKeyConstraint(
            ["distributor_id", "permission_rule_id"], ["permission_rules.distributor_id", "permission_rules.id"]
        ),
        Index(
            "ix_orders_rule",
            "distributor_id",
            "permission_rule_id",
            postgresql_where=text("permission_rule_id IS NOT NULL"),
        ),
        CheckConstraint("net_total >= 0", name="net_total_not_negative"),
    )

    number: Mapped[str] = mapped_column(String(20))  # "SO-2026-000142"
    name: Mapped[str] = mapped_column(String(255), default="")
    status: Mapped[OrderStatus] = mapped_column(default=OrderStatus.DRAFT)
    channel: Mapped[OrderChannel]
    storefront_id: Mapped[UUID | None]
    payer_id: Mapped[UUID]
    net_total: Mapped[Decimal]
    currency: Mapped[str] = mapped_column(String(3))
    contact_email: Mapped[str] = mapped_column(String(254))
    placed_by_id: Mapped[UUID | None]  # the person; None: a program did
    api_client_id: Mapped[UUID | None]  # the client of an API that placed it; drafts are this client's alone
    api_client_name: Mapped[str | None] = mapped_column(String(80))  # as it was called that day
    placed_by_reseller: Mapped[bool] = mapped_column(default=False)  # the customer sees no amount (RS-27)
    placed_at: Mapped[datetime]
    parent_id: Mapped[UUID | None]  # a sub-order: what was delivered of another one, "SO-2026-000142-1" (CB-20)
    custom_status_id: Mapped[UUID | None]  # the distributor's own name for where it stands, until it moves on
    offer_id: Mapped[UUID | None]  # the offer it came from
    execute_on: Mapped[date | None]  # requested start; while Scheduled the day it is executed on
    starts_on: Mapped[date | None]  # first day of subscriptions and charges where staff chose it; else the execution's
    run_at: Mapped[datetime | None]  # when it is tried next while Scheduled; None: after the last try, staff acts
    run_attempts: Mapped[int] = mapped_column(default=0)
    run_failed_at: Mapped[datetime | None]  # the last try failed: flagged for the operators
    decided_by_id: Mapped[UUID | None]  # approved or rejected by
    decided_at: Mapped[datetime | None]
    decision_reason: Mapped[str | None] = mapped_column(String(500))
    executed_at: Mapped[datetime | None]
    delivery_changed_at: Mapped[datetime | None]  # of any item's delivery: what the bell looks for; see `deliveries`
    po_number: Mapped[str | None] = mapped_column(String(50))
    comment: Mapped[str | None] = mapped_column(String(500))
    # What service managers must know of the receiver, as its buyer said, by their ids: options by id, and `existing`, the
    # account it has there already. Copied from the basket; the order's job tells it (provisioning.service_accounts).
    service_answers: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    checkout_key: Mapped[UUID | None]


class CoTerm(enum.Enum):
    """What the first period of an order item ends with (CB-28)."""

    OWN = "own"
    MONTH_END = "month_end"
    SUBSCRIPTION = "subscription"  # with the term of another one


class OrderItem(Versioned, Shared, Base):
    """One product, quantity and term of an order, with the buyer's price."""

    __tablename__ = "order_items"
    __table_args__ = (
        Index(None, "distributor_id", "order_id"),
        ForeignKeyConstraint(["distributor_id", "order_id"], ["orders.distributor_id", "orders.id"]),
        ForeignKeyConstraint(["distributor_id", "product_id"], ["products.distributor_id", "products.id"]),
        ForeignKeyConstraint(["distributor_id", "parent_item_id"], ["order_items.distributor_id", "order_items.id"]),
        CheckConstraint("(co_term = 'subscription') = (co_term_subscription_id IS NOT NULL)", name="co_term_names_one"),
        CheckConstraint("quantity >= 1", name="quantity_min_1"),
    )

    order_id: Mapped[UUID]
    position: Mapped[int]
    product_id: Mapped[UUID]
    product_name: Mapped[str] = mapped_column(String(255))  # as it was called that day
    term: Mapped[Term]
    cycle: Mapped[BillingCycle]
    quantity: Mapped[int]
    unit_price: Mapped[Decimal]  # the buyer's, per cycle and unit
    discount_percent: Mapped[Decimal] = mapped_column(Numeric(5, 2), default=Decimal(0))
    is_price_agreed: Mapped[bool] = mapped_column(default=False)  # by hand or offer: see its costs
    line_total: Mapped[Decimal]
    currency: Mapped[str] = mapped_column(String(3))
    friendly_name: Mapped[str | None] = mapped_column(String(100))
    alias: Mapped[str | None] = mapped_column(String(40))
    subscription_id: Mapped[UUID | None]  # set: adds licences to it; filled on execution otherwise
    characteristics: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)  # answers by characteristic id (CB-01)
    price_options: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list)  # codes of chosen ones (CB-04)
    promotion_id: Mapped[UUID | None]  # lowers its price at the root (CB-16)
    parent_subscription_id: Mapped[UUID | None]  # an add-on for a running subscription (CB-27)
    parent_item_id: Mapped[UUID | None]  # an add-on for what another item of the order makes
    co_term: Mapped[CoTerm] = mapped_column(default=CoTerm.OWN)
    co_term_subscription_id: Mapped[UUID | None]
    delivery_status: Mapped[DeliveryStatus] = mapped_column(default=DeliveryStatus.PENDING)
    delivery_changed_at: Mapped[datetime | None]
    failure_reason: Mapped[str | None] = mapped_column(String(500))  # in our words; a vendor's are a VendorProblem


class OrderItemCost(Shared, Base):
    """What the payer pays for an item and the rule its sell price came from. `account_id` is the payer's account.

    Written by the distributor's jobs; the reseller's staff may read it, an end customer cannot.
    """

    __tablename__ = "order_item_costs"
    __table_args__ = (
        UniqueConstraint("distributor_id", "item_id"),
        ForeignKeyConstraint(["distributor_id", "item_id"], ["order_items.distributor_id", "order_items.id"]),
    )

    item_id: Mapped[UUID]
    unit_cost: Mapped[Decimal]  # 4 decimals
    line_cost: Mapped[Decimal]
    base_cost: Mapped[Decimal | None]  # of the price lists, where staff agreed on another price
    user_price: Mapped[Decimal | None]  # set by hand: wins over the discount (CB-F12)
    discount_percent: Mapped[Decimal] = mapped_column(Numeric(5, 2), default=Decimal(0))
    list_price: Mapped[Decimal | None]
    currency: Mapped[str] = mapped_column(String(3))
    price_list_id: Mapped[UUID | None]
    rule: Mapped[str] = mapped_column(String(40))  # the level of decisions section 6, or "cost"
    rule_id: Mapped[UUID | None]
    markup_percent: Mapped[Decimal | None] = mapped_column(Numeric(6, 2))


class OrderItemVendorCost(DistributorPrivate, Base):
    """What the distributor pays the vendor for an item; distributor-private."""

    __tablename__ = "order_item_vendor_costs"
    __table_args__ = (
        UniqueConstraint("distributor_id", "item_id"),
        ForeignKeyConstraint(["distributor_id", "item_id"], ["order_items.distributor_id", "order_items.id"]),
    )

    item_id: Mapped[UUID]
    unit_vendor_cost: Mapped[Decimal | None]
    currency: Mapped[str] = mapped_column(String(3))


class WorkState(enum.Enum):
    """Life of a work row."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


class OrderWork(Intake, Base):
    """What the distributor's jobs must do about an order: intake, so a buyer may insert it and never read it.

    `payload` carries the price explanation found at submit: {item id: {rule, rule_id, markup_percent}}.
    """

    __tablename__ = "order_works"
    __table_args__ = (Index("ix_order_works_due", "distributor_id", "state", "next_attempt_at"),)

    order_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(20))  # submitted, execute
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    state: Mapped[WorkState] = mapped_column(default=WorkState.PENDING)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime]  # the only clock: a claim moves it past its lease
    message: Mapped[str | None] = mapped_column(String(500))  # why the last attempt did not succeed, for staff
    created_at: Mapped[datetime]


class OrderEvent(Shared, Base):
    """A line of an order's history that its buyer may read."""

    __tablename__ = "order_events"
    __table_args__ = (
        Index(None, "distributor_id", "order_id", "at"),
        ForeignKeyConstraint(["distributor_id", "order_id"], ["orders.distributor_id", "orders.id"]),
    )

    order_id: Mapped[UUID]
    item_id: Mapped[UUID | None]
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(40))  # submitted, approved, rejected, provisioning, retry, delivered ...
    text: Mapped[str] = mapped_column(
        String(300)
    )  # a sentence for the buyer: no names of suppliers, no technical detail
    actor_name: Mapped[str | None] = mapped_column(String(201))
    next_attempt_at: Mapped[datetime | None]


class TermsAcceptance(Shared, Base):
    """Proof that a buyer accepted a product's terms (SF-20)."""

    __tablename__ = "terms_acceptances"
    __table_args__ = (
        Index(None, "distributor_id", "order_id"),
        ForeignKeyConstraint(["distributor_id", "order_id"], ["orders.distributor_id", "orders.id"]),
    )

    order_id: Mapped[UUID]
    order_number: Mapped[str] = mapped_column(String(20))
    product_name: Mapped[str] = mapped_column(String(255))
    document_id: Mapped[UUID]
    document_version: Mapped[int]
    document_digest: Mapped[str] = mapped_column(String(64))
    account_name: Mapped[str] = mapped_column(String(200))
    first_name: Mapped[str] = mapped_column(String(100))
    last_name: Mapped[str] = mapped_column(String(100))
    email: Mapped[str] = mapped_column(String(254))
    url: Mapped[str] = mapped_column(String(500))
    address: Mapped[str] = mapped_column(String(45))
    browser: Mapped[str] = mapped_column(String(300))
    accepted_at: Mapped[datetime]


class IdempotencyKey(Shared, Base):
    """A submit that was already answered (GO-02): unique per client, route and key, kept 24 h."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (UniqueConstraint("distributor_id", "client", "route", "key"),)

    client: Mapped[str] = mapped_column(String(80))
    route: Mapped[str] = mapped_column(String(80))
    key: Mapped[str] = mapped_column(String(80))
    request_digest: Mapped[str] = mapped_column(String(64))
    answer: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    created_at: Mapped[datetime]
