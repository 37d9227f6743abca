"""What is sold: types, groups, categories, products and their vendor prices.

Everything a customer may see is of the catalogue family; vendor cost is the distributor's own.
"""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Numeric, String, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from app.core.versions import Versioned
from tenants.scoping import Catalogue, DistributorPrivate


class ProductKind(enum.Enum):
    """What execution makes of a product of this type (CB-01 category kind)."""

    SUBSCRIPTION = "subscription"
    ONE_OFF = "one_off"
    PAY_PER_USE = "pay_per_use"
    RESELLER_PLAN = "reseller_plan"
    BUNDLE = "bundle"
    DOMAIN = "domain"


class Audience(enum.Enum):
    """Who may see a published product (SF-18)."""

    EVERYONE = "everyone"
    DIRECT = "direct"
    RESELLERS = "resellers"
    NOBODY = "nobody"  # imported for reference: segments not preselected for publishing


class BillingCycle(enum.Enum):
    """How often a term is billed, shortest first (ADR 34). Vendor sheets call it billing plan."""

    MONTHLY = "monthly"
    EVERY_2_MONTHS = "every_2_months"
    QUARTERLY = "quarterly"
    EVERY_4_MONTHS = "every_4_months"
    HALF_YEARLY = "half_yearly"
    ANNUAL = "annual"
    BIENNIAL = "biennial"
    TRIENNIAL = "triennial"
    EVERY_4_YEARS = "every_4_years"
    EVERY_5_YEARS = "every_5_years"
    ONE_TIME = "one_time"

    @property
    def months(self) -> int:
        """Length of a cycle in months; 0 for a one-time charge."""
        return CYCLE_MONTHS[self]


CYCLE_MONTHS = dict(zip(BillingCycle, (1, 2, 3, 4, 6, 12, 24, 36, 48, 60, 0), strict=True))


class Term(enum.Enum):
    """Commitment, as an ISO 8601 period, shortest first."""

    P1M = "P1M"
    P2M = "P2M"
    P3M = "P3M"
    P4M = "P4M"
    P6M = "P6M"
    P1Y = "P1Y"
    P2Y = "P2Y"
    P3Y = "P3Y"
    P4Y = "P4Y"
    P5Y = "P5Y"
    NONE = "none"  # one-off purchases

    @property
    def months(self) -> int:
        """Length of the term in months; 0 without a term."""
        return TERM_MONTHS[self]


TERM_MONTHS = dict(zip(Term, (1, 2, 3, 4, 6, 12, 24, 36, 48, 60, 0), strict=True))


class BillingType(enum.Enum):
    """When a cycle is charged (CB-03)."""

    ON_START = "on_start"
    ON_END = "on_end"  # in arrears: pay-per-use always


class UsageChargeRule(enum.Enum):
    """What the short first period of an aligned subscription costs (CB-03, CB-32)."""

    ACTUAL_DAYS = "actual_days"
    FULL_AMOUNT = "full_amount"


class PriceScheme(enum.Enum):
    """How quantity and options make a price (CB-04)."""

    PER_UNIT = "per_unit"
    VOLUME = "volume"  # the tier of the whole quantity prices every unit
    TIERED = "tiered"  # each slice at its own tier's price


class SaleMode(enum.Enum):
    """What a visible product may be asked for (SF-18)."""

    OPEN = "open"  # ordered by anybody who sees it
    MORE_LICENCES = "more_licences"  # discontinued: only licences for who has it already
    ENQUIRY = "enquiry"  # nobody orders it here: people ask, and need no price to see it


class RequiredMode(enum.Enum):
    """How many of a product's required products a customer needs (CB-09)."""

    ALL = "all"
    ANY = "any"


