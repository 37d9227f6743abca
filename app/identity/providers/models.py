"""Providers, the identities they vouch for, and round trips to them: realm rows, read by sign-in services alone.

The owner's pages go through the services of this package too, so a provider's secrets are in reach of nothing else.
"""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from tenants.scoping import RealmScoped


class ProviderKind(enum.Enum):
    """The protocol a provider speaks."""

    OIDC = "oidc"
    SAML = "saml"


class ProviderState(enum.Enum):
    """Draft → Tested → Enabled ↔ Disabled; a change of the connection makes a Draft again (BC-27)."""

    DRAFT = "draft"
    TESTED = "tested"
    ENABLED = "enabled"
    DISABLED = "disabled"


class SsoPurpose(enum.Enum):
    """What a round trip is for."""

    SIGN_IN = "sign_in"
    LINK = "link"  # by somebody signed in: one more way in for them
    TEST = "test"  # by the owner: shows what arrives, and signs nobody in
    SIGN_OUT = "sign_out"  # of a session that has ended here already


class IdentityProvider(RealmScoped, Base):
    """One provider of a realm. With an account it is a customer company's: never listed, found by its e-mail domain."""

    __tablename__ = "identity_providers"
    __table_args__ = (Index(None, "distributor_id", "realm_id", "position"),)

    kind: Mapped[ProviderKind]
    state: Mapped[ProviderState] = mapped_column(default=ProviderState.DRAFT)
    name: Mapped[str] = mapped_column(String(80))  # on the button
    logo_image_id: Mapped[UUID | None]
    position: Mapped[int] = mapped_column(default=0)
    is_visible: Mapped[bool] = mapped_column(default=True)
    creates_users: Mapped[bool] = mapped_column(default=False)
    default_roles: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list)  # of users it creates
    allowed_domains: Mapped[list[str]] = mapped_column(ARRAY(String(253)), default=list)  # of users it creates
    trusts_email: Mapped[bool] = mapped_column(default=False)  # its addresses count as verified without its saying so
    account_id: Mapped[UUID | None]  # the customer company whose people alone it signs in or creates
    # What arrives is called (claims and SAML attributes alike)
    email_claim: Mapped[str] = mapped_column(String(200), default="email")
    first_name_claim: Mapped[str] = mapped_column(String(200), default="given_name")
    last_name_claim: Mapped[str] = mapped_column(String(200), default="family_name")
    groups_claim: Mapped[str] = mapped_column(String(200), default="groups")
    roles_follow: Mapped[bool] = mapped_column(default=False)  # at every sign-in, not only for people it creates
    signs_out: Mapped[bool] = mapped_column(default=True)  # who signs out here does so there
    # OpenID Connect
    issuer: Mapped[str | None] = mapped_column(String(500))  # exactly as the provider writes it
    client_id: Mapped[str | None] = mapped_column(String(300))
    client_secret_encrypted: Mapped[str | None] = mapped_column(Text)
    scopes: Mapped[str] = mapped_column(String(300), default="openid email profile")
    # SAML 2.0
    entity_id: Mapped[str | None] = mapped_column(String(500))  # the provider's
    metadata_url: Mapped[str | None] = mapped_column(String(500))  # read once a day; None: the owner pastes it
    metadata_read_at: Mapped[datetime | None]  # when it was last tried
    metadata_error: Mapped[str | None] = mapped_column(String(300))  # why it was not taken over then
    expiry_told: Mapped[int | None]  # days before its last certificate ends that owners were told of
    sso_url: Mapped[str | None] = mapped_column(String(500))
    slo_url: Mapped[str | None] = mapped_column(String(500))
    slo_answer_url: Mapped[str | None] = mapped_column(String(500))  # where answers go, if elsewhere
    certificates: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)  # PEM; several while one takes over
    name_id_format: Mapped[str | None] = mapped_column(String(200))
    signs_requests: Mapped[bool] = mapped_column(default=False)
    own_certificate: Mapped[str | None] = mapped_column(Text)  # PEM, ours for this provider
    own_key_encrypted: Mapped[str | None] = mapped_column(Text)
    tested_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class ProviderRoleRule(RealmScoped, Base):
    """What a group at a provider makes of its people here: an Admin, or somebody with roles."""

    __tablename__ = "provider_role_rules"
    __table_args__ = (UniqueConstraint("distributor_id", "realm_id", "provider_id", "group_name"),)

    provider_id: Mapped[UUID]
    group_name: Mapped[str] = mapped_column(String(200))  # as the provider writes it, compared letter by letter
    makes_admin: Mapped[bool] = mapped_column(default=False)
    roles: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list)
    created_at: Mapped[datetime]


