"""Names that are taken, and what vendors said of names before they were ordered (CB-01: domain kind)."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.catalogue.models import BillingCycle, Term
from app.core.db import Base
from tenants.scoping import Intake, Shared


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


class CheckState(enum.Enum):
    """What came of a pre-check."""

    ASKED = "asked"
    PASSED = "passed"
    REFUSED = "refused"  # the vendor's words are a VendorProblem of the item
    UNANSWERED = "unanswered"  # the vendor could not be asked, or tells nothing: no reason to refuse an order


class ServiceCheck(Shared, Base):
    """A vendor's pre-check of one item of a basket or order, before it is ordered (CB-22)."""

    __tablename__ = "service_checks"
    __table_args__ = (UniqueConstraint("distributor_id", "item_id"),)

    item_id: Mapped[UUID]  # of a basket, or of an order
    receiver_id: Mapped[UUID]  # the account the service would be for
    product_id: Mapped[UUID]
    term: Mapped[Term]
    cycle: Mapped[BillingCycle]
    currency: Mapped[str] = mapped_column(String(3))
    characteristics: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)  # as asked about, by id
    state: Mapped[CheckState] = mapped_column(default=CheckState.ASKED)
    asked_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
