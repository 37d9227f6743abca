"""A page of what a storefront offers its buyer, with prices, in one statement: the page first, then price levels.

Offered is what is active, published for this kind of buyer, listed by the reseller where the storefront is one's, and
priced for the payer. Reseller plans are offered to resellers at the root alone.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    Row,
    Select,
    String,
    Uuid,
    and_,
    bindparam,
    column,
    func,
    literal,
    or_,
    select,
    table,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased

from app.catalogue.models import Audience, BillingCycle, Product, ProductGroup, ProductKind, ProductPrice, ProductType
from app.catalogue.text import folded
from app.core.db import session
from app.pricing.buyers import Buyer
from app.pricing.hits import quoted_rows
from app.pricing.levels import (
    DISTRIBUTOR,
    ONE,
    PRODUCTS,
    RESELLER,
    first_percent,
    is_priced,
    parameters,
    usable_lists,
)
from app.pricing.quotes import BuyerPrice, ExplainedPrice, PriceKey, explained
from tenants.changes import Kept
from tenants.context import current_scope

# Listings belong to a domain above this one; the table is named, its model is not imported.
LISTINGS = table(
    "listings", column("distributor_id", Uuid()), column("reseller_id", Uuid()), column("product_id", Uuid())
)
LIMIT = bindparam("limit", type_=Integer())
CATEGORIES = bindparam("category_ids", type_=ARRAY(Uuid()))
GROUP = bindparam("group_id", type_=Uuid())
INDUSTRY = bindparam("industry_id", type_=Uuid())
SEARCH = bindparam("search", type_=String())
CYCLE: ColumnElement[BillingCycle] = bindparam("wanted_cycle", type_=ProductPrice.cycle.type)
AFTER_NAME = bindparam("after_name", type_=String())
AFTER_ID = bindparam("after_id", type_=Uuid())
CYCLE_ORDER = {cycle: position for position, cycle in enumerate(BillingCycle)}
MIN_SEARCH = 2


@dataclass(frozen=True, slots=True)
class Offer:
    """A product on a page of the catalogue, at the price it starts from: the shortest cycle's lowest."""

    id: UUID
    slug: str
    name: str
    short_description: str
    vendor: str
    group_name: str | None
    image_id: UUID | None
    unit_of_measure: str
    is_new: bool
    price_key: PriceKey
    price: BuyerPrice
    has_more_prices: bool  # other terms or cycles can be chosen on the product's page


@dataclass(frozen=True, slots=True)
class OfferPage:
    """One page of offers, by name. `after` of the next page is `next_after`."""

    items: tuple[Offer, ...]
    has_more: bool

    @property
    def next_after(self) -> tuple[str, UUID] | None:
        """Where the next page begins, or None at the end."""
        return (self.items[-1].name, self.items[-1].id) if self.has_more and self.items else None


class Shelf(enum.Enum):
    """Part of an assortment that a home page shows by itself (SF-07)."""

    FEATURED = "featured"
    NEW = "new"
    CHOSEN = "chosen"  # the products named by hand


@dataclass(frozen=True, slots=True)
class _Shape:
    """Which conditions a statement holds; each shape is built once per process."""

    is_alias: bool
    is_reseller: bool
    has_categories: bool = False
    has_group: bool = False
    has_industry: bool = False
    has_search: bool = False
    has_cycle: bool = False
    has_after: bool = False
    shelf: Shelf | None = None


def _offered(shape: _Shape, lists: CTE, *, only_listed: bool = True) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions under which a storefront offers a product to a buyer."""
    product = Product
    fits = Audience.RESELLERS if shape.is_alias or shape.is_reseller else Audience.DIRECT
    conditions: list[ColumnElement[bool]] = [
        product.distributor_id == DISTRIBUTOR,
        product.is_published.expression,
        product.is_active.expression,
        product.retired_at.is_(None),
        or_(product.audience == Audience.EVERYONE, product.audience == fits),
        is_priced(product.id.expression, lists, CYCLE if shape.has_cycle else None),
    ]
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


def _on_shelf(shelf: Shelf) -> ColumnElement[bool]:
    if shelf is Shelf.CHOSEN:
        return Product.id == func.any(PRODUCTS)
    return Product.is_featured.expression if shelf is Shelf.FEATURED else Product.is_new.expression


def available_to_reseller(lists: CTE) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions under which a reseller may list a product: published for it, and priced (RS-18)."""
    return _offered(_Shape(is_alias=True, is_reseller=True), lists, only_listed=False)


