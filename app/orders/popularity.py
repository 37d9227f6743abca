"""What a storefront has sold most of in ninety days: counted at night, kept until the next (SF-07)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, delete, exists, func, select

from app.catalogue.models import Product
from app.catalogue.shelves.models import PopularProduct
from app.core.db import session
from app.orders.models import Order, OrderItem
from tenants.context import current_scope, direct_business_scope, reseller_scope, scope
from tenants.models import Storefront

COUNTED = timedelta(days=90)
MOST = 50  # some may be hidden meanwhile; a shelf shows twelve


@dataclass(frozen=True, slots=True)
class Shop:
    """A storefront with its owner; `reseller_id` None: the distributor's own."""

    storefront_id: UUID
    reseller_id: UUID | None


def shops_to_count(at: datetime) -> Sequence[Shop]:
    """Return the storefronts that have sold something lately, or ceased to. In the distributor's scope."""
    rows = session.execute(
        select(Storefront.id, Storefront.reseller_id)
        .where(
            Storefront.distributor_id == current_scope().distributor_id,
            exists().where(
                Order.distributor_id == Storefront.distributor_id,
                Order.storefront_id == Storefront.id,
                Order.executed_at >= at - 2 * COUNTED,
            ),
        )
        .order_by(Storefront.id)
    )
    return [Shop(*row) for row in rows]


def count_popular(shop: Shop, *, at: datetime) -> bool:
    """Count one storefront anew; returns whether anything is different.

    Orders are read in the distributor's scope: resellers buy for themselves in its storefront. What is found is written
    in the owner's, and nobody else sees it.
    """
    here = current_scope().distributor_id
    sold = [tuple(row) for row in session.execute(_sold(shop.storefront_id, at))]
    owner = direct_business_scope(here) if shop.reseller_id is None else reseller_scope(here, shop.reseller_id)
    with scope(owner):
        present = select(PopularProduct.product_id, PopularProduct.quantity).where(
            PopularProduct.distributor_id == here
        )
        if sold == [tuple(row) for row in session.execute(present.order_by(PopularProduct.rank))]:
            return False
        session.execute(delete(PopularProduct).where(PopularProduct.distributor_id == here))
        session.add_all(
            PopularProduct(
                reseller_id=shop.reseller_id, product_id=product_id, rank=rank, quantity=quantity, counted_at=at
            )
            for rank, (product_id, quantity) in enumerate(sold, start=1)
        )
        session.flush()
    return True


def _sold(storefront_id: UUID, at: datetime) -> Select[UUID, int]:
    quantity = func.sum(OrderItem.quantity)
    return (
        select(OrderItem.product_id, quantity)
        .join(Order, (Order.distributor_id == OrderItem.distributor_id) & (Order.id == OrderItem.order_id))
        .join(Product, (Product.distributor_id == OrderItem.distributor_id) & (Product.id == OrderItem.product_id))
        .where(
            Order.distributor_id == current_scope().distributor_id,
            Order.storefront_id == storefront_id,
            Order.executed_at >= at - COUNTED,
            Product.plan_edition.is_(None),
            Product.is_add_on.is_(False),
        )
        .group_by(OrderItem.product_id)
        .order_by(quantity.desc(), OrderItem.product_id)
        .limit(MOST)
    )
