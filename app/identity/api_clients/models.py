"""Programs instead of people: named clients of a realm's API, and the tokens they have been given. Realm rows."""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from tenants.scoping import RealmScoped


class ApiClientKind(enum.Enum):
    """How a program says who it is."""

    OAUTH = "oauth"  # client id and secret, for a token of an hour (RFC 6749, section 4.4)
    API_KEY = "api_key"  # a key on every call, from server to server


class ApiScope(enum.Enum):
    """What a client may do; the tokens it asks for may do less."""

    PRODUCTS_READ = "products.read"
    ACCOUNTS_READ = "accounts.read"  # a storefront's: its customers
    ACCOUNTS_WRITE = "accounts.write"
    ORDERS_READ = "orders.read"
    ORDERS_WRITE = "orders.write"
    SUBSCRIPTIONS_READ = "subscriptions.read"
    SUBSCRIPTIONS_WRITE = "subscriptions.write"
    INVOICES_READ = "invoices.read"  # what the owner pays: the one place where a reseller's programs see its costs

    @property
    def is_write(self) -> bool:
        """Whether it changes something: not in the Free edition (decisions section 5)."""
        return self.value.endswith(".write")


class ApiClient(RealmScoped, Base):
    """A program of the storefront's owner, or of the back office. Its secret is shown once; only a digest is kept."""

    __tablename__ = "api_clients"
    __table_args__ = (UniqueConstraint("distributor_id", "realm_id", "public_id"),)

    name: Mapped[str] = mapped_column(String(80))
    kind: Mapped[ApiClientKind]
    public_id: Mapped[str] = mapped_column(String(40))  # the client id; the part of a key before its dot
    secret_digest: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list)  # values of ApiScope
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    acts_for_id: Mapped[
        UUID | None
    ]  # whoever made it: in the back office it may do no more, and see no more, than they
    end_told_at: Mapped[datetime | None]  # when its owner was told that it ends soon


class ApiToken(RealmScoped, Base):
    """A bearer token of an hour. It dies with its client, and with the secret it was asked for with."""

    __tablename__ = "api_tokens"
    __table_args__ = (
        UniqueConstraint("distributor_id", "realm_id", "token_digest"),
        Index(None, "distributor_id", "client_id"),
        ForeignKeyConstraint(
            ["distributor_id", "client_id"], ["api_clients.distributor_id", "api_clients.id"], ondelete="CASCADE"
        ),
    )

    client_id: Mapped[UUID]
    token_digest: Mapped[str] = mapped_column(String(64))
    secret_digest: Mapped[str] = mapped_column(String(64))  # of the client when the token was given
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list)
    created_at: Mapped[datetime]
    valid_until: Mapped[datetime]
