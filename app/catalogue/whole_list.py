"""All products for programs of the back office, with their list prices; vendor cost is not among them (BC-32)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from app.catalogue.errors import ProductNotFound
from app.catalogue.models import Audience, Category, Product, ProductGroup, ProductPrice, ProductType
from app.core.criteria import EVERYTHING, Criteria, Kind, Property, in_order, narrowed
from app.core.db import session
from tenants.context import current_scope

PRODUCT_PROPERTIES = {
    "id": Property(Product.id, Kind.ID),
    "code": Property(Product.code),
    "name": Property(Product.name),
    "vendor": Property(Product.vendor),
    "product_type": Property(ProductType.name),
    "category": Property(Category.name),
    "group": Property(ProductGroup.name),
    "segment": Property(Product.segment),
    "audience": Property(Product.audience, choices=Audience),
    "is_add_on": Property(Product.is_add_on, Kind.YES_NO),
    "is_published": Property(Product.is_published, Kind.YES_NO),
    "is_active": Property(Product.is_active, Kind.YES_NO),
    "created_at": Property(Product.created_at, Kind.INSTANT),
    "updated_at": Property(Product.updated_at, Kind.INSTANT),
}  # what programs may name


@dataclass(frozen=True, slots=True)
class WholeProduct:
    """A product with the names of where it stands and its list prices."""

    product: Product
    product_type: str
    category: str | None
    group: str | None
    prices: tuple[ProductPrice, ...]


def list_products(
    *, limit: int, offset: int = 0, criteria: Criteria = EVERYTHING
) -> tuple[Sequence[WholeProduct], int]:
    """Return a page of all products, by name unless said otherwise, and how many there are; three statements."""
    counted = narrowed(_joined(select(func.count()).select_from(Product)), criteria, PRODUCT_PROPERTIES)
    statement = in_order(
        narrowed(_joined(_rows()), criteria, PRODUCT_PROPERTIES),
        criteria,
        PRODUCT_PROPERTIES,
        otherwise=(Product.name, Product.id),
    )
    found = session.execute(statement.limit(limit).offset(offset)).all()
    return _with_prices(found), session.scalar(counted) or 0


def get_whole_product(product_id: UUID) -> WholeProduct:
    """Return one product; raises ProductNotFound."""
    found = session.execute(_joined(_rows()).where(Product.id == product_id)).all()
    if not found:
        raise ProductNotFound(product_id)
    return _with_prices(found)[0]


def _rows() -> Any:
    return select(Product, ProductType.name, Category.name, ProductGroup.name)


def _joined(statement: Any) -> Any:
    return (
        statement.join(
            ProductType,
            (ProductType.distributor_id == Product.distributor_id) & (ProductType.id == Product.product_type_id),
        )
        .outerjoin(Category, (Category.distributor_id == Product.distributor_id) & (Category.id == Product.category_id))
        .outerjoin(
            ProductGroup,
            (ProductGroup.distributor_id == Product.distributor_id) & (ProductGroup.id == Product.group_id),
        )
        .where(Product.distributor_id == current_scope().distributor_id)
    )


def _with_prices(rows: Sequence[Any]) -> Sequence[WholeProduct]:
    by_product: dict[UUID, list[ProductPrice]] = {row[0].id: [] for row in rows}
    if by_product:
        statement = (
            select(ProductPrice)
            .where(
                ProductPrice.distributor_id == current_scope().distributor_id,
                ProductPrice.product_id.in_(by_product),
                ProductPrice.is_withdrawn.is_(False),
            )
            .order_by(ProductPrice.currency, ProductPrice.term, ProductPrice.cycle)
        )
        for price in session.scalars(statement):
            by_product[price.product_id].append(price)
    return [
        WholeProduct(product, product_type, category, group, tuple(by_product[product.id]))
        for product, product_type, category, group in rows
    ]
