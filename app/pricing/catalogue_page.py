"""A page of what a storefront offers its buyer, with prices, in one statement: the page first, then price levels.

Offered is what is active, published for this kind of buyer, listed by the reseller where the storefront is one's, and
priced for the payer. Reseller plans are offered to resellers at the root alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    ScalarSelect,
    Select,
    String,
    Uuid,
    and_,
    bindparam,
    case,
    func,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.catalogue.models import BillingCycle, Product, ProductGroup, SaleMode
from app.catalogue.text import folded
from app.catalogue.units import own_base_unit, read_unit
from app.core.db import session
from app.pricing.buyers import Buyer
from app.pricing.hits import quoted_rows
from app.pricing.levels import (
    DISTRIBUTOR,
    PRODUCTS,
    first_percent,
    parameters,
    usable_lists,
)
from app.pricing.offered import Shape, Shelf, Sort, offered_conditions, on_shelf, shelf_order
from app.pricing.quotes import BuyerPrice, ExplainedPrice, PriceKey, explained
from tenants.changes import Kept
from tenants.context import current_scope
from tenants.models import DistributorSettingsRow
from tenants.settings import distributor_settings

LIMIT, OFFSET = bindparam("limit", type_=Integer()), bindparam("offset", type_=Integer())
CATEGORIES = bindparam("category_ids", type_=ARRAY(Uuid()))
GROUP = bindparam("group_id", type_=Uuid())
INDUSTRY = bindparam("industry_id", type_=Uuid())
SEARCH, NEEDLE = bindparam("search", type_=String()), bindparam("needle", type_=String())
AFTER_NAME = bindparam("after_name", type_=String())
AFTER_ID = bindparam("after_id", type_=Uuid())
CYCLE_ORDER = {cycle: position for position, cycle in enumerate(BillingCycle)}
MIN_SEARCH = 2
MOST_KEPT = 48  # offers of a page that is kept between requests


@dataclass(frozen=True, slots=True)
class Offer:
    """A product on a page of the catalogue, at the price it starts from: its base unit's, else the shortest cycle's lowest."""

    id: UUID
    slug: str
    name: str
    short_description: str
    vendor: str
    group_name: str | None
    image_id: UUID | None
    unit_of_measure: str
    is_new: bool
    price_key: PriceKey | None  # None, and no price: people ask about it, or it is not shown
    price: BuyerPrice | None
    has_more_prices: bool  # other terms or cycles can be chosen on the product's page
    hides_price: bool = False  # only the basket tells it (SF-18)


@dataclass(frozen=True, slots=True)
class OfferPage:
    """One page of offers, by name. `after` of the next page is `next_after`."""

    items: tuple[Offer, ...]
    has_more: bool

    @property
    def next_after(self) -> tuple[str, UUID] | None:
        """Where the next page begins, or None at the end."""
        return (self.items[-1].name, self.items[-1].id) if self.has_more and self.items else None


def _usual_unit() -> ScalarSelect[str | None]:
    """Return the distributor's base unit, as its settings write it."""
    row = DistributorSettingsRow
    return select(row.values["base_unit"].as_string()).where(row.distributor_id == DISTRIBUTOR).scalar_subquery()


