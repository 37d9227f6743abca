"""Price lists of the distributor; markups and special prices of resellers (decisions section 6, CB-05, RS-19, RS-20)."""

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
    Numeric,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.catalogue.models import BillingCycle, PriceScheme, Term
from app.core.db import Base
from app.core.versions import Versioned
from tenants.scoping import Catalogue, DistributorPrivate, ResellerPrivate


class PriceRule(enum.Enum):
    """How an entry of a price list makes its price (CB-05)."""

    FIXED = "fixed"  # value is the price
    DISCOUNT = "discount"  # value is percent off the list price
    MARKUP = "markup"  # value is percent on the vendor cost
    SAME = "same"  # the list price


TIERS_OF_SCHEME = "(price_tiers IS NOT NULL) = (price_scheme IS NOT NULL AND price_scheme <> 'per_unit')"


class PriceList(Versioned, Catalogue, Base):
    """Prices and assortment for the accounts it is assigned to. Dates are days in the distributor's time zone."""

    __tablename__ = "price_lists"
    __table_args__ = (
        UniqueConstraint("distributor_id", "name"),
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="date_order"),
    )

    name: Mapped[str] = mapped_column(String(255))
    description: Mapped[str | None] = mapped_column(Text)
    currency: Mapped[str] = mapped_column(String(3))  # frozen after the first entry
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]  # last day, included
    is_active: Mapped[bool] = mapped_column(default=True)
    is_default: Mapped[bool] = mapped_column(default=False)  # asked after the assigned ones
    owner_id: Mapped[UUID | None]  # the person of the distributor who looks after it
    ending_told_for: Mapped[date | None]  # the last day that people were told of 14 days before
    ended_told_for: Mapped[date | None]  # the last day that people were told of once it was over
    created_at: Mapped[datetime]


class PriceListEntry(Catalogue, Base):
    """One product's price in one list. Pricing reads `price`; the rule is kept to recompute it in BSS.

    Visible only where the scope names the list: the payer's lists in a storefront, all of them in BSS.
    """

    __tablename__ = "price_list_entries"
    __table_args__ = (
        UniqueConstraint(
            "distributor_id", "price_list_id", "product_id", "term", "cycle", name="uq_price_list_entries_key"
        ),
        Index(None, "distributor_id", "product_id"),
        ForeignKeyConstraint(["distributor_id", "price_list_id"], ["price_lists.distributor_id", "price_lists.id"]),
        ForeignKeyConstraint(["distributor_id", "product_id"], ["products.distributor_id", "products.id"]),
        ForeignKeyConstraint(
            ["distributor_id", "group_line_id"],
            ["price_list_group_lines.distributor_id", "price_list_group_lines.id"],
            ondelete="CASCADE",
        ),
        Index(
            "ix_price_list_entries_group_line",
            "distributor_id",
            "group_line_id",
            postgresql_where=text("group_line_id IS NOT NULL"),
        ),
        CheckConstraint("price >= 0", name="price_min_0"),
        CheckConstraint(TIERS_OF_SCHEME, name="tiers_of_scheme"),
    )

    price_list_id: Mapped[UUID]
    product_id: Mapped[UUID]
    term: Mapped[Term]
    cycle: Mapped[BillingCycle]
    rule: Mapped[PriceRule]
    value: Mapped[Decimal | None]  # money or percent, by rule; None for SAME
    price: Mapped[Decimal]  # resolved, 4 decimals, per cycle and unit, in the list's currency; before its own tiers
    price_scheme: Mapped[PriceScheme | None]  # None: as the product is priced; PER_UNIT: no tiers in this list
    price_tiers: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))  # with its own scheme
    group_line_id: Mapped[UUID | None]  # the standing line that made it; None: a line of the product's own


class PriceListGroupLine(Versioned, DistributorPrivate, Base):
    """A standing line of a list: one rule for every product of a price group, whenever it joins (CB-05).

    It stands in the list as entries that name it. A product's own entry wins; a line that names term and cycle beats
    one for all.
    """

    __tablename__ = "price_list_group_lines"
    __table_args__ = (
        UniqueConstraint(
            "distributor_id", "price_list_id", "price_group_id", "term", "cycle",
            name="uq_price_list_group_lines_key", postgresql_nulls_not_distinct=True,
        ),
        ForeignKeyConstraint(["distributor_id", "price_list_id"], ["price_lists.distributor_id", "price_lists.id"]),
        ForeignKeyConstraint(["distributor_id", "price_group_id"], ["price_groups.distributor_id", "price_groups.id"]),
        CheckConstraint("(term IS NULL) = (cycle IS NULL)", name="term_with_cycle"),
        CheckConstraint(TIERS_OF_SCHEME, name="tiers_of_scheme"),
    )  # fmt: skip

    price_list_id: Mapped[UUID]
    price_group_id: Mapped[UUID]
    term: Mapped[Term | None]  # with `cycle`; None: all units
    cycle: Mapped[BillingCycle | None]
    rule: Mapped[PriceRule]
    value: Mapped[Decimal | None]  # as an entry's
    price_scheme: Mapped[PriceScheme | None]
    price_tiers: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    created_at: Mapped[datetime]


class PriceListAssignment(Catalogue, Base):
    """Which lists an account pays by, the lowest priority number first. Catalogue family: ids only."""

    __tablename__ = "price_list_assignments"
    __table_args__ = (
        UniqueConstraint("distributor_id", "payer_id", "price_list_id"),
        ForeignKeyConstraint(["distributor_id", "payer_id"], ["accounts.distributor_id", "accounts.id"]),
        ForeignKeyConstraint(["distributor_id", "price_list_id"], ["price_lists.distributor_id", "price_lists.id"]),
    )

    payer_id: Mapped[UUID]
    price_list_id: Mapped[UUID]
    priority: Mapped[int]
    assigned_at: Mapped[datetime]


