"""The supplier catalogue in a reseller's administration: what the distributor offers it, listed or not (RS-18).

Everything here runs in the reseller's scope with its price lists named, and shows cost: it is for staff alone.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true

from app.catalogue.models import Category, Product, ProductKind, ProductType
from app.catalogue.text import folded
from app.core.db import session
from app.core.errors import NotFound
from app.pricing.levels import DISTRIBUTOR, ONE, RESELLER, parameters, usable_lists
from app.pricing.offered import available_to_reseller
from app.pricing.quotes import Buyer, ExplainedPrice, PriceKey, explain_products
from app.resellers.models import Listing
from tenants.context import current_scope

MIN_SEARCH = 2
LISTS = usable_lists()


class Tab(enum.Enum):
    """Which part of the section is looked at."""

    UNLISTED = "unlisted"
    LISTED = "listed"


class Sort(enum.Enum):
    """What the table is ordered by; names break ties."""

    NAME = "name"
    CODE = "code"
    VENDOR = "vendor"
    CATEGORY = "category"
    KIND = "kind"
    LISTED_AT = "listed_at"


@dataclass(frozen=True, slots=True)
class SectionFilter:
    """What the table shows. A search of one character is ignored; an unknown category gives an empty table."""

    tab: Tab = Tab.UNLISTED
    category: str = ""  # slug; with everything below it
    only_new: bool = False
    search: str = ""
    sort: Sort = Sort.NAME
    is_descending: bool = False

    @property
    def needle(self) -> str:
        """The search as it is looked for, or nothing."""
        found = folded(self.search)
        return found if len(found) >= MIN_SEARCH else ""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts of what is available, whatever the filter. All = listed + unlisted, always."""

    listed: int
    unlisted: int

    @property
    def all(self) -> int:
        """How many products the distributor makes available."""
        return self.listed + self.unlisted


@dataclass(frozen=True, slots=True)
class SectionPrice:
    """A term and cycle of a product: cost, and what it is sold for."""

    key: PriceKey
    quote: ExplainedPrice

    @property
    def is_below_cost(self) -> bool:
        """Whether a special price has fallen below the cost, which is charged instead (RS-20)."""
        return self.quote.is_special and self.quote.floor_applied


@dataclass(frozen=True, slots=True)
class SectionRow:
    """One product of the section."""

    product_id: UUID
    name: str
    code: str
    vendor: str
    kind: ProductKind
    category_name: str | None
    image_id: UUID | None
    unit_of_measure: str
    is_add_on: bool
    is_new: bool
    trial_days: int | None
    trial_months: int | None
    is_listed: bool
    is_available: bool  # False: withdrawn by the distributor; kept in the listed tab, not sold, not counted
    trial_enabled: bool
    prices: tuple[SectionPrice, ...] = field(default=())

    @property
    def is_below_cost(self) -> bool:
        """Whether any special price has fallen below its cost."""
        return any(price.is_below_cost for price in self.prices)


@dataclass(frozen=True, slots=True)
class CategoryTag:
    """A category one may filter by."""

    slug: str
    name: str
    depth: int


_AVAILABLE = and_(*available_to_reseller(LISTS))
_MINE = (  # the reseller's listing of a product; LIMIT keeps it a look-up by key
    select(Listing.id, Listing.trial_enabled, Listing.listed_at)
    .where(
        Listing.distributor_id == DISTRIBUTOR,
        Listing.reseller_id == RESELLER,
        Listing.product_id == Product.id,
    )
    .limit(ONE)
    .lateral("mine")
)
_NOT_A_PLAN = and_(Product.plan_edition.is_(None), ProductType.kind != ProductKind.RESELLER_PLAN)
_STATISTICS = (
    select(func.count(_MINE.c.id), func.count()).select_from(Product).outerjoin(_MINE, true()).where(_AVAILABLE)
)
_ROWS: Select[*tuple[Any, ...]] = (
    select(
        Product.id,
        Product.name,
        Product.code,
        Product.vendor,
        ProductType.kind,
        Category.name.label("category_name"),
        Product.image_id,
        Product.unit_of_measure,
        Product.is_add_on,
        Product.is_new,
        Product.trial_days,
        Product.trial_months,
        _MINE.c.id.is_not(None).label("is_listed"),
        _AVAILABLE.label("is_available"),
        func.coalesce(_MINE.c.trial_enabled, True).label("trial_enabled"),
    )
    .join(
        ProductType,
        and_(ProductType.distributor_id == DISTRIBUTOR, ProductType.id == Product.product_type_id),
    )
    .outerjoin(Category, and_(Category.distributor_id == DISTRIBUTOR, Category.id == Product.category_id))
    .outerjoin(_MINE, true())
    .where(Product.distributor_id == DISTRIBUTOR)
)
_ORDER: dict[Sort, ColumnElement[Any]] = {
    Sort.NAME: Product.name.expression,
    Sort.CODE: Product.code_key.expression,
    Sort.VENDOR: Product.vendor.expression,
    Sort.CATEGORY: Category.name.expression,
    Sort.KIND: ProductType.kind.expression,
    Sort.LISTED_AT: _MINE.c.listed_at,
}