@cache
def _page_statement(shape: Shape) -> Select[Any]:
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
            product.base_term,
            product.base_cycle,
            product.sale,
            product.shows_price,
            _usual_unit().label("usual_unit"),
            first_percent(),
        )
        .outerjoin(group, and_(group.distributor_id == DISTRIBUTOR, group.id == product.group_id))
        .where(*offered_conditions(shape, lists))
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
        page = page.where(on_shelf(shape.shelf, shape))
    if shape.has_after:
        page = page.where(tuple_(product.name, product.id) > tuple_(AFTER_NAME, AFTER_ID))
    parts = (*shelf_order(shape.shelf, shape), *_sort_order(shape.sort))
    first = [part.label(f"by_{number}") for number, part in enumerate(parts)]
    ordered = page.add_columns(*first).order_by(*first, product.name, product.id).limit(LIMIT)
    if shape.sort is not None:
        ordered = ordered.offset(OFFSET)
    shown = ordered.cte("page").prefix_with("MATERIALIZED", dialect="postgresql")
    quote = quoted_rows(shown, lists, with_rules=shape.is_alias).subquery("quote")
    shown_alone = (shown.c[name] for name in shown.c.keys() if name not in quote.c)  # noqa: SIM118 - of columns
    return (
        select(shown.c.product_id.label("shown_id"), *shown_alone, quote)
        .outerjoin(quote, quote.c.product_id == shown.c.product_id)
        .order_by(*(shown.c[part.name] for part in first), shown.c.name, shown.c.product_id)
    )


def _sort_order(sort: Sort | None) -> tuple[ColumnElement[Any], ...]:
    """Return what a search is ordered by before the name, each ascending."""
    match sort:
        case Sort.RELEVANCE:
            text = Product.search_text
            begins_word = func.strpos(text, func.concat(" ", NEEDLE)) > 0
            return (case((func.starts_with(text, NEEDLE), 0), (begins_word, 1), else_=2),)
        case Sort.NEWEST:
            return (-func.extract("epoch", func.coalesce(Product.published_at, Product.created_at)),)
        case _:
            return ()


@cache
def _offered_statement(shape: Shape) -> Select[Any]:
    wanted = select(Product.id).where(Product.id == func.any(PRODUCTS))
    return wanted.where(*offered_conditions(shape, usable_lists()))


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
    without_add_ons: bool = False,
    sort: Sort | None = None,
    offset: int = 0,
    limit: int = 24,
) -> OfferPage:
    """Return a page of offers by name. A search of one character is ignored; one statement.

    `chosen` are the products of the shelf CHOSEN. With `sort` a page is found by its offset; by price it is not sorted
    here (`app.pricing.search`).
    """
    needle = folded(search).strip()
    since = new_since(buyer) if shelf is Shelf.NEW else None
    shape = Shape(
        is_alias=storefront_reseller_id is not None,
        is_reseller=buyer.buys_as_reseller,
        has_categories=bool(category_ids),
        has_group=group_id is not None,
        has_industry=industry_id is not None,
        has_search=len(needle) >= MIN_SEARCH,
        has_cycle=cycle is not None,
        has_after=after is not None,
        without_add_ons=without_add_ons,
        sort=sort,
        is_list=True,
        shelf=shelf,
    )
    given = parameters(buyer, current_scope().distributor_id) | {"limit": limit + 1}
    given["reseller_id"] = storefront_reseller_id
    optional = {
        "category_ids": list(category_ids),
        "group_id": group_id,
        "industry_id": industry_id,
        "search": _escaped(needle),
        "needle": needle,
        "offset": offset,
        "wanted_cycle": cycle,
        "product_ids": list(chosen),
        "new_since": since,
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
        offset,
        limit,
    )

    def read() -> OfferPage:
        return _read_page(_page_statement(shape), given | optional, buyer, cycle, limit)

    return _PAGES.of(key, read) if limit <= MOST_KEPT else read()


def new_since(buyer: Buyer) -> datetime:
    """Return from when on what was published is new; with 0 days nothing is, but what is marked."""
    days = distributor_settings().new_days
    return datetime.combine(buyer.on + (timedelta(days=-days) if days else timedelta(days=1)), time(), UTC)


def _read_page(
    statement: Select[Any], given: dict[str, Any], buyer: Buyer, cycle: BillingCycle | None, limit: int
) -> OfferPage:
    rows = session.execute(statement, given).all()
    found = tuple(_offer(list(of_product), buyer, cycle) for _, of_product in groupby(rows, lambda row: row.shown_id))
    return OfferPage(found[:limit], has_more=len(found) > limit)


