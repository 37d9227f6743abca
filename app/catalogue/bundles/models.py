"""What a bundle is made of (CB-11)."""

from __future__ import annotations

import enum
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from tenants.scoping import Catalogue


class ComponentRule(enum.Enum):
    """What a bundle's component costs within the bundle (CB-11)."""

    LIST = "list"
    DISCOUNT = "discount"  # percent off the list price
    FIXED = "fixed"
    FREE = "free"


class BundleComponent(Catalogue, Base):
    """One product of a bundle: how many per bundle, and at what price (CB-11)."""

    __tablename__ = "bundle_components"
    __table_args__ = (
        UniqueConstraint("distributor_id", "bundle_id", "product_id"),
        ForeignKeyConstraint(
            ["distributor_id", "bundle_id"], ["products.distributor_id", "products.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(["distributor_id", "product_id"], ["products.distributor_id", "products.id"]),
        CheckConstraint("quantity >= 1", name="quantity_min_1"),
    )

    bundle_id: Mapped[UUID]
    product_id: Mapped[UUID]
    quantity: Mapped[int] = mapped_column(default=1)
    rule: Mapped[ComponentRule] = mapped_column(default=ComponentRule.LIST)
    value: Mapped[Decimal | None]  # percent of DISCOUNT, amount per cycle of FIXED
    position: Mapped[int] = mapped_column(default=0)