def statistics(buyer: Buyer) -> Statistics:
    """Count what the reseller may list, and what it has listed of it; no filter plays a part."""
    listed, available = session.execute(_STATISTICS, _given(buyer)).one()
    return Statistics(listed=listed, unlisted=available - listed)


def _given(buyer: Buyer) -> dict[str, Any]:
    return parameters(buyer, current_scope().distributor_id)


def category_tags() -> tuple[CategoryTag, ...]:
    """Return the distributor's visible categories, each below its parent, in the order of the storefront."""
    found = session.execute(
        select(Category.id, Category.parent_id, Category.slug, Category.name)
        .where(Category.distributor_id == current_scope().distributor_id, Category.is_visible)
        .order_by(Category.position, Category.name)
    ).all()

    def below(parent_id: UUID | None, depth: int) -> list[CategoryTag]:
        tags = []
        for row in found:
            if row.parent_id == parent_id:
                tags += [CategoryTag(row.slug, row.name, depth), *below(row.id, depth + 1)]
        return tags

    return tuple(below(None, 0))


def _category_ids(slug: str) -> list[UUID]:
    """Return a category with everything below it; nothing for an unknown one."""
    mine = Category.distributor_id == current_scope().distributor_id
    top = select(Category.id).where(mine, Category.slug == slug).cte("branch", recursive=True)
    branch = top.union(select(Category.id).join(top, Category.parent_id == top.c.id).where(mine))
    return list(session.scalars(select(branch.c.id)))


def _filtered(wanted: SectionFilter) -> Select[*tuple[Any, ...]]:
    """Return the rows of a filter. The listed tab keeps what the distributor has withdrawn, flagged."""
    statement: Select[*tuple[Any, ...]]
    if wanted.tab is Tab.LISTED:
        statement = _ROWS.where(_MINE.c.id.is_not(None), _NOT_A_PLAN)
    else:
        statement = _ROWS.where(_MINE.c.id.is_(None), _AVAILABLE)
    if wanted.category:
        statement = statement.where(Product.category_id.in_(_category_ids(wanted.category)))
    if wanted.only_new:
        statement = statement.where(Product.is_new)
    if wanted.needle:
        statement = statement.where(Product.search_text.contains(wanted.needle, autoescape=True))
    return statement


def count_rows(wanted: SectionFilter, buyer: Buyer) -> int:
    """Count the products of a filter."""
    statement = _filtered(wanted).with_only_columns(func.count(), maintain_column_froms=True)
    return session.scalar(statement, _given(buyer)) or 0


def matching_ids(wanted: SectionFilter, buyer: Buyer, *, limit: int) -> list[UUID]:
    """Return the products of a filter, for "all N matching"."""
    statement = _filtered(wanted).with_only_columns(Product.id, maintain_column_froms=True)
    return list(session.scalars(statement.order_by(Product.name, Product.id).limit(limit), _given(buyer)))


def list_rows(wanted: SectionFilter, buyer: Buyer, *, offset: int = 0, limit: int) -> tuple[SectionRow, ...]:
    """Return part of the table with every price, in two statements; the price is what everybody pays."""
    order = _ORDER[wanted.sort]
    statement = (
        _filtered(wanted)
        .order_by(order.desc().nulls_last() if wanted.is_descending else order, Product.name, Product.id)
        .offset(offset)
        .limit(limit)
    )
    return _with_prices([SectionRow(*row) for row in session.execute(statement, _given(buyer))], buyer)


def get_row(product_id: UUID, buyer: Buyer) -> SectionRow:
    """Return one product that is available or listed, with its prices; raises NotFound."""
    statement = _ROWS.where(Product.id == product_id, _NOT_A_PLAN, or_(_AVAILABLE, _MINE.c.id.is_not(None)))
    row = session.execute(statement, _given(buyer)).one_or_none()
    if row is None:
        raise NotFound("There is no such product in your supplier's catalogue")
    return _with_prices([SectionRow(*row)], buyer)[0]


def _with_prices(rows: Sequence[SectionRow], buyer: Buyer) -> tuple[SectionRow, ...]:
    found: dict[UUID, list[SectionPrice]] = {}
    for key, quote in explain_products([row.product_id for row in rows], buyer).items():
        found.setdefault(key.product_id, []).append(SectionPrice(key, quote))
    for prices in found.values():
        prices.sort(key=lambda price: (price.key.cycle.months, price.key.term.months))
    return tuple(replace(row, prices=tuple(found.get(row.product_id, ()))) for row in rows)