def offered_ids(product_ids: Iterable[UUID], buyer: Buyer) -> frozenset[UUID]:
    """Return which of the products the buyer's storefront offers it: what else has a page or may go into a basket."""
    wanted = list(dict.fromkeys(product_ids))
    if not wanted:
        return frozenset()
    shape = Shape(is_alias=buyer.reseller_id is not None, is_reseller=buyer.buys_as_reseller)
    given = parameters(buyer, current_scope().distributor_id) | {"product_ids": wanted}
    return frozenset(session.scalars(_offered_statement(shape), given))


@cache
def _offered_prices_statement(shape: Shape) -> Select[Any]:
    lists = usable_lists()
    named = select(Product.id.label("product_id"), first_percent())
    offered = named.where(Product.id == func.any(PRODUCTS), *offered_conditions(shape, lists))
    shown = offered.cte("offered").prefix_with("MATERIALIZED", dialect="postgresql")
    return quoted_rows(shown, lists, with_rules=shape.is_alias)


def explain_offered(product_ids: Iterable[UUID], buyer: Buyer) -> dict[PriceKey, ExplainedPrice]:
    """Explain every price of those of the products that the buyer's storefront offers it; one statement."""
    wanted = list(dict.fromkeys(product_ids))
    if not wanted:
        return {}
    shape = Shape(is_alias=buyer.reseller_id is not None, is_reseller=buyer.buys_as_reseller)
    given = parameters(buyer, current_scope().distributor_id) | {"product_ids": wanted}
    rows = session.execute(_offered_prices_statement(shape), given)
    return {PriceKey(row.product_id, row.term, row.cycle): explained(row, buyer) for row in rows}


def offered_to(buyer: Buyer) -> tuple[tuple[ColumnElement[bool], ...], dict[str, Any]]:
    """Return the conditions under which the buyer's storefront offers a product, and the parameters they need."""
    shape = Shape(is_alias=buyer.reseller_id is not None, is_reseller=buyer.buys_as_reseller)
    return offered_conditions(shape, usable_lists()), parameters(buyer, current_scope().distributor_id)


def _escaped(needle: str) -> str:
    """Make % and _ in a search mean themselves; the statement adds the wildcards around it."""
    return needle.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def per_month(price: Decimal, cycle: BillingCycle) -> Decimal:
    """Return what a month costs; what is paid once counts as it is."""
    return price / max(cycle.months, 1)


def _offer(rows: Sequence[Row[Any]], buyer: Buyer, cycle: BillingCycle | None) -> Offer:
    """Choose the price an offer starts from: of its base unit, else of the asked or the shortest cycle the lowest."""
    row = rows[0]
    is_priced = row.product_id is not None and row.sale is not SaleMode.ENQUIRY
    is_told = is_priced and row.shows_price
    prices = {
        PriceKey(each.product_id, each.term, each.cycle): explained(each, buyer).for_buyer()
        for each in (rows if is_told else ())
    }
    key = _first_key(row, prices, cycle) if is_told else None
    return Offer(
        id=row.shown_id,
        slug=row.slug,
        name=row.name,
        short_description=row.short_description,
        vendor=row.vendor,
        group_name=row.group_name,
        image_id=row.image_id,
        unit_of_measure=row.unit_of_measure,
        is_new=row.is_new,
        hides_price=is_priced and not row.shows_price,
        price_key=key,
        price=prices[key] if key is not None else None,
        has_more_prices=len(prices) > 1,
    )


def _first_key(row: Row[Any], prices: Mapping[PriceKey, BuyerPrice], cycle: BillingCycle | None) -> PriceKey:
    base = own_base_unit(row) or read_unit(row.usual_unit)
    if cycle is None and base is not None and (named := PriceKey(row.product_id, base.term, base.cycle)) in prices:
        return named
    fitting = [key for key in prices if cycle is None or key.cycle is cycle]
    return min(fitting, key=lambda key: (CYCLE_ORDER[key.cycle], per_month(prices[key].unit_price, key.cycle)))
