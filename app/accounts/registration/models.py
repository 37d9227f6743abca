"""What somebody who registers leaves behind, until there is an account or nothing."""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from tenants.scoping import Intake, Shared


class RegistrationStatus(enum.Enum):
    """Where a registration stands that somebody decides on (SF-05). Both ends are carried out by a job, at once."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REJECTED = "rejected"


class ApprovalReason(enum.Enum):
    """Why somebody has to look at a registration."""

    SETTING = "setting"  # the storefront's owner looks at each
    SAME_TAX_ID = "same_tax_id"  # a company with this VAT number is known (SF-04)


class Applicant:
    """Who registers, and for which company."""

    storefront_id: Mapped[UUID]
    first_name: Mapped[str] = mapped_column(String(100))
    last_name: Mapped[str] = mapped_column(String(100))
    email: Mapped[str] = mapped_column(String(254))
    phone: Mapped[str | None] = mapped_column(String(30))
    company: Mapped[str] = mapped_column(String(200))
    tax_id: Mapped[str | None] = mapped_column(String(40))
    country: Mapped[str] = mapped_column(String(2))  # ISO 3166-1 alpha-2
    city: Mapped[str] = mapped_column(String(100))
    street: Mapped[str] = mapped_column(String(200))
    postcode: Mapped[str] = mapped_column(String(12))
    region: Mapped[str | None] = mapped_column(String(100))
    wants_reselling: Mapped[bool] = mapped_column(default=False)
    is_tax_id_verified: Mapped[bool] = mapped_column(default=False)  # by a register, not by its form alone
    created_at: Mapped[datetime]

    @property
    def full_name(self) -> str:
        """What the applicant is called."""
        return f"{self.first_name} {self.last_name}"


class RegistrationRequest(Applicant, Intake, Base):
    """What a visitor sent. Nobody but the jobs ever reads it: it keeps the password's hash."""

    __tablename__ = "registration_requests"
    __table_args__ = (Index(None, "distributor_id", "next_attempt_at"),)

    reseller_id: Mapped[UUID | None]  # whose storefront it was sent to; None: the distributor's own
    password_hash: Mapped[str] = mapped_column(String(200))  # "" of somebody whom a provider vouches for
    provider_id: Mapped[UUID | None]  # who vouches for the address; the identity opens the door afterwards
    identity_issuer: Mapped[str | None] = mapped_column(String(500))
    identity_subject: Mapped[str | None] = mapped_column(String(500))
    needs_approval: Mapped[bool]  # what the storefront's owner had chosen
    next_attempt_at: Mapped[datetime | None]  # at first when it came, then when its owner is reminded; None: no more


class Registration(Applicant, Shared, Base):
    """What the storefront's owner decides on; its id is the request's."""

    __tablename__ = "registrations"
    __table_args__ = (Index(None, "distributor_id", "reseller_id", "status", "created_at"),)

    status: Mapped[RegistrationStatus] = mapped_column(default=RegistrationStatus.REQUESTED)
    reason: Mapped[ApprovalReason]
    reminded_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[UUID | None]
    decided_by_name: Mapped[str | None] = mapped_column(String(210))
