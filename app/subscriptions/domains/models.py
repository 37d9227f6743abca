"""Domain names that are taken (CB-01: domain kind)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from tenants.scoping import Intake


class DomainClaim(Intake, Base):
    """A domain name that an order item, or the subscription it became, has taken.

    Of the intake family: a buyer claims without seeing what others have, and the unique key decides.
    """

    __tablename__ = "domain_claims"
    __table_args__ = (
        UniqueConstraint("distributor_id", "name"),
        Index(None, "distributor_id", "order_item_id"),
        Index(None, "distributor_id", "subscription_id"),
    )

    name: Mapped[str] = mapped_column(String(253))  # in ASCII, lower case, without a dot at its end
    order_item_id: Mapped[UUID | None]
    subscription_id: Mapped[UUID | None]  # of one that was taken over, or got its name by hand
    created_at: Mapped[datetime]
