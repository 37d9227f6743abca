"""What vendors said of services before they were ordered (CB-22)."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.catalogue.models import BillingCycle, Term
from app.core.db import Base
from tenants.scoping import Shared


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
