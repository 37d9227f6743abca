"""The SQL of a quote: cost by price lists (decisions section 6); the eight levels of rules stand in `hits`.

The pieces are put together once, by `quotes` (for named products) and `catalogue_page` (for a page of them). Under row
security only leakproof operators reach an index, so every piece filters by distributor and reseller itself and finds
its rows by equality on ids; row security is the net below.
"""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    Boolean,
    ColumnElement,
    Date,
    Integer,
    Numeric,
    String,
    Uuid,
    and_,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    true,
    type_coerce,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.orm import aliased

from app.catalogue.models import PriceScheme, Product, ProductPrice
from app.pricing.buyers import Buyer
from app.pricing.models import (
    MarkupLevel,
    MarkupRule,
    PriceList,
    PriceListAssignment,
    PriceListEntry,
    PriceRule,
    SpecialPrice,
)

DISTRIBUTOR = bindparam("distributor_id", type_=Uuid())
RESELLER = bindparam("reseller_id", type_=Uuid())
CUSTOMER = bindparam("customer_id", type_=Uuid())
PAYER = bindparam("payer_id", type_=Uuid())
CURRENCY = bindparam("currency", type_=String(3))
ON = bindparam("on_day", type_=Date())
LISTS_ON = bindparam("lists_on", type_=Date())
RESTRICT = bindparam("restrict_to_lists", type_=Boolean())
PRODUCTS = bindparam("product_ids", type_=ARRAY(Uuid()))
NONE: ColumnElement[int] = literal_column("0", Integer)  # OFFSET 0 keeps a subquery from being joined
ONE: ColumnElement[int] = literal_column("1", Integer)  # not a parameter: the planner must know that one row is enough
ASKED_LAST = 2_147_483_647  # the default list stands behind every assigned one


class PriceSource(enum.Enum):
    """Where a price comes from: the eight levels of decisions section 6, or no rule at all."""

    CUSTOMER_PRODUCT_SPECIAL = "customer_product_special"  # 1
    CUSTOMER_PRODUCT_MARKUP = "customer_product_markup"  # 2
    CUSTOMER_MARKUP = "customer_markup"  # 3
    PRODUCT_SPECIAL = "product_special"  # 4
    PRODUCT_MARKUP = "product_markup"  # 5
    CATEGORY_MARKUP = "category_markup"  # 6
    VENDOR_MARKUP = "vendor_markup"  # 7
    DEFAULT_MARKUP = "default_markup"  # 8; without a rule id: the storefront has not set one
    COST = "cost"  # at the root: the entry of a price list
    LIST = "list"  # at the root: the distributor's list price


MARKUP_SOURCES = {
    MarkupLevel.CUSTOMER_PRODUCT: PriceSource.CUSTOMER_PRODUCT_MARKUP,
    MarkupLevel.CUSTOMER: PriceSource.CUSTOMER_MARKUP,
    MarkupLevel.PRODUCT: PriceSource.PRODUCT_MARKUP,
    MarkupLevel.CATEGORY: PriceSource.CATEGORY_MARKUP,
    MarkupLevel.VENDOR: PriceSource.VENDOR_MARKUP,
    MarkupLevel.DEFAULT: PriceSource.DEFAULT_MARKUP,
}


def parameters(buyer: Buyer, distributor_id: UUID) -> dict[str, Any]:
    """Return the bind parameters a buyer gives to every statement built here."""
    return {
        "distributor_id": distributor_id,
        "reseller_id": buyer.reseller_id,
        "customer_id": buyer.customer_id,
        "payer_id": buyer.payer_id,
        "currency": buyer.currency,
        "on_day": buyer.on,
        "lists_on": buyer.lists_on or buyer.on,
        "restrict_to_lists": buyer.restrict_to_lists,
    }


def first_percent() -> ColumnElement[Decimal | None]:
    """Return what a product's own tiers take off the first unit, in percent; NULL where it has none."""
    has_tiers = Product.price_scheme != PriceScheme.PER_UNIT
    return case((has_tiers, _first_of(Product.price_tiers.expression))).label("first_percent")


def _first_of(tiers: ColumnElement[Any]) -> ColumnElement[Decimal | None]:
    first: ColumnElement[Decimal | None] = tiers[0]["percent"].astext.cast(Numeric(5, 2))
    return first


def wanted_products() -> CTE:
    """Return the products named by the bind parameter `product_ids`."""
    named = (Product.distributor_id == DISTRIBUTOR, Product.id == func.any(PRODUCTS))
    return select(Product.id.label("product_id"), first_percent()).where(*named).cte("wanted")


def usable_lists() -> CTE:
    """Return the payer's lists that are active today and in its currency, by rank; the default list comes last."""
    usable = and_(
        PriceList.distributor_id == DISTRIBUTOR,
        PriceList.is_active,
        PriceList.currency == CURRENCY,
        PriceList.valid_from <= LISTS_ON,
        or_(PriceList.valid_to.is_(None), PriceList.valid_to >= LISTS_ON),
    )
    assigned = (
        select(PriceList.id.label("list_id"), PriceList.name, PriceListAssignment.priority.label("rank"))
        .join(
            PriceListAssignment,
            and_(
                PriceListAssignment.distributor_id == PriceList.distributor_id,
                PriceListAssignment.price_list_id == PriceList.id,
            ),
        )
        .where(PriceListAssignment.payer_id == PAYER, usable)
    )
    default = select(PriceList.id, PriceList.name, literal(ASKED_LAST, Integer)).where(PriceList.is_default, usable)
    return union_all(assigned, default).cte("usable_lists").prefix_with("MATERIALIZED", dialect="postgresql")