class MarkupLevel(enum.Enum):
    """The levels of decisions section 6 that are markups, with their place in the order."""

    CUSTOMER_PRODUCT = "customer_product"  # 2
    CUSTOMER = "customer"  # 3
    PRODUCT = "product"  # 5
    CATEGORY = "category"  # 6
    VENDOR = "vendor"  # 7
    DEFAULT = "default"  # 8


class MarkupRule(ResellerPrivate, Base):
    """A reseller's markup: a percentage on cost. `term` and `cycle` None: any; a rule that names both beats one that does not.

    Dates are days in the storefront's time zone, both included.
    """

    __tablename__ = "markup_rules"
    __table_args__ = (
        # One index for all levels: each asks for every column, by equality or IS NULL, so that the planner has no
        # choice to get wrong under generic plans, however many rules there are.
        Index(
            "ix_markup_rules_target",
            "distributor_id",
            "reseller_id",
            "level",
            "customer_id",
            "product_id",
            "category_id",
            "vendor",
        ),
        CheckConstraint("percent >= 0 AND percent <= 1000", name="percent_range"),
        CheckConstraint("valid_to IS NULL OR valid_from IS NULL OR valid_to >= valid_from", name="date_order"),
        CheckConstraint("(term IS NULL) = (cycle IS NULL)", name="term_with_cycle"),
    )

    level: Mapped[MarkupLevel]
    customer_id: Mapped[UUID | None]
    product_id: Mapped[UUID | None]
    category_id: Mapped[UUID | None]
    vendor: Mapped[str | None] = mapped_column(String(200))
    term: Mapped[Term | None]
    cycle: Mapped[BillingCycle | None]
    percent: Mapped[Decimal] = mapped_column(Numeric(6, 2))  # 15.00 turns 100.00 into 115.00
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    created_at: Mapped[datetime]


class SpecialPrice(ResellerPrivate, Base):
    """A fixed sell price of a product x term x cycle, for everybody or for one customer; never rounded, never below cost."""

    __tablename__ = "special_prices"
    __table_args__ = (
        Index("ix_special_prices_key", "distributor_id", "reseller_id", "customer_id", "product_id", "term", "cycle"),
        CheckConstraint("amount >= 0", name="amount_min_0"),
        CheckConstraint("valid_to IS NULL OR valid_from IS NULL OR valid_to >= valid_from", name="date_order"),
        ForeignKeyConstraint(["distributor_id", "product_id"], ["products.distributor_id", "products.id"]),
    )

    customer_id: Mapped[UUID | None]  # None: level 4, for everybody
    product_id: Mapped[UUID]
    term: Mapped[Term]
    cycle: Mapped[BillingCycle]
    currency: Mapped[str] = mapped_column(String(3))
    amount: Mapped[Decimal]
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    created_at: Mapped[datetime]


class PromotionDuration(enum.Enum):
    """How long a promotion lowers a subscription's price (CB-16)."""

    ONE_TIME = "one_time"  # the first cycle
    LIMITED = "limited"  # so many cycles
    LIFETIME = "lifetime"


class PromotionAmount(enum.Enum):
    """What a promotion takes off a unit's price."""

    PERCENT = "percent"
    AMOUNT = "amount"  # per unit and cycle, in the promotion's currency; never below 0


class Promotion(Versioned, Catalogue, Base):
    """A price reduction of the distributor for new purchases, with or without a typed code (CB-16).

    It lowers what the payer pays the distributor; under an alias the reseller's own prices stand. Days are the
    distributor's, both included.
    """

    __tablename__ = "promotions"
    __table_args__ = (
        Index("uq_promotions_code", "distributor_id", "code", unique=True),
        UniqueConstraint("distributor_id", "name"),
        CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name="date_order"),
        CheckConstraint("value >= 0", name="value_min_0"),
        CheckConstraint("(duration = 'limited') = (cycles IS NOT NULL)", name="cycles_of_limited"),
    )

    name: Mapped[str] = mapped_column(String(100))
    code: Mapped[str | None] = mapped_column(String(32))  # upper case; None: applies by itself
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    is_active: Mapped[bool] = mapped_column(default=True)
    is_published: Mapped[bool] = mapped_column(default=False)  # shown in the distributor's storefront
    amount_kind: Mapped[PromotionAmount]
    value: Mapped[Decimal]
    currency: Mapped[str | None] = mapped_column(String(3))  # of an amount
    duration: Mapped[PromotionDuration]
    cycles: Mapped[int | None]  # of a limited one
    product_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default=list)  # empty: every recurring product
    billing_cycles: Mapped[list[str]] = mapped_column(ARRAY(String(20)), default=list)  # empty: every one
    required_product_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default=list)  # "buy X, get Y cheaper"
    new_customers_only: Mapped[bool] = mapped_column(default=False)  # accounts without an executed order
    includes_resellers: Mapped[bool] = mapped_column(default=False)
    max_redemptions: Mapped[int | None]  # orders of all accounts
    max_per_account: Mapped[int | None]
    redeemed: Mapped[int] = mapped_column(default=0)  # executed orders
    created_at: Mapped[datetime]


class Currency(Catalogue, Base):
    """A currency the distributor does business in beside, or as, its home currency (CB-07)."""

    __tablename__ = "currencies"
    __table_args__ = (UniqueConstraint("distributor_id", "code"),)

    code: Mapped[str] = mapped_column(String(3))  # ISO 4217
    culture: Mapped[str] = mapped_column(
        String(10), default=""
    )  # CLDR locale that amounts are written in; empty: the page's
    is_active: Mapped[bool] = mapped_column(default=True)
    updated_at: Mapped[datetime]
