"""Offers and their items: the distributor's own, since they hold costs; a customer reads one behind its link (CB-17)."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Numeric,
    Sequence,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.catalogue.models import BillingCycle, Term
from app.core.db import Base
from app.core.versions import Versioned
from app.identity.permission_rules.models import Ruled
from app.orders.linked import Linked
from tenants.scoping import DistributorPrivate

OFFER_NUMBERS = Sequence("offer_numbers", metadata=Base.metadata)


class OfferType(enum.Enum):
    """How far an offer is; its status gives it the name people read."""

    IN_PROGRESS = "in_progress"
    ACCEPTED = "accepted"
    CANCELED = "canceled"


class OfferStatus(Versioned, DistributorPrivate, Base):
    """A name for a type of offers. The three built-in ones have a row once somebody has changed them."""

    __tablename__ = "offer_statuses"
    __table_args__ = (UniqueConstraint("distributor_id", "key"),)

    key: Mapped[str | None] = mapped_column(String(40))  # of a built-in one
    number: Mapped[int]  # the first active one of a type is where offers go
    name: Mapped[str] = mapped_column(String(60))
    type: Mapped[OfferType]
    description: Mapped[str] = mapped_column(String(300), default="")
    is_default: Mapped[bool] = mapped_column(default=False)  # of its type: offers go there, whatever the numbers say
    is_active: Mapped[bool] = mapped_column(default=True)


class OfferTemplate(DistributorPrivate, Base):
    """What offers of a language look like on paper and in the browser. Texts hold merge fields, such as {{account}}."""

    __tablename__ = "offer_templates"
    __table_args__ = (UniqueConstraint("distributor_id", "language"),)

    language: Mapped[str] = mapped_column(String(10))
    title: Mapped[str] = mapped_column(String(120))
    introduction: Mapped[str] = mapped_column(Text, default="")  # above the products, where the offer says nothing else
    terms: Mapped[str] = mapped_column(Text, default="")  # below the totals
    logo: Mapped[bytes | None]  # WebP
    shows_tax: Mapped[bool] = mapped_column(default=True)
    updated_at: Mapped[datetime]


class Offer(Linked, Versioned, Ruled, DistributorPrivate, Base):
    """A quote to an account at agreed prices, valid until a day. All amounts are net, what the payer would pay."""

    __tablename__ = "offers"
    __table_args__ = (
        UniqueConstraint("distributor_id", "number"),
        Index("uq_offers_token", "distributor_id", "token_digest", unique=True),
        Index(None, "distributor_id", "type", "valid_until"),
        Index(None, "distributor_id", "account_id"),
        ForeignKeyConstraint(["distributor_id", "account_id"], ["accounts.distributor_id", "accounts.id"]),
        ForeignKeyConstraint(["distributor_id", "payer_id"], ["accounts.distributor_id", "accounts.id"]),
        ForeignKeyConstraint(["distributor_id", "owner_id"], ["users.distributor_id", "users.id"]),
        ForeignKeyConstraint(["distributor_id", "order_id"], ["orders.distributor_id", "orders.id"]),
        ForeignKeyConstraint(
            ["distributor_id", "permission_rule_id"], ["permission_rules.distributor_id", "permission_rules.id"]
        ),
        Index(
            "ix_offers_rule",
            "distributor_id",
            "permission_rule_id",
            postgresql_where=text("permission_rule_id IS NOT NULL"),
        ),
    )

    number: Mapped[str] = mapped_column(String(20))  # "OF-2026-000017"
    name: Mapped[str] = mapped_column(String(255))
    account_id: Mapped[UUID]
    payer_id: Mapped[UUID]
    contact_name: Mapped[str] = mapped_column(String(201), default="")
    contact_email: Mapped[str] = mapped_column(String(254))
    currency: Mapped[str] = mapped_column(String(3))
    language: Mapped[str] = mapped_column(String(10), default="en")  # of its template
    type: Mapped[OfferType] = mapped_column(default=OfferType.IN_PROGRESS)
    status_id: Mapped[UUID | None]  # None: the built-in status of its type
    owner_id: Mapped[UUID]
    valid_until: Mapped[date]  # the distributor's day, included
    introduction: Mapped[str] = mapped_column(Text, default="")
    notes: Mapped[str] = mapped_column(Text, default="")  # staff only
    approved_by_id: Mapped[UUID | None]  # of discounts above the owner's ceiling; a change takes it away
    approved_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    decided_by_name: Mapped[str | None] = mapped_column(String(201))
    decision_reason: Mapped[str | None] = mapped_column(String(500))
    order_id: Mapped[UUID | None]  # what it was converted to: locked from then on
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class OfferItem(Versioned, DistributorPrivate, Base):
    """One product of an offer at the price that holds."""

    __tablename__ = "offer_items"
    __table_args__ = (
        Index(None, "distributor_id", "offer_id"),
        ForeignKeyConstraint(["distributor_id", "offer_id"], ["offers.distributor_id", "offers.id"]),
        ForeignKeyConstraint(["distributor_id", "product_id"], ["products.distributor_id", "products.id"]),
        ForeignKeyConstraint(["distributor_id", "parent_item_id"], ["offer_items.distributor_id", "offer_items.id"]),
        CheckConstraint("quantity >= 1", name="quantity_min_1"),
    )

    offer_id: Mapped[UUID]
    position: Mapped[int]
    product_id: Mapped[UUID]
    product_name: Mapped[str] = mapped_column(String(255))
    term: Mapped[Term]
    cycle: Mapped[BillingCycle]
    quantity: Mapped[int]
    friendly_name: Mapped[str | None] = mapped_column(String(100))
    characteristics: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    price_options: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list)  # codes of chosen ones (CB-04)
    parent_item_id: Mapped[UUID | None]  # an add-on for what another item of the offer will make
    parent_subscription_id: Mapped[UUID | None]  # an add-on for a running subscription (CB-27)
    price_list_id: Mapped[UUID | None]
    base_price: Mapped[Decimal]  # of the price lists when it was added, 4 decimals
    user_price: Mapped[Decimal | None]  # set by hand: wins over the discount (CB-F12)
    discount_percent: Mapped[Decimal] = mapped_column(Numeric(5, 2), default=Decimal(0))
    unit_price: Mapped[Decimal]  # what is offered per unit and cycle
    line_total: Mapped[Decimal]
    unit_vendor_cost: Mapped[Decimal | None]


class OfferEvent(DistributorPrivate, Base):
    """A line of an offer's history, for staff."""

    __tablename__ = "offer_events"
    __table_args__ = (
        Index(None, "distributor_id", "offer_id", "at"),
        ForeignKeyConstraint(["distributor_id", "offer_id"], ["offers.distributor_id", "offers.id"]),
    )

    offer_id: Mapped[UUID]
    at: Mapped[datetime]
    text: Mapped[str] = mapped_column(String(300))
    actor_name: Mapped[str | None] = mapped_column(String(201))


class OfferDocument(DistributorPrivate, Base):
    """A file of an offer: a paper as it was shared, or something staff has added."""

    __tablename__ = "offer_documents"
    __table_args__ = (
        Index(None, "distributor_id", "offer_id", "created_at"),
        ForeignKeyConstraint(["distributor_id", "offer_id"], ["offers.distributor_id", "offers.id"]),
    )

    offer_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(String(200))
    size: Mapped[int]  # bytes
    content: Mapped[bytes] = mapped_column(LargeBinary)
    is_paper: Mapped[bool] = mapped_column(default=False)  # kept as evidence of what was shared: not removed
    added_by_name: Mapped[str] = mapped_column(String(201), default="")
    created_at: Mapped[datetime]
