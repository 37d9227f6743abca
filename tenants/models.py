"""The directory: distributors, their storefronts and the addresses that open them.

Read without a scope (an address must be resolved before a scope exists), written only within the distributor's.
It has no foreign keys into tenants' tables.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Sequence, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from app.core.ids import new_id
from tenants.scoping import Catalogue, DistributorScoped, ResellerPrivate

DIRECTORY_VERSION = Sequence("directory_version", metadata=Base.metadata)


class DistributorState(enum.Enum):
    """Whether a distributor's addresses answer."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class StorefrontState(enum.Enum):
    """Life of a storefront (RS-09); the root storefront is live from the start."""

    PROVISIONING = "provisioning"
    LIVE = "live"
    ENDING = "ending"
    CLOSED = "closed"
    PURGED = "purged"
    FAILED = "failed"

    @property
    def is_open(self) -> bool:
        """Whether people may sign in and order."""
        return self in (StorefrontState.LIVE, StorefrontState.ENDING)


class AddressState(enum.Enum):
    """What an address does: it answers, waits for its order's execution, or is kept for its former holder."""

    LIVE = "live"
    HELD = "held"
    RETAINED = "retained"
    PENDING = "pending"  # a custom host on the record, not yet proven


class Distributor(Base):
    """The tenant: the isolation boundary."""

    __tablename__ = "distributors"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200))
    state: Mapped[DistributorState] = mapped_column(default=DistributorState.ACTIVE)
    currency: Mapped[str] = mapped_column(String(3))  # ISO 4217, home currency
    time_zone: Mapped[str] = mapped_column(String(64), default="UTC")  # IANA
    culture: Mapped[str] = mapped_column(String(16), default="en")  # BCP 47
    has_alias_subdomains: Mapped[bool] = mapped_column(default=False)  # {alias}.{its host} answers too
    created_at: Mapped[datetime]


class Storefront(DistributorScoped, Base):
    """A branded shop with its own realm of users; `reseller_id` None is the distributor's root storefront.

    The storefront's id is the id of its realm. What it looks like stands in `StorefrontSettingsRow`.
    """

    __tablename__ = "storefronts"
    __table_args__ = (
        Index(
            "uq_storefronts_reseller", "distributor_id", "reseller_id", unique=True, postgresql_nulls_not_distinct=True
        ),
    )

    reseller_id: Mapped[UUID | None]
    state: Mapped[StorefrontState] = mapped_column(default=StorefrontState.PROVISIONING)
    edition: Mapped[str] = mapped_column(String(20), default="root")  # root, free, standard
    created_at: Mapped[datetime]


class Address(DistributorScoped, Base):
    """A host, or an alias below the distributor's host, that opens one storefront (decisions section 4).

    `is_alias_host` hosts (`{alias}.{distributor host}`) are not rows: they follow from the alias where switched on.
    """

    __tablename__ = "addresses"
    __table_args__ = (
        UniqueConstraint("distributor_id", "alias"),  # decides races for an alias (RS-08)
        UniqueConstraint("host"),
        Index(None, "version"),
        Index(None, "distributor_id", "storefront_id"),
        CheckConstraint("(alias IS NULL) <> (host IS NULL)", name="alias_or_host"),
        CheckConstraint(
            "alias ~ '^[a-z][a-z0-9]*(-[a-z0-9]+)*$' AND length(alias) BETWEEN 3 AND 40", name="alias_syntax"
        ),
        CheckConstraint("host = lower(host)", name="host_lower"),
        ForeignKeyConstraint(["distributor_id", "storefront_id"], ["storefronts.distributor_id", "storefronts.id"]),
    )

    storefront_id: Mapped[UUID | None]  # None while an alias is only held
    reseller_id: Mapped[UUID | None]  # who holds it; None: the distributor
    alias: Mapped[str | None] = mapped_column(String(40))
    host: Mapped[str | None] = mapped_column(String(253))
    state: Mapped[AddressState]
    is_primary: Mapped[bool] = mapped_column(default=False)
    held_for_item_id: Mapped[UUID | None]  # the order item whose execution makes it live
    held_until: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(
        DIRECTORY_VERSION, server_default=DIRECTORY_VERSION.next_value(), onupdate=DIRECTORY_VERSION.next_value()
    )


class Operator(Base):
    """A person who runs the installation; only the console's database role can read this table."""

    __tablename__ = "operators"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    password_hash: Mapped[str] = mapped_column(String(200))
    failed_tries: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    locked_until: Mapped[datetime | None]
    created_at: Mapped[datetime]


class OperatorSession(Base):
    """A signed-in operator's session, named by the digest of the secret in the console's cookie."""

    __tablename__ = "operator_sessions"

    token_digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    operator_id: Mapped[UUID] = mapped_column(index=True)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]


class DistributorSettingsRow(Catalogue, Base):
    """A distributor's settings as JSON; read by every scope of the distributor through `tenants.settings`."""

    __tablename__ = "distributor_settings"
    __table_args__ = (UniqueConstraint("distributor_id"),)

    values: Mapped[dict[str, Any]] = mapped_column(JSONB)


class StorefrontSettingsRow(ResellerPrivate, Base):
    """A storefront's published settings as JSON, private to its owner and visitors."""

    __tablename__ = "storefront_settings"
    __table_args__ = (UniqueConstraint("distributor_id", "storefront_id"),)

    storefront_id: Mapped[UUID]
    values: Mapped[dict[str, Any]] = mapped_column(JSONB)
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime]


class StorefrontDraft(ResellerPrivate, Base):
    """Look and homepage being edited, and earlier published versions (the last five can be restored, RS-15)."""

    __tablename__ = "storefront_versions"
    __table_args__ = (Index(None, "distributor_id", "storefront_id", "created_at"),)

    storefront_id: Mapped[UUID]
    values: Mapped[dict[str, Any]] = mapped_column(JSONB)
    is_draft: Mapped[bool]
    created_by_id: Mapped[UUID | None]
    created_at: Mapped[datetime]
