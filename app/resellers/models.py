"""What a reseller offers in its own storefront, and the pictures it shows there."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from tenants.scoping import ResellerPrivate


class Listing(ResellerPrivate, Base):
    """A distributor's product that a reseller has put into its own catalogue (RS-19). Unlisting deletes the row."""

    __tablename__ = "listings"
    __table_args__ = (
        Index("uq_listings_product", "distributor_id", "reseller_id", "product_id", unique=True),
        ForeignKeyConstraint(["distributor_id", "product_id"], ["products.distributor_id", "products.id"]),
    )

    product_id: Mapped[UUID]
    trial_enabled: Mapped[bool] = mapped_column(default=True)
    is_featured: Mapped[bool] = mapped_column(default=False)
    listed_at: Mapped[datetime]


class StorefrontImage(ResellerPrivate, Base):
    """A logo, favicon, banner or login background of a storefront, re-encoded on the way in (RS-15)."""

    __tablename__ = "storefront_images"

    purpose: Mapped[str] = mapped_column(String(20))  # logo, favicon, banner, login
    content_type: Mapped[str] = mapped_column(String(40))
    content: Mapped[bytes]
    width: Mapped[int | None]
    height: Mapped[int | None]
    created_at: Mapped[datetime]
