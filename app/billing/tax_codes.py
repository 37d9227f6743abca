"""What taxes a charge's product says: whether it is taxed at all, and under which code (CB-02)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVarTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, and_, column, func, select, table, true

from app.billing.models import Charge
from app.catalogue.models import Product, ProductType
from app.core.db import session
from app.subscriptions.models import Subscription
from tenants.context import current_scope

# Orders stand in a domain above this one: their table is named, its model is not imported.
ITEMS = table("order_items", column("distributor_id", Uuid()), column("id", Uuid()), column("product_id", Uuid()))


@dataclass(frozen=True, slots=True)
class Taxation:
    """How a product is taxed; `code` is its own, else its type's."""

    is_taxable: bool = True
    code: str | None = None


TAXED = Taxation()  # what is charged for no product


def taxation_of(charges: Sequence[Charge]) -> Mapping[UUID, Taxation]:
    """Return how charges are taxed, by their ids; one statement. What no product is behind is missing."""
    if not charges:
        return {}
    rows = session.execute(
        with_products(
            select(Charge.id, Product.is_taxable, func.coalesce(Product.tax_code, ProductType.tax_code)).select_from(
                Charge
            )
        )
        .join(
            ProductType,
            and_(ProductType.distributor_id == Product.distributor_id, ProductType.id == Product.product_type_id),
        )
        .where(
            Charge.distributor_id == current_scope().distributor_id, Charge.id.in_([charge.id for charge in charges])
        )
    )
    return {charge_id: Taxation(is_taxable, code) for charge_id, is_taxable, code in rows}


Columns = TypeVarTuple("Columns")
IS_TAXED: ColumnElement[bool] = func.coalesce(Product.is_taxable, true())  # of charges `with_products`


def with_products(charges: Select[*Columns]) -> Select[*Columns]:
    """Join charges with the products behind them: of their subscription, or of the item they were ordered with."""
    product_id = func.coalesce(Subscription.product_id, ITEMS.c.product_id)
    return (
        charges.outerjoin(
            Subscription,
            and_(Subscription.distributor_id == Charge.distributor_id, Subscription.id == Charge.subscription_id),
        )
        .outerjoin(ITEMS, and_(ITEMS.c.distributor_id == Charge.distributor_id, ITEMS.c.id == Charge.order_item_id))
        .outerjoin(Product, and_(Product.distributor_id == Charge.distributor_id, Product.id == product_id))
    )


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