class IdentityLink(RealmScoped, Base):
    """An identity at a provider that opens the door for one person."""

    __tablename__ = "identity_links"
    __table_args__ = (
        UniqueConstraint("distributor_id", "realm_id", "provider_id", "issuer", "subject"),
        UniqueConstraint("distributor_id", "realm_id", "user_id", "provider_id"),
    )

    provider_id: Mapped[UUID]
    issuer: Mapped[str] = mapped_column(String(500))  # OIDC issuer or SAML entity id, as it was when linked
    subject: Mapped[str] = mapped_column(String(500))  # `sub` or NameID
    user_id: Mapped[UUID]
    email: Mapped[str] = mapped_column(String(254))  # as the provider wrote it then; "" where it said none
    linked_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


class SsoRequest(RealmScoped, Base):
    """One round trip to a provider: 10 minutes, one answer, and only for the browser that set out.

    A verified answer is kept here (`issuer` and what follows) until that browser comes to fetch it: a SAML answer
    arrives by a cross-site POST without our cookies, so arriving and finishing are two steps.
    """

    __tablename__ = "sso_requests"
    __table_args__ = (
        UniqueConstraint("distributor_id", "realm_id", "state_digest"),
        Index(None, "distributor_id", "realm_id", "valid_until"),
    )

    provider_id: Mapped[UUID]
    purpose: Mapped[SsoPurpose]
    state_digest: Mapped[str] = mapped_column(String(64))  # of OIDC's `state`, of SAML's request id
    browser_digest: Mapped[str] = mapped_column(String(64))  # of a secret in the browser's cookie
    nonce: Mapped[str | None] = mapped_column(String(100))
    verifier_encrypted: Mapped[str | None] = mapped_column(Text)  # PKCE
    next_path: Mapped[str | None] = mapped_column(String(500))
    user_id: Mapped[UUID | None]  # who links, or who is asked for the password before an identity is linked
    session_id: Mapped[UUID | None]  # in which a link or test was begun: it ends with it
    valid_until: Mapped[datetime]
    created_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]  # an answer was taken in, right or wrong: there is no second one
    finished_at: Mapped[datetime | None]
    wrong_tries: Mapped[int] = mapped_column(default=0)  # passwords or codes, where one is asked for
    code_digest: Mapped[str | None] = mapped_column(String(64))  # of the code mailed to who has no password to use
    code_sent_at: Mapped[datetime | None]
    codes_sent: Mapped[int] = mapped_column(default=0)
    # A verified answer
    issuer: Mapped[str | None] = mapped_column(String(500))
    subject: Mapped[str | None] = mapped_column(String(500))
    email: Mapped[str | None] = mapped_column(String(254))
    is_email_verified: Mapped[bool] = mapped_column(default=False)
    first_name: Mapped[str | None] = mapped_column(String(100))
    last_name: Mapped[str | None] = mapped_column(String(100))
    provider_session: Mapped[str | None] = mapped_column(String(300))  # `sid` or SessionIndex
    groups: Mapped[list[str]] = mapped_column(ARRAY(String(200)), default=list)
    logout_hint_encrypted: Mapped[str | None] = mapped_column(Text)  # what the provider wants to be told at the end
    received: Mapped[str | None] = mapped_column(Text)  # of a test: what arrived, as JSON


class SamlAssertionSeen(RealmScoped, Base):
    """An assertion, logout request or logout token that was used: it counts once."""

    __tablename__ = "saml_assertions_seen"
    __table_args__ = (UniqueConstraint("distributor_id", "realm_id", "provider_id", "assertion_digest"),)

    provider_id: Mapped[UUID]
    assertion_digest: Mapped[str] = mapped_column(String(64))
    valid_until: Mapped[datetime]