def in_dates(model: type[MarkupRule | SpecialPrice | ProductPrice]) -> ColumnElement[bool]:
    """Return the condition that a day lies in a row's period, both ends included."""
    return and_(
        or_(model.valid_from.is_(None), model.valid_from <= ON),
        or_(model.valid_to.is_(None), model.valid_to >= ON),
    )


def priced_keys(wanted: CTE, lists: CTE) -> CTE:
    """Return term and cycle of each wanted product that this buyer may have, with its cost and what its list says.

    The cost is before tiers. `wanted` names products with their `first_percent`.

    Each product is looked up by itself (LATERAL): a plain join is planned well only once statistics are there.
    Materialised: pulled up, its COALESCE would stand in the conditions on rules, and under row security an expression
    like that counts as leaky and reaches no index. A withdrawn key has no price. Without an entry in a list the list price is the cost, or there is none at all.
    """
    entry, listed = PriceListEntry, ProductPrice
    by_rank = (
        select(
            entry.term,
            entry.cycle,
            entry.price,
            entry.price_list_id,
            entry.rule,
            entry.value,
            entry.price_scheme,
            entry.price_tiers,
        )
        .select_from(lists)
        .join(entry, and_(entry.distributor_id == DISTRIBUTOR, entry.price_list_id == lists.c.list_id))
        .where(entry.product_id == wanted.c.product_id)
        .ext(distinct_on(entry.term, entry.cycle))
        .order_by(entry.term, entry.cycle, lists.c.rank, lists.c.name, lists.c.list_id)
        .lateral("by_rank")
    )
    product = (wanted.c.product_id, wanted.c.first_percent)
    costs = select(*product, by_rank).join(by_rank, true()).cte("costs")
    in_currency = (
        select(
            listed.term,
            listed.cycle,
            listed.is_withdrawn,
            case((in_dates(listed), listed.list_price)).label("list_price"),
        )
        .where(
            listed.distributor_id == DISTRIBUTOR,
            listed.product_id == wanted.c.product_id,
            listed.currency == CURRENCY,
        )
        .offset(NONE)
        .lateral("in_currency")
    )
    retail = select(*product, in_currency).join(in_currency, true()).cte("retail")
    same_key = and_(
        costs.c.product_id == retail.c.product_id, costs.c.term == retail.c.term, costs.c.cycle == retail.c.cycle
    )
    cost = func.coalesce(costs.c.price, case((~RESTRICT, retail.c.list_price)))
    return (
        select(
            func.coalesce(costs.c.product_id, retail.c.product_id).label("product_id"),
            func.coalesce(costs.c.term, retail.c.term, type_=ProductPrice.term.type).label("term"),
            func.coalesce(costs.c.cycle, retail.c.cycle, type_=ProductPrice.cycle.type).label("cycle"),
            cost.label("cost"),
            retail.c.list_price,
            costs.c.price_list_id,
            type_coerce(costs.c.rule, String).label("list_rule"),  # read only where somebody asks: as they are stored
            costs.c.value.label("list_value"),
            type_coerce(costs.c.price_scheme, String).label("list_scheme"),
            costs.c.price_tiers.label("list_tiers"),
            _percent_in_force(costs, retail).label("first_percent"),
        )
        .select_from(costs.outerjoin(retail, same_key, full=True))
        .where(cost.is_not(None), ~func.coalesce(retail.c.is_withdrawn, False))
        .cte("priced_keys")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )


def _percent_in_force(costs: CTE, retail: CTE) -> ColumnElement[Decimal | None]:
    """Return what the tiers that count take off the first unit, as `schemes.tiers_in_force` says."""
    replaced = or_(costs.c.rule == PriceRule.FIXED, costs.c.rule == PriceRule.MARKUP)
    return case(
        (costs.c.price_scheme.is_not(None), _first_of(costs.c.price_tiers)),
        (replaced, null()),
        else_=func.coalesce(costs.c.first_percent, retail.c.first_percent),
    )


def is_priced(
    product_id: ColumnElement[UUID], lists: CTE, cycle: ColumnElement[Any] | None = None
) -> ColumnElement[bool]:
    """Return the condition that a product has at least one price for this buyer, of one cycle if one is given.

    Scalar sub-selects, not EXISTS: those become joins, which are planned well only once statistics are there.
    """
    entry, withdrawn, listed = PriceListEntry, aliased(ProductPrice), aliased(ProductPrice)
    is_withdrawn = (
        select(literal(1))
        .where(
            withdrawn.distributor_id == DISTRIBUTOR,
            withdrawn.product_id == entry.product_id,
            withdrawn.term == entry.term,
            withdrawn.cycle == entry.cycle,
            withdrawn.currency == CURRENCY,
            withdrawn.is_withdrawn,
        )
        .limit(ONE)
        .correlate(entry)
        .scalar_subquery()
    )
    by_list = (
        select(literal(1))
        .select_from(lists)
        .join(entry, and_(entry.distributor_id == DISTRIBUTOR, entry.price_list_id == lists.c.list_id))
        .where(
            entry.product_id == product_id,
            is_withdrawn.is_(None),
            *(() if cycle is None else (entry.cycle == cycle,)),
        )
        .limit(ONE)
        .correlate_except(lists, entry)
        .scalar_subquery()
    )
    by_list_price = (
        select(literal(1))
        .where(
            listed.distributor_id == DISTRIBUTOR,
            listed.product_id == product_id,
            listed.currency == CURRENCY,
            ~listed.is_withdrawn,
            or_(listed.valid_from.is_(None), listed.valid_from <= ON),
            or_(listed.valid_to.is_(None), listed.valid_to >= ON),
            *(() if cycle is None else (listed.cycle == cycle,)),
        )
        .limit(ONE)
        .correlate_except(listed)
        .scalar_subquery()
    )
    return or_(by_list.is_not(None), and_(~RESTRICT, by_list_price.is_not(None)))
