"""What sells best in one storefront, counted at night (SF-07)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped

from app.core.db import Base
from tenants.scoping import ResellerPrivate


class PopularProduct(ResellerPrivate, Base):
    """One of the products a storefront has sold most of; `reseller_id` None: the distributor's own storefront."""

    __tablename__ = "popular_products"
    __table_args__ = (
        UniqueConstraint("distributor_id", "reseller_id", "product_id", postgresql_nulls_not_distinct=True),
        ForeignKeyConstraint(
            ["distributor_id", "product_id"], ["products.distributor_id", "products.id"], ondelete="CASCADE"
        ),
    )

    product_id: Mapped[UUID]
    rank: Mapped[int]  # 1: the most
    quantity: Mapped[int]  # executed in the days counted
    counted_at: Mapped[datetime]
