"""What a storefront sells, as programs list it: filtered, sorted, with every price of each product (BC-33).

Three statements whatever the page: how many, which, and their prices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from app.catalogue.errors import ProductNotFound
from app.catalogue.models import Category, Product, ProductGroup, SaleMode
from app.core.criteria import EVERYTHING, Criteria, Kind, Property, in_order, narrowed
from app.core.db import session
from app.pricing.catalogue_page import offered_to
from app.pricing.offered import BEGUN_WITH
from app.pricing.quotes import Buyer, BuyerPrice, PriceKey, buyer_prices

COLUMNS = (
    Product.id,
    Product.code,
    Product.slug,
    Product.name,
    Product.short_description,
    Product.vendor,
    Category.name.label("category"),
    ProductGroup.name.label("group"),
    Product.unit_of_measure,
    Product.min_quantity,
    Product.max_quantity,
    Product.step_quantity,
    Product.is_add_on,
    Product.sale,
)
ASSORTMENT_PROPERTIES = {
    "id": Property(Product.id, Kind.ID),
    "code": Property(Product.code),
    "slug": Property(Product.slug),
    "name": Property(Product.name),
    "vendor": Property(Product.vendor),
    "category": Property(Category.name),
    "group": Property(ProductGroup.name),
    "is_add_on": Property(Product.is_add_on, Kind.YES_NO),
}  # what programs may name (BC-32)


@dataclass(frozen=True, slots=True)
class SoldProduct:
    """A product as its buyer sees it, with all its prices."""

    id: UUID
    code: str
    slug: str
    name: str
    short_description: str
    vendor: str
    category: str | None
    group: str | None
    unit_of_measure: str
    min_quantity: int
    max_quantity: int | None
    step_quantity: int
    is_add_on: bool
    sale: SaleMode
    prices: tuple[tuple[PriceKey, BuyerPrice], ...]


def list_sold(
    buyer: Buyer, *, limit: int, offset: int = 0, criteria: Criteria = EVERYTHING
) -> tuple[Sequence[SoldProduct], int]:
    """Return a page of what the buyer's storefront sells, by name unless said otherwise, and how much that is in all."""
    conditions, given = offered_to(buyer)
    conditions = (*conditions, Product.sale.in_(BEGUN_WITH))  # nobody begins with it
    counted = narrowed(_joined(select(func.count()).select_from(Product)), criteria, ASSORTMENT_PROPERTIES)
    total = session.scalar(counted.where(*conditions), given) or 0
    statement = narrowed(_joined(select(*COLUMNS)), criteria, ASSORTMENT_PROPERTIES).where(*conditions)
    statement = in_order(statement, criteria, ASSORTMENT_PROPERTIES, otherwise=(Product.name, Product.id))
    rows = session.execute(statement.limit(limit).offset(offset), given).mappings().all()
    return _priced(rows, buyer), total


def get_sold(product_id: UUID, buyer: Buyer) -> SoldProduct:
    """Return one product; raises ProductNotFound for what this buyer is not offered."""
    conditions, given = offered_to(buyer)
    statement = _joined(select(*COLUMNS)).where(*conditions, Product.id == product_id)
    rows = session.execute(statement, given).mappings().all()
    if not rows:
        raise ProductNotFound(product_id)
    return _priced(rows, buyer)[0]


def _joined(statement: Any) -> Any:
    return statement.outerjoin(
        Category, (Category.distributor_id == Product.distributor_id) & (Category.id == Product.category_id)
    ).outerjoin(
        ProductGroup,
        (ProductGroup.distributor_id == Product.distributor_id) & (ProductGroup.id == Product.group_id),
    )


def _priced(rows: Sequence[Any], buyer: Buyer) -> Sequence[SoldProduct]:
    found = buyer_prices([row["id"] for row in rows], buyer) if rows else {}
    by_product: dict[UUID, list[tuple[PriceKey, BuyerPrice]]] = {row["id"]: [] for row in rows}
    for key, price in sorted(found.items(), key=lambda pair: (pair[0].term.value, pair[0].cycle.value)):
        by_product[key.product_id].append((key, price))
    return [
        SoldProduct(**row, prices=() if row["sale"] is SaleMode.ENQUIRY else tuple(by_product[row["id"]]))
        for row in rows
    ]