@cache
def _page_statement(shape: _Shape) -> Select[Any]:
    product, group, lists = Product, ProductGroup, usable_lists()
    page = (
        select(
            product.id.label("product_id"),
            product.slug,
            product.name,
            product.short_description,
            product.vendor,
            group.name.label("group_name"),
            product.image_id,
            product.unit_of_measure,
            product.is_new,
            first_percent(),
        )
        .outerjoin(group, and_(group.distributor_id == DISTRIBUTOR, group.id == product.group_id))
        .where(*_offered(shape, lists))
    )
    if shape.has_categories:
        page = page.where(product.category_id == func.any(CATEGORIES))
    if shape.has_group:
        page = page.where(product.group_id == GROUP)
    if shape.has_industry:
        page = page.where(product.industry_id == INDUSTRY)
    if shape.has_search:
        page = page.where(product.search_text.contains(SEARCH))
    if shape.shelf is not None:
        page = page.where(_on_shelf(shape.shelf))
    if shape.has_after:
        page = page.where(tuple_(product.name, product.id) > tuple_(AFTER_NAME, AFTER_ID))
    shown = page.order_by(product.name, product.id).limit(LIMIT).cte("page")
    shown = shown.prefix_with("MATERIALIZED", dialect="postgresql")
    quote = quoted_rows(shown, lists, with_rules=shape.is_alias).subquery("quote")
    shown_alone = (shown.c[name] for name in shown.c.keys() if name not in quote.c)  # noqa: SIM118 - of columns
    return (
        select(*shown_alone, quote)
        .join(quote, quote.c.product_id == shown.c.product_id)
        .order_by(shown.c.name, shown.c.product_id)
    )


@cache
def _offered_statement(shape: _Shape) -> Select[Any]:
    wanted = select(Product.id).where(Product.id == func.any(PRODUCTS))
    return wanted.where(*_offered(shape, usable_lists()))


_PAGES: Kept[OfferPage] = Kept(2_000)  # of some 30 kB


def offered_products(
    buyer: Buyer,
    *,
    storefront_reseller_id: UUID | None,
    category_ids: Sequence[UUID] = (),
    group_id: UUID | None = None,
    industry_id: UUID | None = None,
    search: str = "",
    cycle: BillingCycle | None = None,
    after: tuple[str, UUID] | None = None,
    shelf: Shelf | None = None,
    chosen: Sequence[UUID] = (),
    limit: int = 24,
) -> OfferPage:
    """Return a page of offers by name. A search of one character is ignored; one statement.

    `chosen` are the products of the shelf CHOSEN.
    """
    needle = folded(search).strip()
    shape = _Shape(
        is_alias=storefront_reseller_id is not None,
        is_reseller=buyer.buys_as_reseller,
        has_categories=bool(category_ids),
        has_group=group_id is not None,
        has_industry=industry_id is not None,
        has_search=len(needle) >= MIN_SEARCH,
        has_cycle=cycle is not None,
        has_after=after is not None,
        shelf=shelf,
    )
    given = parameters(buyer, current_scope().distributor_id) | {"limit": limit + 1}
    given["reseller_id"] = storefront_reseller_id
    optional = {
        "category_ids": list(category_ids),
        "group_id": group_id,
        "industry_id": industry_id,
        "search": _escaped(needle),
        "wanted_cycle": cycle,
        "product_ids": list(chosen),
        "after_name": after[0] if after else None,
        "after_id": after[1] if after else None,
    }
    key = (
        shape,
        buyer,
        storefront_reseller_id,
        tuple(category_ids),
        group_id,
        industry_id,
        needle,
        cycle,
        after,
        tuple(chosen),
        limit,
    )
    return _PAGES.of(key, lambda: _read_page(_page_statement(shape), given | optional, buyer, cycle, limit))


def _read_page(
    statement: Select[Any], given: dict[str, Any], buyer: Buyer, cycle: BillingCycle | None, limit: int
) -> OfferPage:
    rows = session.execute(statement, given).all()
    found = tuple(_offer(list(of_product), buyer, cycle) for _, of_product in groupby(rows, lambda row: row.product_id))
    return OfferPage(found[:limit], has_more=len(found) > limit)


