"""People and how they sign in. Users are business records; what opens a door stands in realm tables.

`SignInName` repeats what a page must know about the person, so that a session and its user are read in one statement.
Services of this package keep both in step.
"""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from tenants.scoping import DistributorPrivate, Intake, RealmScoped, Shared


class UserKind(enum.Enum):
    """Whose person it is; decides the scope that opens after sign-in (decisions section 3)."""

    BSS = "bss"
    DIRECT = "direct"  # a direct customer's
    RESELLER = "reseller"  # a reseller's staff
    END_CUSTOMER = "end_customer"


class UserType(enum.Enum):
    """Admins have all rights of their account; users have those of their roles (SF-10)."""

    ADMIN = "admin"
    USER = "user"


class UserStatus(enum.Enum):
    """Pending activation: mail is out. Inactive: a contact only, without access."""

    PENDING = "pending_activation"
    ACTIVE = "active"
    INACTIVE = "inactive"


class User(Shared, Base):
    """A person of an account, or of the distributor (kind BSS, without account)."""

    __tablename__ = "users"
    __table_args__ = (
        ForeignKeyConstraint(["distributor_id", "account_id"], ["accounts.distributor_id", "accounts.id"]),
        Index(None, "distributor_id", "account_id"),
    )

    kind: Mapped[UserKind]
    type: Mapped[UserType] = mapped_column(default=UserType.USER)
    status: Mapped[UserStatus] = mapped_column(default=UserStatus.PENDING)
    # values of identity.permissions roles, or ids of BssRoleDefinition
    roles: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list)
    first_name: Mapped[str] = mapped_column(String(100))
    last_name: Mapped[str] = mapped_column(String(100))
    email: Mapped[str] = mapped_column(String(254))  # lower case
    phone: Mapped[str | None] = mapped_column(String(30))
    is_primary_contact: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    activated_at: Mapped[datetime | None]

    @property
    def full_name(self) -> str:
        """First and last name as people write them."""
        return f"{self.first_name} {self.last_name}".strip()


class SignInName(RealmScoped, Base):
    """An e-mail address that may sign in to one realm, with what pages must know about its person."""

    __tablename__ = "sign_in_names"
    __table_args__ = (
        UniqueConstraint("distributor_id", "realm_id", "email"),
        Index(None, "distributor_id", "realm_id", "user_id"),
    )

    email: Mapped[str] = mapped_column(String(254))  # lower case
    user_id: Mapped[UUID]
    credential_realm_id: Mapped[UUID]  # where the password stands: staff of a reseller use the root's at their alias
    kind: Mapped[UserKind]
    type: Mapped[UserType]
    status: Mapped[UserStatus]
    roles: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list)
    rights: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list)  # of roles the distributor made itself
    rule_access: Mapped[dict[str, str]] = mapped_column(JSONB, default=dict)  # RecordAccess by permission rule
    reseller_id: Mapped[UUID | None]
    account_id: Mapped[UUID | None]
    full_name: Mapped[str] = mapped_column(String(201))


class Credential(RealmScoped, Base):
    """A password (Argon2id) and its lock counter, in the user's home realm."""

    __tablename__ = "credentials"
    __table_args__ = (UniqueConstraint("distributor_id", "realm_id", "user_id"),)

    user_id: Mapped[UUID]
    password_hash: Mapped[str] = mapped_column(String(200))
    earlier_hashes: Mapped[list[str]] = mapped_column(ARRAY(String(200)), default=list)  # newest first, four at most
    failed_tries: Mapped[int] = mapped_column(default=0)  # in a row
    locked_until: Mapped[datetime | None]
    changed_at: Mapped[datetime]

    def is_locked(self, at: datetime) -> bool:
        """Whether no password opens at an instant, not even the right one."""
        return self.locked_until is not None and self.locked_until > at


