"""Sessions are rows named by the digest of the cookie's secret: 60 minutes idle, 12 hours in all (decisions section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, delete, select, update

from app.core.db import session
from app.core.ids import new_id
from app.core.secrets import digest, new_token
from app.identity.models import SignInName, UserKind, UserSession, UserStatus, UserType
from app.identity.realms import OPEN_STATES, Person, open_realm
from tenants.context import current_scope
from tenants.models import Storefront

IDLE = timedelta(minutes=60)
ABSOLUTE = timedelta(hours=12)
TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Voucher:
    """Which provider vouched for a person, and what it calls person and session: for the end of either."""

    provider_id: UUID
    subject: str | None = None
    session: str | None = None
    logout_hint_encrypted: str | None = None


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """A live session with everything pages must know about its person, read in one statement."""

    session_id: UUID
    sign_in_name_id: UUID
    user_id: UUID
    name: str
    email: str
    kind: UserKind
    type: UserType
    roles: tuple[str, ...]
    rights: tuple[str, ...]  # of the distributor's own roles
    rule_access: Mapping[str, str]  # RecordAccess by permission rule, of the distributor's own people
    reseller_id: UUID | None
    account_id: UUID | None
    acting_account_id: UUID | None
    created_at: datetime
    last_seen_at: datetime
    notices_seen_at: datetime | None  # the newest change of a delivery that was read of in this session
    own_storefront_id: UUID | None  # of a reseller's staff, while it is open
    edition: str  # of that storefront; "none" without one

    @property
    def person(self) -> Person:
        """Whose rows the person may see."""
        return Person(self.kind, self.reseller_id, self.account_id)


_SESSION = (
    select(
        UserSession.id,
        UserSession.acting_account_id,
        UserSession.created_at,
        UserSession.last_seen_at,
        UserSession.notices_seen_at,
        SignInName.id.label("sign_in_name_id"),
        SignInName.user_id,
        SignInName.full_name,
        SignInName.email,
        SignInName.kind,
        SignInName.type,
        SignInName.roles,
        SignInName.rights,
        SignInName.rule_access,
        SignInName.reseller_id,
        SignInName.account_id,
        Storefront.id.label("storefront_id"),
        Storefront.edition,
    )
    .join(
        SignInName,
        (SignInName.distributor_id == UserSession.distributor_id) & (SignInName.id == UserSession.sign_in_name_id),
    )
    .outerjoin(
        Storefront,
        (Storefront.distributor_id == SignInName.distributor_id)
        & (Storefront.reseller_id == SignInName.reseller_id)
        & Storefront.state.in_(OPEN_STATES),
    )
    .where(
        UserSession.distributor_id == bindparam("distributor_id"),
        UserSession.realm_id == bindparam("realm_id"),
        UserSession.token_digest == bindparam("token_digest"),
        UserSession.last_seen_at > bindparam("seen_after"),
        UserSession.created_at > bindparam("created_after"),
        SignInName.realm_id == bindparam("realm_id"),
        SignInName.status == UserStatus.ACTIVE,
    )
)


def start_session(
    name: SignInName,
    *,
    at: datetime,
    address: str | None,
    browser: str | None,
    acting_account_id: UUID | None = None,
    voucher: Voucher | None = None,
) -> tuple[str, UUID]:
    """Start a session of a sign-in name with a new secret and return secret and session id."""
    token, session_id = new_token(), new_id()
    with open_realm(name.realm_id):
        session.add(
            UserSession(
                id=session_id,
                realm_id=name.realm_id,
                token_digest=digest(token),
                sign_in_name_id=name.id,
                user_id=name.user_id,
                acting_account_id=acting_account_id,
                created_at=at,
                last_seen_at=at,
                address=address,
                browser=browser[:300] if browser else None,
                provider_id=voucher.provider_id if voucher else None,
                provider_session=voucher.session if voucher else None,
                provider_subject=voucher.subject if voucher else None,
                logout_hint_encrypted=voucher.logout_hint_encrypted if voucher else None,
            )
        )
    return token, session_id


def find_session(realm_id: UUID, token: str, *, at: datetime) -> SessionFacts | None:
    """Return the live session of a secret in a realm: one statement."""
    with open_realm(realm_id):
        row = session.execute(
            _SESSION,
            {
                "distributor_id": current_scope().distributor_id,
                "realm_id": realm_id,
                "token_digest": digest(token),
                "seen_after": at - IDLE,
                "created_after": at - ABSOLUTE,
            },
        ).first()
    if row is None:
        return None
    is_reseller = row.kind is UserKind.RESELLER
    return SessionFacts(
        session_id=row.id,
        sign_in_name_id=row.sign_in_name_id,
        user_id=row.user_id,
        name=row.full_name,
        email=row.email,
        kind=row.kind,
        type=row.type,
        roles=tuple(row.roles),
        rights=tuple(row.rights),
        rule_access=row.rule_access,
        reseller_id=row.reseller_id,
        account_id=row.account_id,
        acting_account_id=row.acting_account_id,
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        notices_seen_at=row.notices_seen_at,
        own_storefront_id=row.storefront_id if is_reseller else None,
        edition=(row.edition or "none") if is_reseller else "none",
    )


def touch_session(realm_id: UUID, session_id: UUID, *, at: datetime) -> None:
    """Note that the session was used; callers ask at most once a minute (TOUCH_EVERY)."""
    with open_realm(realm_id):
        session.execute(
            update(UserSession)
            .where(UserSession.distributor_id == current_scope().distributor_id, UserSession.id == session_id)
            .values(last_seen_at=at)
        )


def note_notices_seen(realm_id: UUID, session_id: UUID, *, until: datetime) -> None:
    """Note that the person has read of all changes of deliveries up to an instant; it never moves back."""
    with open_realm(realm_id):
        session.execute(
            update(UserSession)
            .where(
                UserSession.distributor_id == current_scope().distributor_id,
                UserSession.id == session_id,
                UserSession.notices_seen_at.is_(None) | (UserSession.notices_seen_at < until),
            )
            .values(notices_seen_at=until)
        )


def end_session(realm_id: UUID, session_id: UUID) -> None:
    """Sign out: the cookie's secret opens nothing any more."""
    with open_realm(realm_id):
        session.execute(
            delete(UserSession).where(
                UserSession.distributor_id == current_scope().distributor_id, UserSession.id == session_id
            )
        )