class ProductType(Versioned, Catalogue, Base):
    """The definition of a service: kind and the switches that steer execution (CB-01)."""

    __tablename__ = "product_types"
    __table_args__ = (UniqueConstraint("distributor_id", "name"),)

    name: Mapped[str] = mapped_column(String(255))
    kind: Mapped[ProductKind]
    vendor: Mapped[str | None] = mapped_column(String(200))
    inherits_from_id: Mapped[UUID | None]  # None: root
    service_manager_id: Mapped[UUID | None]  # None: nothing is provisioned by machine
    non_automatic: Mapped[bool] = mapped_column(default=False)  # orders wait In Progress for people (CB-21)
    characteristics: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    automatic_cancellation: Mapped[bool] = mapped_column(default=True)  # off: BSS decides on requests (CB-29)
    automatic_add_on_cancellation: Mapped[bool] = mapped_column(default=True)
    automatic_downgrade: Mapped[bool] = mapped_column(default=False)
    cancellation_cap: Mapped[Decimal | None]  # net recurring amount of what is canceled; above it BSS decides
    refund_policy: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)  # app.subscriptions.refunds reads it
    early_termination_percent: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))  # None: not before the term's end
    allows_upgrade: Mapped[bool] = mapped_column(default=True)
    allows_downgrade: Mapped[bool] = mapped_column(default=True)
    allows_suspension: Mapped[bool] = mapped_column(default=True)
    billed_while_suspended: Mapped[bool] = mapped_column(default=True)
    one_per_customer: Mapped[bool] = mapped_column(default=False)
    return_days: Mapped[int] = mapped_column(default=0)  # how long an asset may be returned (CB-31)
    min_quantity: Mapped[int | None]  # of every product of the type, beside the product's own limits
    max_quantity: Mapped[int | None]
    terms_url: Mapped[str | None] = mapped_column(String(500))
    tax_code: Mapped[str | None] = mapped_column(String(40))  # applies to all its products
    external_id: Mapped[str | None] = mapped_column(String(200))  # the service manager's own id of a synchronised type
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class Category(Versioned, Catalogue, Base):
    """A node of the category tree, at most three levels deep (CB-08). A product has one category."""

    __tablename__ = "categories"
    __table_args__ = (
        UniqueConstraint("distributor_id", "parent_id", "name", postgresql_nulls_not_distinct=True),
        UniqueConstraint("distributor_id", "slug"),
        ForeignKeyConstraint(["distributor_id", "parent_id"], ["categories.distributor_id", "categories.id"]),
    )

    parent_id: Mapped[UUID | None]
    name: Mapped[str] = mapped_column(String(100))
    slug: Mapped[str] = mapped_column(String(100))
    icon: Mapped[str] = mapped_column(String(40), default="box")
    position: Mapped[int] = mapped_column(default=0)
    is_visible: Mapped[bool] = mapped_column(default=True)


class ProductGroup(Versioned, Catalogue, Base):
    """One storefront entry that gathers the editions of a service (CB-08)."""

    __tablename__ = "product_groups"
    __table_args__ = (UniqueConstraint("distributor_id", "slug"), UniqueConstraint("distributor_id", "name"))

    name: Mapped[str] = mapped_column(String(255))
    slug: Mapped[str] = mapped_column(String(255))
    description: Mapped[str | None] = mapped_column(Text)
    vendor: Mapped[str | None] = mapped_column(String(200))
    category_id: Mapped[UUID | None]
    terms_document_id: Mapped[UUID | None]
    comparison: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)  # feature rows x editions (CB-08)
    position: Mapped[int] = mapped_column(default=0)


class Industry(Versioned, Catalogue, Base):
    """What a storefront's visitors narrow a catalogue to beside categories: a flat list (CB-08)."""

    __tablename__ = "industries"
    __table_args__ = (UniqueConstraint("distributor_id", "name"), UniqueConstraint("distributor_id", "slug"))

    name: Mapped[str] = mapped_column(String(100))
    slug: Mapped[str] = mapped_column(String(100))
    position: Mapped[int] = mapped_column(default=0)


class PriceGroup(Versioned, Catalogue, Base):
    """Products that price lists treat alike; never shown in a storefront (CB-08)."""

    __tablename__ = "price_groups"
    __table_args__ = (UniqueConstraint("distributor_id", "name"),)

    name: Mapped[str] = mapped_column(String(100))