def offered_ids(product_ids: Iterable[UUID], buyer: Buyer) -> frozenset[UUID]:
    """Return which of the products the buyer's storefront offers it: what else has a page or may go into a basket."""
    wanted = list(dict.fromkeys(product_ids))
    if not wanted:
        return frozenset()
    shape = _Shape(is_alias=buyer.reseller_id is not None, is_reseller=buyer.buys_as_reseller)
    given = parameters(buyer, current_scope().distributor_id) | {"product_ids": wanted}
    return frozenset(session.scalars(_offered_statement(shape), given))


@cache
def _offered_prices_statement(shape: _Shape) -> Select[Any]:
    lists = usable_lists()
    named = select(Product.id.label("product_id"), first_percent())
    offered = named.where(Product.id == func.any(PRODUCTS), *_offered(shape, lists))
    shown = offered.cte("offered").prefix_with("MATERIALIZED", dialect="postgresql")
    return quoted_rows(shown, lists, with_rules=shape.is_alias)


def explain_offered(product_ids: Iterable[UUID], buyer: Buyer) -> dict[PriceKey, ExplainedPrice]:
    """Explain every price of those of the products that the buyer's storefront offers it; one statement."""
    wanted = list(dict.fromkeys(product_ids))
    if not wanted:
        return {}
    shape = _Shape(is_alias=buyer.reseller_id is not None, is_reseller=buyer.buys_as_reseller)
    given = parameters(buyer, current_scope().distributor_id) | {"product_ids": wanted}
    rows = session.execute(_offered_prices_statement(shape), given)
    return {PriceKey(row.product_id, row.term, row.cycle): explained(row, buyer) for row in rows}


def offered_to(buyer: Buyer) -> tuple[tuple[ColumnElement[bool], ...], dict[str, Any]]:
    """Return the conditions under which the buyer's storefront offers a product, and the parameters they need."""
    shape = _Shape(is_alias=buyer.reseller_id is not None, is_reseller=buyer.buys_as_reseller)
    return _offered(shape, usable_lists()), parameters(buyer, current_scope().distributor_id)


@cache
def _counts_statement(shape: _Shape) -> Select[UUID | None, int]:
    counted = select(Product.category_id, func.count()).where(*_offered(shape, usable_lists()))
    return counted.where(Product.category_id.is_not(None)).group_by(Product.category_id)


_COUNTS: Kept[Mapping[UUID, int]] = Kept(2_000, by_account=False)  # the key names who pays: its lists decide


def offered_counts(buyer: Buyer) -> Mapping[UUID, int]:
    """Return how many products the buyer's storefront offers in each category itself; one statement, kept (SF-23)."""
    shape = _Shape(is_alias=buyer.reseller_id is not None, is_reseller=buyer.buys_as_reseller)
    given = parameters(buyer, current_scope().distributor_id)

    def read() -> Mapping[UUID, int]:
        rows = session.execute(_counts_statement(shape), given)
        return {category_id: number for category_id, number in rows if category_id is not None}

    key = (shape, buyer.payer_id, buyer.currency, buyer.on, buyer.lists_on, buyer.restrict_to_lists)
    return _COUNTS.of(key, read)


def _escaped(needle: str) -> str:
    """Make % and _ in a search mean themselves; the statement adds the wildcards around it."""
    return needle.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _per_month(price: Decimal, cycle: BillingCycle) -> Decimal:
    return price / max(cycle.months, 1)


def _offer(rows: Sequence[Row[Any]], buyer: Buyer, cycle: BillingCycle | None) -> Offer:
    """Choose the price an offer starts from: of the asked cycle, or of the shortest one; the lowest there is."""
    row = rows[0]
    prices = {PriceKey(row.product_id, row.term, row.cycle): explained(row, buyer).for_buyer() for row in rows}
    fitting = [key for key in prices if cycle is None or key.cycle is cycle]
    key = min(fitting, key=lambda key: (CYCLE_ORDER[key.cycle], _per_month(prices[key].unit_price, key.cycle)))
    return Offer(
        id=row.product_id,
        slug=row.slug,
        name=row.name,
        short_description=row.short_description,
        vendor=row.vendor,
        group_name=row.group_name,
        image_id=row.image_id,
        unit_of_measure=row.unit_of_measure,
        is_new=row.is_new,
        price_key=key,
        price=prices[key],
        has_more_prices=len(prices) > 1,
    )
