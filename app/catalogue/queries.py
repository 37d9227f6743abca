"""Reads of the catalogue. Prices for buyers are not here: they are `app.pricing`'s."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from app.catalogue.attachments.models import StoredImage
from app.catalogue.errors import CategoryNotFound, ProductNotFound, ProductTypeNotFound
from app.catalogue.models import (
    BillingCycle,
    Category,
    Product,
    ProductGroup,
    ProductPrice,
    ProductType,
    Term,
    VendorCost,
)
from app.core.db import session
from tenants.context import current_scope


@dataclass(frozen=True, slots=True)
class PricePoint:
    """One price key of a product as BSS sees it: per cycle and unit, and the sheet's amount for the whole term."""

    term: Term
    cycle: BillingCycle
    currency: str
    list_price: Decimal
    term_list_price: Decimal | None
    vendor_cost: Decimal | None
    term_vendor_cost: Decimal | None
    is_withdrawn: bool
    is_manual: bool
    setup_fee: Decimal = Decimal(0)
    protection_months: int = 0


def find_product(product_id: UUID) -> Product | None:
    """Return a product of the distributor, published or not, or None."""
    return session.scalar(_products().where(Product.id == product_id))


def get_product(product_id: UUID) -> Product:
    """Return a product of the distributor, published or not; raises ProductNotFound."""
    found = find_product(product_id)
    if found is None:
        raise ProductNotFound(product_id)
    return found


def products_by_code(codes: Iterable[str]) -> dict[str, Product]:
    """Return the products of some codes by their code in lower case; what there is not is missing."""
    wanted = {code.strip().lower() for code in codes}
    return {each.code_key: each for each in session.scalars(_products().where(Product.code_key.in_(wanted)))}


def products_by_id(product_ids: Collection[UUID]) -> dict[UUID, Product]:
    """Return products by id; no statement for none."""
    if not product_ids:
        return {}
    return {each.id: each for each in session.scalars(_products().where(Product.id.in_(product_ids)))}


def products_with_types(product_ids: Collection[UUID]) -> dict[UUID, tuple[Product, ProductType]]:
    """Return products with their types, by the product's id; one statement."""
    rows = session.execute(
        select(Product, ProductType)
        .join(
            ProductType,
            (ProductType.distributor_id == Product.distributor_id) & (ProductType.id == Product.product_type_id),
        )
        .where(Product.distributor_id == current_scope().distributor_id, Product.id.in_(product_ids))
    )
    return {product.id: (product, product_type) for product, product_type in rows}


def cost_of_price() -> ColumnElement[bool]:
    """Return the condition that joins a list price to what the vendor takes for it."""
    return and_(
        VendorCost.distributor_id == ProductPrice.distributor_id,
        VendorCost.product_id == ProductPrice.product_id,
        VendorCost.term == ProductPrice.term,
        VendorCost.cycle == ProductPrice.cycle,
        VendorCost.currency == ProductPrice.currency,
    )


def price_points(product_id: UUID) -> Sequence[PricePoint]:
    """Return all prices of a product with the vendor's cost; needs the distributor's scope."""
    statement = (
        select(ProductPrice, VendorCost)
        .outerjoin(VendorCost, cost_of_price())
        .where(ProductPrice.distributor_id == current_scope().distributor_id, ProductPrice.product_id == product_id)
        .order_by(ProductPrice.currency, ProductPrice.term, ProductPrice.cycle)
    )
    found: Sequence[tuple[ProductPrice, VendorCost | None]] = [(row[0], row[1]) for row in session.execute(statement)]
    return [
        PricePoint(
            term=price.term,
            cycle=price.cycle,
            currency=price.currency,
            list_price=price.list_price,
            term_list_price=price.term_list_price,
            vendor_cost=cost.vendor_cost if cost is not None else None,
            term_vendor_cost=cost.term_vendor_cost if cost is not None else None,
            is_withdrawn=price.is_withdrawn,
            is_manual=price.is_manual,
            setup_fee=price.setup_fee,
            protection_months=price.protection_months,
        )
        for price, cost in found
    ]


