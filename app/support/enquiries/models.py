"""Enquiries: what a buyer wants to know about a product, until its owner has answered."""

from __future__ import annotations

import enum
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from tenants.scoping import Shared


class EnquiryStatus(enum.Enum):
    """What became of an enquiry."""

    OPEN = "open"
    ANSWERED = "answered"


class Enquiry(Shared, Base):
    """One person's question about one product. `reseller_id` None: asked in the distributor's own storefront.

    Names and addresses are kept as they were that day: the owner answers them even when the user is gone.
    """

    __tablename__ = "enquiries"
    __table_args__ = (
        UniqueConstraint("distributor_id", "user_id", "product_id", "asked_on"),  # one a day (SF-18)
        Index(None, "distributor_id", "reseller_id", "status", "asked_at"),
        ForeignKeyConstraint(["distributor_id", "account_id"], ["accounts.distributor_id", "accounts.id"]),
        ForeignKeyConstraint(
            ["distributor_id", "product_id"], ["products.distributor_id", "products.id"], ondelete="CASCADE"
        ),
    )

    storefront_id: Mapped[UUID]
    product_id: Mapped[UUID]
    user_id: Mapped[UUID]
    asked_on: Mapped[date]  # the storefront's day
    asked_at: Mapped[datetime]
    product_name: Mapped[str] = mapped_column(String(255))
    company_name: Mapped[str] = mapped_column(String(200))
    person_name: Mapped[str] = mapped_column(String(201))
    email: Mapped[str] = mapped_column(String(254))
    phone: Mapped[str] = mapped_column(String(40), default="")
    message: Mapped[str] = mapped_column(String(2000))
    status: Mapped[EnquiryStatus] = mapped_column(default=EnquiryStatus.OPEN)
    mailed_at: Mapped[datetime | None]  # the owner was told, and who asked has a copy
    answered_at: Mapped[datetime | None]
    answered_by_name: Mapped[str | None] = mapped_column(String(201))
    note: Mapped[str | None] = mapped_column(String(2000))  # the owner's own; never shown to who asked
