"""What is shared of orders. An order itself is read by its buyer: a link that lets others in stands apart."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from app.orders.linked import Linked
from tenants.scoping import DistributorPrivate


class OrderShare(Linked, DistributorPrivate, Base):
    """The link of an order and how long it lasts; without a token the link was taken back."""

    __tablename__ = "order_shares"
    __table_args__ = (
        UniqueConstraint("distributor_id", "order_id"),
        Index("uq_order_shares_token", "distributor_id", "token_digest", unique=True),
        ForeignKeyConstraint(["distributor_id", "order_id"], ["orders.distributor_id", "orders.id"]),
    )

    order_id: Mapped[UUID]
    valid_until: Mapped[date]  # the distributor's day, included
    to_email: Mapped[str] = mapped_column(String(254))  # who was mailed last
    sent_at: Mapped[datetime]