def get_product_type(type_id: UUID) -> ProductType:
    """Return a product type; raises ProductTypeNotFound."""
    found = session.scalar(
        select(ProductType).where(
            ProductType.distributor_id == current_scope().distributor_id, ProductType.id == type_id
        )
    )
    if found is None:
        raise ProductTypeNotFound(type_id)
    return found


def get_product_type_for_update(type_id: UUID) -> ProductType:
    """Return a product type, locked until the caller commits; raises ProductTypeNotFound."""
    found = session.scalar(
        select(ProductType)
        .where(ProductType.distributor_id == current_scope().distributor_id, ProductType.id == type_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise ProductTypeNotFound(type_id)
    return found


@dataclass(frozen=True, slots=True)
class TypeWithCount:
    """A product type and how many products it has."""

    product_type: ProductType
    products: int


def list_product_types(search: str = "") -> Sequence[TypeWithCount]:
    """Return the distributor's product types by name."""
    products = (
        select(func.count())
        .select_from(Product)
        .where(Product.distributor_id == ProductType.distributor_id, Product.product_type_id == ProductType.id)
        .scalar_subquery()
    )
    statement = select(ProductType, products).where(ProductType.distributor_id == current_scope().distributor_id)
    if search.strip():
        like = f"%{search.strip()}%"
        statement = statement.where(or_(ProductType.name.ilike(like), ProductType.vendor.ilike(like)))
    return [TypeWithCount(*row) for row in session.execute(statement.order_by(ProductType.name))]


def get_category(category_id: UUID) -> Category:
    """Return a category; raises CategoryNotFound."""
    found = session.scalar(
        select(Category).where(Category.distributor_id == current_scope().distributor_id, Category.id == category_id)
    )
    if found is None:
        raise CategoryNotFound(category_id)
    return found


@dataclass(frozen=True, slots=True)
class CategoryLine:
    """A category in its place in the tree; `depth` is 1 for the top."""

    category: Category
    depth: int
    products: int  # of the category itself
    published: int


def category_lines() -> Sequence[CategoryLine]:
    """Return the whole tree, each category before its children, with counts. One statement."""
    scope_id = current_scope().distributor_id
    counts = (
        select(
            Product.category_id,
            func.count().label("products"),
            func.count().filter(and_(Product.is_published, Product.is_active)).label("published"),
        )
        .where(Product.distributor_id == scope_id)
        .group_by(Product.category_id)
        .subquery()
    )
    rows = session.execute(
        select(Category, func.coalesce(counts.c.products, 0), func.coalesce(counts.c.published, 0))
        .outerjoin(counts, counts.c.category_id == Category.id)
        .where(Category.distributor_id == scope_id)
        .order_by(Category.position, Category.name)
    ).all()
    found: list[CategoryLine] = []

    def walk(parent_id: UUID | None, depth: int) -> None:
        for category, products, published in rows:
            if category.parent_id == parent_id:
                found.append(CategoryLine(category, depth, products, published))
                walk(category.id, depth + 1)

    walk(None, 1)
    return found


def list_groups() -> Sequence[ProductGroup]:
    """Return the distributor's product groups by name."""
    return session.scalars(
        select(ProductGroup)
        .where(ProductGroup.distributor_id == current_scope().distributor_id)
        .order_by(ProductGroup.name)
    ).all()


def find_image(image_id: UUID) -> StoredImage | None:
    """Return a stored picture, or None."""
    return session.scalar(
        select(StoredImage).where(
            StoredImage.distributor_id == current_scope().distributor_id, StoredImage.id == image_id
        )
    )


def _products() -> Select[Product]:
    return select(Product).where(Product.distributor_id == current_scope().distributor_id)
