"""What a storefront offers a buyer, as conditions on products: the rules that pages, baskets and programs share.

Offered is what is active, published for this kind of buyer, on show today, listed by the reseller where the storefront
is one's, and priced for the payer or sold on request. Reseller plans are offered to resellers at the root alone.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CTE,
    Boolean,
    ColumnElement,
    DateTime,
    ScalarSelect,
    Uuid,
    bindparam,
    column,
    false,
    func,
    literal,
    or_,
    select,
    table,
)
from sqlalchemy.orm import aliased

from app.catalogue.models import Audience, BillingCycle, Product, ProductKind, ProductPrice, ProductType, SaleMode
from app.catalogue.shelves.models import PopularProduct
from app.pricing.levels import CURRENCY, DISTRIBUTOR, LISTS_ON, ON, ONE, PRODUCTS, RESELLER, is_priced
from app.pricing.models import Promotion

# Listings belong to a domain above this one; the table is named, its model is not imported.
LISTINGS = table(
    "listings",
    column("distributor_id", Uuid()),
    column("reseller_id", Uuid()),
    column("product_id", Uuid()),
    column("trial_enabled", Boolean()),
)
CYCLE: ColumnElement[BillingCycle] = bindparam("wanted_cycle", type_=ProductPrice.cycle.type)
LAST_RANK = 1_000_000
NEW_SINCE = bindparam("new_since", type_=DateTime(timezone=True))


class Shelf(enum.Enum):
    """Part of an assortment that is shown by itself, on home pages and first in menus (SF-07)."""

    FEATURED = "featured"  # picked by hand, in their order
    NEW = "new"  # marked, or published a short while ago
    POPULAR = "popular"  # picked by hand, then what this storefront sells most of
    PROMOTED = "promoted"  # with a promotion that is told of
    CHOSEN = "chosen"  # the products named by hand


class Sort(enum.Enum):
    """What a search is ordered by; the name decides where two are equal (SF-23)."""

    RELEVANCE = "relevance"  # names that begin with what is sought, then words that do, then the rest
    NAME = "name"
    PRICE = "price"  # what a product starts from by the month, where few enough were found
    NEWEST = "newest"


# Named one by one: of "not this one" a generic plan expects no row at all where all products are sold alike.
BEGUN_WITH = (SaleMode.OPEN, SaleMode.ENQUIRY)


@dataclass(frozen=True, slots=True)
class Shape:
    """Which conditions a statement holds; each shape is built once per process."""

    is_alias: bool
    is_reseller: bool
    has_categories: bool = False
    has_group: bool = False
    has_industry: bool = False
    has_search: bool = False
    has_cycle: bool = False
    has_after: bool = False
    without_add_ons: bool = False  # apps and services: what stands by itself (SF-23)
    sort: Sort | None = None  # with an offset in the place of a key
    is_list: bool = False  # of what may be begun with: a discontinued product has a page, and stands in no list
    shelf: Shelf | None = None


def offered_conditions(shape: Shape, lists: CTE, *, only_listed: bool = True) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions under which a storefront offers a product to a buyer."""
    product = Product
    fits = Audience.RESELLERS if shape.is_alias or shape.is_reseller else Audience.DIRECT
    priced = is_priced(product.id.expression, lists, CYCLE if shape.has_cycle else None)
    if only_listed and not shape.has_cycle:  # what people ask about is shown without a price, too
        priced = or_(product.sale == SaleMode.ENQUIRY, priced)
    conditions: list[ColumnElement[bool]] = [
        product.distributor_id == DISTRIBUTOR,
        product.is_published.expression,
        product.is_active.expression,
        product.retired_at.is_(None),
        or_(product.audience == Audience.EVERYONE, product.audience == fits),
        or_(product.visible_from.is_(None), product.visible_from <= ON),
        or_(product.visible_to.is_(None), product.visible_to >= ON),
        priced,
    ]
    if shape.is_list:
        conditions.append(product.sale.in_(BEGUN_WITH))
    if shape.without_add_ons:
        conditions.append(product.is_add_on.is_(False))
    if shape.is_alias and only_listed:
        listed = (
            select(literal(1))
            .where(
                LISTINGS.c.distributor_id == DISTRIBUTOR,
                LISTINGS.c.reseller_id == RESELLER,
                LISTINGS.c.product_id == product.id,
            )
            .limit(ONE)
            .correlate(product)
            .scalar_subquery()
        )
        conditions.insert(1, listed.is_not(None))  # the cheapest question first
    if shape.is_alias or not shape.is_reseller:
        type_ = aliased(ProductType)  # an outer statement may join the type itself
        kind = (
            select(type_.kind)
            .where(type_.distributor_id == DISTRIBUTOR, type_.id == product.product_type_id)
            .correlate(product)
            .scalar_subquery()
        )
        conditions += [product.plan_edition.is_(None), kind != ProductKind.RESELLER_PLAN]
    return tuple(conditions)


def on_shelf(shelf: Shelf, shape: Shape) -> ColumnElement[bool]:
    """Return the condition under which a product stands on a shelf."""
    match shelf:
        case Shelf.CHOSEN:
            return Product.id == func.any(PRODUCTS)
        case Shelf.FEATURED:
            return Product.is_featured.expression
        case Shelf.NEW:
            return or_(Product.is_new, Product.published_at >= NEW_SINCE)
        case Shelf.POPULAR:
            return or_(Product.is_popular, _rank(shape).is_not(None))
        case Shelf.PROMOTED:
            return false() if shape.is_alias else _promotion(shape).is_not(None)


def shelf_order(shelf: Shelf | None, shape: Shape) -> tuple[ColumnElement[Any], ...]:
    """Return what a shelf is ordered by before the name, each ascending."""
    match shelf:
        case Shelf.FEATURED:
            return (Product.position.expression,)
        case Shelf.NEW:
            return (~Product.is_new, NEW_SINCE - Product.published_at)
        case Shelf.POPULAR:
            return (~Product.is_popular, func.coalesce(_rank(shape), LAST_RANK))
        case _:
            return ()


def _rank(shape: Shape) -> ScalarSelect[int]:
    """Return what place a product has among those the storefront sells most of; None: none.

    Each kind of storefront has its own condition: IS NOT DISTINCT FROM would read every storefront's for each product.
    """
    popular = PopularProduct
    return (
        select(popular.rank)
        .where(
            popular.distributor_id == DISTRIBUTOR,
            popular.reseller_id == RESELLER if shape.is_alias else popular.reseller_id.is_(None),
            popular.product_id == Product.id,
        )
        .correlate(Product)
        .scalar_subquery()
    )


def _promotion(shape: Shape) -> ScalarSelect[int]:
    """Find a promotion that names the product and is told of; one for everything makes nothing stand out."""
    promotion = Promotion
    found = select(literal(1)).where(
        promotion.distributor_id == DISTRIBUTOR,
        promotion.is_published,
        promotion.is_active,
        Product.id == func.any(promotion.product_ids),
        promotion.starts_on <= LISTS_ON,
        or_(promotion.ends_on.is_(None), promotion.ends_on >= LISTS_ON),
        or_(promotion.currency.is_(None), promotion.currency == CURRENCY),
    )
    if shape.is_reseller:
        found = found.where(promotion.includes_resellers)
    return found.limit(ONE).correlate(Product).scalar_subquery()


def available_to_reseller(lists: CTE) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions under which a reseller may list a product: published for it, and priced (RS-18)."""
    return offered_conditions(Shape(is_alias=True, is_reseller=True), lists, only_listed=False)
