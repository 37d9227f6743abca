"""The list of products in BSS: what it can be narrowed to, its pages, and all of it for an export."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, select

from app.catalogue.models import Category, Product, ProductGroup, ProductPrice, ProductType, VendorCost
from app.catalogue.queries import cost_of_price
from app.catalogue.text import folded
from app.core.db import session
from tenants.context import current_scope

SHORTEST_SEARCH = 2
EXPORT_CHUNK = 500


class ProductState(enum.Enum):
    """What a list of products in BSS can be narrowed to."""

    PUBLISHED = "published"
    UNPUBLISHED = "unpublished"
    INACTIVE = "inactive"
    NEW = "new"
    FEATURED = "featured"
    POPULAR = "popular"  # picked by hand
    RETIRED = "retired"  # gone from its vendor's feed (CB-15)


STATES: dict[ProductState, ColumnElement[bool]] = {
    ProductState.PUBLISHED: and_(Product.is_active, Product.is_published),
    ProductState.UNPUBLISHED: and_(Product.is_active, Product.is_published.is_(False)),
    ProductState.INACTIVE: Product.is_active.is_(False),
    ProductState.NEW: and_(Product.is_active, Product.is_new),
    ProductState.FEATURED: and_(Product.is_active, Product.is_featured),
    ProductState.POPULAR: and_(Product.is_active, Product.is_popular),
    ProductState.RETIRED: Product.retired_at.is_not(None),
}


@dataclass(frozen=True, slots=True)
class ProductFilter:
    """Which products of the distributor; `search` looks into name, code, vendor and group, from two characters."""

    search: str = ""
    vendor: str | None = None
    category_id: UUID | None = None
    product_type_id: UUID | None = None
    segment: str | None = None
    price_group_id: UUID | None = None
    state: ProductState | None = None
    priced_in: str | None = None  # only those with a list price in this currency

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the filter as conditions on `Product`, for a page, a count, or an INSERT … SELECT."""
        found: list[ColumnElement[bool]] = [Product.distributor_id == current_scope().distributor_id]
        found += [Product.search_text.contains(word, autoescape=True) for word in self._words()]
        if self.vendor is not None:
            found.append(Product.vendor == self.vendor)
        if self.category_id is not None:
            found.append(Product.category_id == self.category_id)
        if self.product_type_id is not None:
            found.append(Product.product_type_id == self.product_type_id)
        if self.segment is not None:
            found.append(Product.segment == self.segment)
        if self.price_group_id is not None:
            found.append(Product.price_group_id == self.price_group_id)
        if self.state is not None:
            found.append(STATES[self.state])
        if self.priced_in is not None:
            found.append(
                select(ProductPrice.id)
                .where(
                    ProductPrice.distributor_id == Product.distributor_id,
                    ProductPrice.product_id == Product.id,
                    ProductPrice.currency == self.priced_in,
                    ProductPrice.is_withdrawn.is_(False),
                )
                .correlate(Product)
                .exists()
            )
        return found

    def _words(self) -> list[str]:
        wanted = folded(self.search)
        return wanted.split() if len(wanted) >= SHORTEST_SEARCH else []


def list_products(wanted: ProductFilter, *, limit: int, offset: int = 0) -> Sequence[Product]:
    """Return one page of the distributor's products by name."""
    statement = select(Product).where(*wanted.conditions()).order_by(Product.name, Product.id)
    return session.scalars(statement.limit(limit).offset(offset)).all()


def count_products(wanted: ProductFilter) -> int:
    """Return how many products the filter finds."""
    return session.scalar(select(func.count()).select_from(Product).where(*wanted.conditions())) or 0


@dataclass(frozen=True, slots=True)
class ExportedPrice:
    """One price of one product for an export of the list."""

    product: Product
    type_name: str
    category_name: str | None
    group_name: str | None
    price: ProductPrice | None
    vendor_cost: Decimal | None


def export_products(wanted: ProductFilter) -> Iterator[ExportedPrice]:
    """Return every product of the filter with each of its prices, some hundred rows at a time."""
    statement = (
        select(Product, ProductType.name, Category.name, ProductGroup.name, ProductPrice, VendorCost.vendor_cost)
        .join(
            ProductType,
            and_(ProductType.distributor_id == Product.distributor_id, ProductType.id == Product.product_type_id),
        )
        .outerjoin(
            Category, and_(Category.distributor_id == Product.distributor_id, Category.id == Product.category_id)
        )
        .outerjoin(
            ProductGroup,
            and_(ProductGroup.distributor_id == Product.distributor_id, ProductGroup.id == Product.group_id),
        )
        .outerjoin(
            ProductPrice,
            and_(ProductPrice.distributor_id == Product.distributor_id, ProductPrice.product_id == Product.id),
        )
        .outerjoin(VendorCost, cost_of_price())
        .where(*wanted.conditions())
        .order_by(Product.name, Product.id, ProductPrice.currency, ProductPrice.term, ProductPrice.cycle)
        .execution_options(yield_per=EXPORT_CHUNK)
    )
    for row in session.execute(statement):
        yield ExportedPrice(*row)


def list_vendors() -> Sequence[str]:
    """Return the vendors of the distributor's products by name."""
    return session.scalars(_distinct(Product.vendor)).all()


def list_segments() -> Sequence[str]:
    """Return the segments of the distributor's products by name."""
    return session.scalars(_distinct(Product.segment)).all()


def _distinct(column: Any) -> Select[Any]:
    return (
        select(column)
        .where(Product.distributor_id == current_scope().distributor_id, column != "")
        .distinct()
        .order_by(column)
    )