class UserSession(RealmScoped, Base):
    """A signed-in session, named by the digest of the secret in the cookie. 60 min idle, 12 h absolute."""

    __tablename__ = "user_sessions"
    __table_args__ = (
        UniqueConstraint("distributor_id", "realm_id", "token_digest"),
        Index(None, "distributor_id", "realm_id", "user_id"),
        Index(None, "distributor_id", "realm_id", "provider_id"),
    )

    token_digest: Mapped[str] = mapped_column(String(64))
    sign_in_name_id: Mapped[UUID]
    user_id: Mapped[UUID]
    acting_account_id: Mapped[UUID | None]  # the customer reseller staff orders for at the root
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    notices_seen_at: Mapped[datetime | None]  # the newest change of a delivery that the person has read of
    address: Mapped[str | None] = mapped_column(String(45))
    browser: Mapped[str | None] = mapped_column(String(300))
    provider_id: Mapped[UUID | None]  # who vouched for the person; None: a password, a hop
    provider_session: Mapped[str | None] = mapped_column(String(300))  # its name for the session, for signing out
    provider_subject: Mapped[str | None] = mapped_column(String(500))  # its name for the person: `sub` or NameID
    logout_hint_encrypted: Mapped[str | None] = mapped_column(Text)  # what it wants to be told at the end


class TokenPurpose(enum.Enum):
    """What a single-use link does."""

    ACTIVATION = "activation"  # 72 h
    RESET = "reset"  # 60 min
    HOP = "hop"  # 60 s: reseller staff between the root and their own alias


class SingleUseToken(RealmScoped, Base):
    """A link that works once; only the digest of its secret is stored."""

    __tablename__ = "single_use_tokens"
    __table_args__ = (
        UniqueConstraint("distributor_id", "realm_id", "token_digest"),
        Index(None, "distributor_id", "realm_id", "user_id"),
    )

    purpose: Mapped[TokenPurpose]
    token_digest: Mapped[str] = mapped_column(String(64))
    user_id: Mapped[UUID]
    acting_account_id: Mapped[UUID | None]  # of a hop: the customer somebody orders for
    valid_until: Mapped[datetime]
    used_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class AuthenticatorApp(RealmScoped, Base):
    """A person's authenticator app (TOTP, RFC 6238), in the realm of the password it goes with."""

    __tablename__ = "authenticator_apps"
    __table_args__ = (UniqueConstraint("distributor_id", "realm_id", "user_id"),)

    user_id: Mapped[UUID]
    secret_encrypted: Mapped[str] = mapped_column(String(300))
    last_step: Mapped[int] = mapped_column(BigInteger, default=0)  # a code opens once: only later steps count
    confirmed_at: Mapped[datetime | None]  # None: being set up, asked for by nobody yet
    created_at: Mapped[datetime]


class RecoveryCode(RealmScoped, Base):
    """One of ten codes that stand in for the authenticator app; each works once. Only its digest is stored."""

    __tablename__ = "recovery_codes"
    __table_args__ = (UniqueConstraint("distributor_id", "realm_id", "user_id", "code_digest"),)

    user_id: Mapped[UUID]
    code_digest: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class SignInStep(enum.Enum):
    """What is still asked for between a right password and a session."""

    APP_CODE = "app_code"
    MAIL_CODE = "mail_code"
    NEW_PASSWORD = "new_password"  # noqa: S105 - a step, not a secret: the present password has expired
    SET_UP_APP = "set_up_app"  # the realm requires an app, and there is none


class SignInChallenge(RealmScoped, Base):
    """A sign-in half done: the password was right. 10 minutes, five wrong codes (SF-12)."""

    __tablename__ = "sign_in_challenges"
    __table_args__ = (
        UniqueConstraint("distributor_id", "realm_id", "token_digest"),
        Index(None, "distributor_id", "realm_id", "user_id"),
    )

    token_digest: Mapped[str] = mapped_column(String(64))
    sign_in_name_id: Mapped[UUID]
    user_id: Mapped[UUID]
    step: Mapped[SignInStep]
    code_digest: Mapped[str | None] = mapped_column(String(64))  # of a mailed code
    code_sent_at: Mapped[datetime | None]
    codes_sent: Mapped[int] = mapped_column(default=0)
    wrong_tries: Mapped[int] = mapped_column(default=0)
    is_remembered: Mapped[bool] = mapped_column(default=False)  # "stay signed in" was ticked
    valid_until: Mapped[datetime]
    created_at: Mapped[datetime]