class Product(Versioned, Catalogue, Base):
    """A sellable edition, add-on or one-off. What it costs stands in `ProductPrice` and in price lists."""

    __tablename__ = "products"
    __table_args__ = (
        Index("uq_products_code", "distributor_id", "code_key", unique=True),
        UniqueConstraint("distributor_id", "slug"),
        Index(None, "distributor_id", "is_published", "name"),
        Index(None, "distributor_id", "category_id"),
        Index(None, "distributor_id", "group_id"),
        ForeignKeyConstraint(
            ["distributor_id", "product_type_id"], ["product_types.distributor_id", "product_types.id"]
        ),
        ForeignKeyConstraint(["distributor_id", "category_id"], ["categories.distributor_id", "categories.id"]),
        ForeignKeyConstraint(["distributor_id", "group_id"], ["product_groups.distributor_id", "product_groups.id"]),
        ForeignKeyConstraint(["distributor_id", "industry_id"], ["industries.distributor_id", "industries.id"]),
        ForeignKeyConstraint(["distributor_id", "price_group_id"], ["price_groups.distributor_id", "price_groups.id"]),
        CheckConstraint(
            "min_quantity >= 1 AND (max_quantity IS NULL OR max_quantity >= min_quantity)", name="quantities"
        ),
        CheckConstraint("step_quantity >= 1", name="step_quantity_min_1"),
        CheckConstraint("visible_to IS NULL OR visible_from IS NULL OR visible_to >= visible_from", name="date_order"),
        CheckConstraint("(base_term IS NULL) = (base_cycle IS NULL)", name="base_unit"),
        CheckConstraint("trial_days IS NULL OR trial_months IS NULL", name="trial_length"),
    )

    code: Mapped[str] = mapped_column(String(64))  # shown as typed
    code_key: Mapped[str] = mapped_column(String(64))  # lower case: codes are unique ignoring case
    name: Mapped[str] = mapped_column(String(255))
    vendor_name: Mapped[str | None] = mapped_column(
        String(255)
    )  # as the last sheet said; `name` differs once edited here
    slug: Mapped[str] = mapped_column(String(255))
    search_text: Mapped[str] = mapped_column(Text, default="")  # lower case, accents removed: name, code, vendor, group
    short_description: Mapped[str] = mapped_column(String(4000), default="")
    vendor_description: Mapped[str | None] = mapped_column(String(4000))  # as `vendor_name`
    product_type_id: Mapped[UUID]
    category_id: Mapped[UUID | None]
    group_id: Mapped[UUID | None]
    industry_id: Mapped[UUID | None]
    price_group_id: Mapped[UUID | None]
    vendor: Mapped[str] = mapped_column(String(200), default="")
    unit_of_measure: Mapped[str] = mapped_column(String(40), default="licence")
    segment: Mapped[str] = mapped_column(String(40), default="Commercial")
    tags: Mapped[list[str]] = mapped_column(ARRAY(String(60)), default=list)
    plan_edition: Mapped[str | None] = mapped_column(String(20))  # free or standard: a reseller plan (RS-04)
    is_add_on: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)
    is_published: Mapped[bool] = mapped_column(default=False)
    is_new: Mapped[bool] = mapped_column(default=False)
    is_featured: Mapped[bool] = mapped_column(default=False)
    is_popular: Mapped[bool] = mapped_column(default=False)  # picked by hand for "Most popular" (SF-07)
    published_at: Mapped[datetime | None]  # first time; None: before this was written down, or never
    audience: Mapped[Audience] = mapped_column(default=Audience.EVERYONE)
    min_quantity: Mapped[int] = mapped_column(default=1)
    max_quantity: Mapped[int | None]
    step_quantity: Mapped[int] = mapped_column(default=1)
    visible_from: Mapped[date | None]  # days of the storefront that shows it, both included (SF-18)
    visible_to: Mapped[date | None]
    sale: Mapped[SaleMode] = mapped_column(default=SaleMode.OPEN)
    shows_price: Mapped[bool] = mapped_column(default=True)  # in lists and on its page; baskets always tell (SF-18)
    takes_enquiries: Mapped[bool] = mapped_column(default=False)  # "Tell me more" beside ordering
    base_term: Mapped[Term | None]  # with `base_cycle`: the unit shown first; None: the distributor's (CB-03)
    base_cycle: Mapped[BillingCycle | None]
    trial_days: Mapped[int | None]  # or months; both None: no trial (CB-12)
    trial_months: Mapped[int | None]
    trial_max_quantity: Mapped[int] = mapped_column(default=25)
    trial_resources: Mapped[dict[str, Any]] = mapped_column(
        JSONB, default=dict
    )  # what a trial begins with, by characteristic
    trial_alters: Mapped[bool] = mapped_column(default=False)  # whether customers may choose other values
    billing_type: Mapped[BillingType] = mapped_column(default=BillingType.ON_START)
    usage_charge_rule: Mapped[UsageChargeRule] = mapped_column(default=UsageChargeRule.ACTUAL_DAYS)
    excluded_from_proration: Mapped[bool] = mapped_column(default=False)  # own cycle from the day of purchase
    billing_day: Mapped[int | None]  # 1..31: aligned to it whatever the account says; None: the account's options
    price_scheme: Mapped[PriceScheme] = mapped_column(default=PriceScheme.PER_UNIT)
    price_tiers: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)  # from quantity, discount percent
    price_options: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)  # code, name, amount or percent
    characteristics: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)  # values by characteristic id
    required_mode: Mapped[RequiredMode] = mapped_column(default=RequiredMode.ALL)
    refund_policy: Mapped[dict[str, Any] | None] = mapped_column(JSONB)  # None: its type's
    is_taxable: Mapped[bool] = mapped_column(default=True)
    tax_code: Mapped[str | None] = mapped_column(String(40))  # None: its type's
    external_id: Mapped[str | None] = mapped_column(String(200))  # the service manager's own id
    retired_at: Mapped[datetime | None]  # gone from the vendor's feed: not orderable, still renewing (CB-15)
    terms_document_id: Mapped[UUID | None]
    image_id: Mapped[UUID | None]
    position: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    @property
    def vendor_code(self) -> str:
        """What its service manager calls it: another vendor's product may have taken the code first."""
        return self.external_id or self.code

    @property
    def is_on_sale(self) -> bool:
        """Whether it may be ordered anew; what runs renews all the same (CB-15, SF-18)."""
        return self.is_active and self.retired_at is None and self.sale is not SaleMode.MORE_LICENCES


