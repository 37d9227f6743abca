"""What a customer company has proven and decided about its own sign-in in one realm.

Its providers are `identity.providers` rows with its `account_id`.
"""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from tenants.scoping import Intake, RealmScoped


class DomainState(enum.Enum):
    """Pending → Proven → Lost, and Proven again: by a TXT record, looked for every day."""

    PENDING = "pending"
    PROVEN = "proven"
    LOST = "lost"


class CompanyDomain(RealmScoped, Base):
    """An e-mail domain a company says is its own. Of those who say so one alone can have proven it in a realm."""

    __tablename__ = "company_domains"
    __table_args__ = (
        UniqueConstraint("distributor_id", "realm_id", "account_id", "domain"),
        Index(
            "uq_company_domains_proven",
            "distributor_id",
            "realm_id",
            "domain",
            unique=True,
            postgresql_where=text("state = 'proven'"),
        ),
    )

    account_id: Mapped[UUID]
    domain: Mapped[str] = mapped_column(String(253))  # lower case, as in DNS: `xn--…` where it has other letters
    token: Mapped[str] = mapped_column(String(64))  # to be found in the TXT record
    state: Mapped[DomainState] = mapped_column(default=DomainState.PENDING)
    proven_at: Mapped[datetime | None]
    missing_since: Mapped[datetime | None]  # proven, but the record is gone: lost after a while
    checked_at: Mapped[datetime | None]  # the last answer of DNS, whatever it was
    created_at: Mapped[datetime]


class CompanySignIn(RealmScoped, Base):
    """The rules of one company's own sign-in; without a row the defaults hold."""

    __tablename__ = "company_sign_ins"
    __table_args__ = (UniqueConstraint("distributor_id", "realm_id", "account_id"),)

    account_id: Mapped[UUID]
    creates_users: Mapped[bool] = mapped_column(default=False)  # people of its domains at their first sign-in
    default_roles: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list)  # of those
    is_required: Mapped[bool] = mapped_column(default=False)  # passwords open nothing to people of its domains
    break_glass_user_id: Mapped[UUID | None]  # the Admin whose password still does
    is_blocked: Mapped[bool] = mapped_column(default=False)  # by the storefront's owner
    changed_at: Mapped[datetime]


class CompanyDomainCheck(Intake, Base):
    """When a domain is looked at again: what jobs find without opening every realm. `domain_id` may be gone by then."""

    __tablename__ = "company_domain_checks"
    __table_args__ = (Index(None, "distributor_id", "next_attempt_at"),)

    realm_id: Mapped[UUID]
    domain_id: Mapped[UUID]
    next_attempt_at: Mapped[datetime]