class EmailChange(RealmScoped, Base):
    """A new sign-in address on its way: it counts once the code that was mailed to it has come back (SF-16)."""

    __tablename__ = "email_changes"
    __table_args__ = (UniqueConstraint("distributor_id", "realm_id", "user_id"),)

    user_id: Mapped[UUID]
    new_email: Mapped[str] = mapped_column(String(254))
    code_digest: Mapped[str] = mapped_column(String(64))
    code_sent_at: Mapped[datetime]
    wrong_tries: Mapped[int] = mapped_column(default=0)
    valid_until: Mapped[datetime]


class SignInDevice(RealmScoped, Base):
    """A browser a person has signed in with, named by the digest of a cookie; may be trusted for 30 days (BC-28)."""

    __tablename__ = "sign_in_devices"
    __table_args__ = (UniqueConstraint("distributor_id", "realm_id", "user_id", "token_digest"),)

    user_id: Mapped[UUID]
    token_digest: Mapped[str] = mapped_column(String(64))
    browser: Mapped[str | None] = mapped_column(String(300))
    trusted_until: Mapped[datetime | None]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]


class RememberedSignIn(RealmScoped, Base):
    """A "stay signed in": a secret that starts sessions for 30 days and changes each time it does (BC-28)."""

    __tablename__ = "remembered_sign_ins"
    __table_args__ = (
        UniqueConstraint("distributor_id", "realm_id", "token_digest"),
        Index(None, "distributor_id", "realm_id", "earlier_digest"),
        Index(None, "distributor_id", "realm_id", "user_id"),
    )

    token_digest: Mapped[str] = mapped_column(String(64))
    earlier_digest: Mapped[str | None] = mapped_column(String(64))  # the one before: whoever shows it has a copy
    rotated_at: Mapped[datetime]
    sign_in_name_id: Mapped[UUID]
    user_id: Mapped[UUID]
    valid_until: Mapped[datetime]


class BssRoleDefinition(DistributorPrivate, Base):
    """A role the distributor made itself. People name it by its id; inactive, it gives nothing (BC-03)."""

    __tablename__ = "bss_roles"
    __table_args__ = (Index("uq_bss_roles_name", "distributor_id", text("lower(name)"), unique=True),)

    name: Mapped[str] = mapped_column(String(80))
    description: Mapped[str] = mapped_column(String(500), default="")
    rights: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list)  # values of Permission, of BSS alone
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class PasswordRequest(Intake, Base):
    """Somebody typed an address under "Forgot your password?": a job looks whose it is, away from who waits (SF-13)."""

    __tablename__ = "password_requests"
    __table_args__ = (Index(None, "distributor_id", "asked_at"),)

    realm_id: Mapped[UUID]
    email: Mapped[str] = mapped_column(String(254))  # as it is compared; it may be nobody's
    asked_at: Mapped[datetime]


class Team(DistributorPrivate, Base):
    """People of the back office who work together (BC-03)."""

    __tablename__ = "teams"
    __table_args__ = (
        Index("uq_teams_name", "distributor_id", text("lower(name)"), unique=True),
        ForeignKeyConstraint(["distributor_id", "leader_id"], ["users.distributor_id", "users.id"]),
    )

    name: Mapped[str] = mapped_column(String(80))
    email: Mapped[str | None] = mapped_column(String(254))  # reaches all of them
    leader_id: Mapped[UUID | None]
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class TeamMember(DistributorPrivate, Base):
    """One person in one team; the leader is one of them."""

    __tablename__ = "team_members"
    __table_args__ = (
        UniqueConstraint("distributor_id", "team_id", "user_id"),
        ForeignKeyConstraint(["distributor_id", "team_id"], ["teams.distributor_id", "teams.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["distributor_id", "user_id"], ["users.distributor_id", "users.id"]),
        Index(None, "distributor_id", "user_id"),
    )

    team_id: Mapped[UUID]
    user_id: Mapped[UUID]


class ChosenColumns(DistributorPrivate, Base):
    """A person's columns of one list, in the list's own order; without a row all of them are shown."""

    __tablename__ = "chosen_columns"
    __table_args__ = (
        UniqueConstraint("distributor_id", "user_id", "list_name"),
        ForeignKeyConstraint(["distributor_id", "user_id"], ["users.distributor_id", "users.id"], ondelete="CASCADE"),
    )

    user_id: Mapped[UUID]
    list_name: Mapped[str] = mapped_column(String(40))
    columns: Mapped[list[str]] = mapped_column(ARRAY(String(40)))