def end_sessions(realm_id: UUID, user_id: UUID, *, except_id: UUID | None = None) -> None:
    """End all sessions of a user in a realm, but for one."""
    with open_realm(realm_id):
        session.execute(
            delete(UserSession).where(
                UserSession.distributor_id == current_scope().distributor_id,
                UserSession.realm_id == realm_id,
                UserSession.user_id == user_id,
                UserSession.id.is_distinct_from(except_id),
            )
        )


@dataclass(frozen=True, slots=True)
class OpenSession:
    """One of somebody's sessions, as they see it."""

    id: UUID
    created_at: datetime
    last_seen_at: datetime
    address: str | None
    browser: str | None


def list_sessions(realm_id: UUID, user_id: UUID, *, at: datetime) -> list[OpenSession]:
    """Return a person's live sessions in a realm, the last used first."""
    with open_realm(realm_id):
        rows = session.scalars(
            select(UserSession)
            .where(
                UserSession.distributor_id == current_scope().distributor_id,
                UserSession.realm_id == realm_id,
                UserSession.user_id == user_id,
                UserSession.last_seen_at > at - IDLE,
                UserSession.created_at > at - ABSOLUTE,
            )
            .order_by(UserSession.last_seen_at.desc())
        ).all()
    return [OpenSession(row.id, row.created_at, row.last_seen_at, row.address, row.browser) for row in rows]


def end_own_session(realm_id: UUID, user_id: UUID, session_id: UUID) -> bool:
    """End one of a person's sessions; False where it is nobody's, or somebody else's."""
    with open_realm(realm_id):
        found = session.execute(
            delete(UserSession).where(
                UserSession.distributor_id == current_scope().distributor_id,
                UserSession.realm_id == realm_id,
                UserSession.user_id == user_id,
                UserSession.id == session_id,
            )
        )
    return bool(found.rowcount)  # type: ignore[attr-defined]