class RelationKind(enum.Enum):
    """What one product means to another."""

    ADD_ON = "add_on"  # the other may be bought with the product
    REQUIRED = "required"  # the other must be owned or bought with the product (CB-09)
    EXCLUSIVE = "exclusive"  # symmetric, written once: the smaller id first (CB-10)
    UPGRADE = "upgrade"  # the product may become the other; the way back is a downgrade (CB-25)
    RELATED = "related"


class ProductRelation(Catalogue, Base):
    """One product's relation to another (CB-09, CB-10, CB-25, CB-27)."""

    __tablename__ = "product_relations"
    __table_args__ = (
        UniqueConstraint("distributor_id", "kind", "product_id", "other_id"),
        Index(None, "distributor_id", "other_id", "kind"),
        ForeignKeyConstraint(
            ["distributor_id", "product_id"], ["products.distributor_id", "products.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(
            ["distributor_id", "other_id"], ["products.distributor_id", "products.id"], ondelete="CASCADE"
        ),
        CheckConstraint("product_id <> other_id", name="two_products"),
    )

    kind: Mapped[RelationKind]
    product_id: Mapped[UUID]
    other_id: Mapped[UUID]
    is_quantity_linked: Mapped[bool] = mapped_column(
        default=False
    )  # an add-on's quantity is its subscription's (CB-27)
    position: Mapped[int] = mapped_column(default=0)


class ProductPrice(Catalogue, Base):
    """The distributor's list price of a product x term x cycle x currency, per billing cycle and unit.

    Vendor sheets price a term; a P1Y price billed monthly stands here divided by 12, at 4 decimals (decisions 5).
    """

    __tablename__ = "product_prices"
    __table_args__ = (
        UniqueConstraint("distributor_id", "product_id", "term", "cycle", "currency", name="uq_product_prices_key"),
        ForeignKeyConstraint(
            ["distributor_id", "product_id"], ["products.distributor_id", "products.id"], ondelete="CASCADE"
        ),
        CheckConstraint("list_price >= 0", name="list_price_min_0"),
    )

    product_id: Mapped[UUID]
    term: Mapped[Term]
    cycle: Mapped[BillingCycle]
    currency: Mapped[str] = mapped_column(String(3))
    list_price: Mapped[Decimal]
    term_list_price: Mapped[Decimal | None]  # as in the sheet, for the whole term
    setup_fee: Mapped[Decimal] = mapped_column(default=Decimal(0))  # once, with the first charge; never prorated
    protection_months: Mapped[int] = mapped_column(default=0)  # how long a purchase keeps its price (CB-06)
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    is_withdrawn: Mapped[bool] = mapped_column(default=False)  # not for new orders; running terms keep their price
    is_manual: Mapped[bool] = mapped_column(default=False)  # set by hand: a sheet does not overwrite the list price


class VendorCost(DistributorPrivate, Base):
    """What the distributor pays per cycle and unit; distributor-private, never in a storefront's reach."""

    __tablename__ = "vendor_costs"
    __table_args__ = (
        UniqueConstraint("distributor_id", "product_id", "term", "cycle", "currency", name="uq_vendor_costs_key"),
        ForeignKeyConstraint(
            ["distributor_id", "product_id"], ["products.distributor_id", "products.id"], ondelete="CASCADE"
        ),
        CheckConstraint("vendor_cost >= 0", name="vendor_cost_min_0"),
    )

    product_id: Mapped[UUID]
    term: Mapped[Term]
    cycle: Mapped[BillingCycle]
    currency: Mapped[str] = mapped_column(String(3))
    vendor_cost: Mapped[Decimal]
    term_vendor_cost: Mapped[Decimal | None]  # as in the sheet, for the whole term
