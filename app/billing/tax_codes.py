"""What products say about tax: whether they are taxed at all, and under which code (CB-02)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from sqlalchemy import and_, func, select

from app.catalogue.models import Product, ProductType
from app.core.db import session
from tenants.context import current_scope


def tax_codes_of(product_ids: Collection[UUID]) -> Mapping[UUID, str | None]:
    """Return products' tax codes, their own or else their types'; one statement. Deleted products are missing."""
    if not product_ids:
        return {}
    rows = session.execute(
        select(Product.id, func.coalesce(Product.tax_code, ProductType.tax_code).label("code"))
        .join(
            ProductType,
            and_(ProductType.distributor_id == Product.distributor_id, ProductType.id == Product.product_type_id),
        )
        .where(Product.distributor_id == current_scope().distributor_id, Product.id.in_(product_ids))
    )
    return {row.id: row.code for row in rows}


def taxed_part(nets: Sequence[tuple[UUID, Decimal]]) -> Decimal:
    """Return how much of net amounts, each of a product, is taxed; one statement."""
    if not nets:
        return Decimal(0)
    exempt = frozenset(
        session.scalars(
            select(Product.id).where(
                Product.distributor_id == current_scope().distributor_id,
                Product.id.in_({product_id for product_id, _ in nets}),
                Product.is_taxable.is_(False),
            )
        )
    )
    return sum((net for product_id, net in nets if product_id not in exempt), Decimal(0))
