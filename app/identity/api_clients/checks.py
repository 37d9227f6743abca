"""Who calls: credentials and tokens against the realm's rows.

Right or wrong, a look costs one statement and one comparison in constant time. The same statement reads whether the
storefront is open, so everything ends with the plan, at once.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, delete, or_, select, update

from app.core.db import session
from app.core.secrets import digest, new_token
from app.identity.api_clients.models import ApiClient, ApiClientKind, ApiScope, ApiToken
from app.identity.api_clients.services import known_scopes, scopes_of_edition
from app.identity.models import SignInName, UserStatus
from app.identity.permission_rules.held import rules_of
from app.identity.permissions import Permission, permissions_of
from app.identity.realms import OPEN_STATES, is_bss_realm, open_realm
from tenants.context import HeldRules, Reach, current_scope
from tenants.models import Storefront

TOKEN_LIFE = timedelta(minutes=60)  # decisions section 8
USE_NOTED_EVERY = timedelta(minutes=1)
PUBLIC_ID = re.compile(r"g[ck]_[0-9a-f]{24}")
NO_DIGEST = digest("")  # compared with where there is no such client
NEEDED_RIGHT = {
    ApiScope.PRODUCTS_READ: Permission.BSS_CATALOGUE_VIEW,
    ApiScope.ACCOUNTS_READ: Permission.BSS_ACCOUNTS_VIEW,
    ApiScope.ACCOUNTS_WRITE: Permission.BSS_ACCOUNTS_EDIT,
    ApiScope.ORDERS_READ: Permission.BSS_ORDERS_VIEW,
    ApiScope.ORDERS_WRITE: Permission.BSS_ORDERS_EDIT,
    ApiScope.SUBSCRIPTIONS_READ: Permission.BSS_SUBSCRIPTIONS_VIEW,
    ApiScope.SUBSCRIPTIONS_WRITE: Permission.BSS_SUBSCRIPTIONS_EDIT,
    ApiScope.INVOICES_READ: Permission.BSS_BILLING_VIEW,
}  # of the person a program of the back office acts for (BC-03, BC-F10)

CLIENT = (
    ApiClient.id,
    ApiClient.public_id,
    ApiClient.name,
    ApiClient.secret_digest,
    ApiClient.expires_at,
    ApiClient.last_used_at,
    ApiClient.acts_for_id,
    Storefront.edition,
    SignInName.kind.label("person_kind"),
    SignInName.type.label("person_type"),
    SignInName.roles.label("person_roles"),
    SignInName.rights.label("person_rights"),
    SignInName.rule_access.label("person_access"),
)


@dataclass(frozen=True, slots=True)
class Caller:
    """A program that has shown who it is, with what it may do now: no more than its storefront's edition.

    In the back office no more than the person it acts for either, whose `rights` these are (None: no such bound), and of
    records what permission rules leave to that person.
    """

    id: UUID
    public_id: str
    name: str
    realm_id: UUID
    scopes: frozenset[ApiScope]
    secret_digest: str
    expires_at: datetime | None
    last_used_at: datetime | None
    acts_for_id: UUID | None
    rights: frozenset[Permission] | None
    rules: HeldRules | Reach


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token in clear, given once; `seconds` from now."""

    token: str
    scopes: frozenset[ApiScope]
    seconds: int


def check_secret(realm_id: UUID, public_id: str, secret: str, *, at: datetime) -> Caller | None:
    """Return the OAuth client that a client id and secret name in this realm, or None."""
    return _check(realm_id, ApiClientKind.OAUTH, public_id, secret, at)


def check_key(realm_id: UUID, key: str, *, at: datetime) -> Caller | None:
    """Return the client an API key names in this realm, or None."""
    public_id, _, secret = key.partition(".")
    return _check(realm_id, ApiClientKind.API_KEY, public_id, secret, at)


def check_token(realm_id: UUID, token: str, *, at: datetime) -> Caller | None:
    """Return who a bearer token was given to in this realm, with the token's scopes, or None."""
    statement = (
        _live(select(*CLIENT, ApiToken.scopes), realm_id, at)
        .join(ApiToken, and_(ApiToken.distributor_id == ApiClient.distributor_id, ApiToken.client_id == ApiClient.id))
        .where(
            ApiToken.realm_id == realm_id,
            ApiToken.token_digest == digest(token),
            ApiToken.secret_digest == ApiClient.secret_digest,
            ApiToken.valid_until > at,
        )
    )
    with open_realm(realm_id):
        row = session.execute(statement).one_or_none()
    return None if row is None else _caller(realm_id, row)


def issue_token(caller: Caller, scopes: frozenset[ApiScope], *, at: datetime) -> IssuedToken:
    """Give a client a token for some of its scopes, and forget those of its tokens that have run out."""
    if not scopes <= caller.scopes:
        raise ValueError("A token does no more than its client")
    until = at + TOKEN_LIFE if caller.expires_at is None else min(at + TOKEN_LIFE, caller.expires_at)
    token = new_token()
    with open_realm(caller.realm_id):
        session.execute(
            delete(ApiToken).where(
                ApiToken.distributor_id == current_scope().distributor_id,
                ApiToken.client_id == caller.id,
                ApiToken.valid_until <= at,
            )
        )
        session.add(
            ApiToken(
                realm_id=caller.realm_id,
                client_id=caller.id,
                token_digest=digest(token),
                secret_digest=caller.secret_digest,
                scopes=sorted(each.value for each in scopes),
                created_at=at,
                valid_until=until,
            )
        )
        session.flush()
    return IssuedToken(token, scopes, int((until - at).total_seconds()))


def is_use_noted(caller: Caller, *, at: datetime) -> bool:
    """Whether the client's last use stands there already, to the minute."""
    return caller.last_used_at is not None and at - caller.last_used_at < USE_NOTED_EVERY


def note_use(caller: Caller, *, at: datetime) -> None:
    """Remember that a client has called."""
    with open_realm(caller.realm_id):
        session.execute(
            update(ApiClient)
            .where(ApiClient.distributor_id == current_scope().distributor_id, ApiClient.id == caller.id)
            .values(last_used_at=at)
        )


def _check(realm_id: UUID, kind: ApiClientKind, public_id: str, secret: str, at: datetime) -> Caller | None:
    wanted = public_id if PUBLIC_ID.fullmatch(public_id) else ""
    statement = _live(select(*CLIENT, ApiClient.scopes), realm_id, at).where(
        ApiClient.kind == kind, ApiClient.public_id == wanted
    )
    with open_realm(realm_id):
        row = session.execute(statement).one_or_none()
    is_right = hmac.compare_digest(digest(secret), NO_DIGEST if row is None else row.secret_digest)
    return _caller(realm_id, row) if is_right and row is not None else None


def _live(statement: Any, realm_id: UUID, at: datetime) -> Any:
    """Clients that are neither revoked nor run out, where the back office or an open storefront has them.

    In the back office a program ends with the person it acts for (BC-02).
    """
    is_open = _has_person() if is_bss_realm(realm_id) else Storefront.state.in_(OPEN_STATES)
    return (
        statement.select_from(ApiClient)
        .outerjoin(
            Storefront,
            and_(Storefront.distributor_id == ApiClient.distributor_id, Storefront.id == ApiClient.realm_id),
        )
        .outerjoin(
            SignInName,
            and_(
                SignInName.distributor_id == ApiClient.distributor_id,
                SignInName.realm_id == ApiClient.realm_id,
                SignInName.user_id == ApiClient.acts_for_id,
            ),
        )
        .where(
            ApiClient.distributor_id == current_scope().distributor_id,
            ApiClient.realm_id == realm_id,
            ApiClient.revoked_at.is_(None),
            or_(ApiClient.expires_at.is_(None), ApiClient.expires_at > at),
            is_open,
        )
    )


def _has_person() -> Any:
    return or_(ApiClient.acts_for_id.is_(None), SignInName.status == UserStatus.ACTIVE)


def _caller(realm_id: UUID, row: Any) -> Caller:
    rights: frozenset[Permission] | None = None
    rules: HeldRules | Reach = Reach.ALL
    if row.person_kind is not None and is_bss_realm(realm_id):
        rights = permissions_of(row.person_kind, row.person_type, row.person_roles, rights=row.person_rights)
        rules = rules_of(row.acts_for_id, row.person_access, rights)
    allowed = known_scopes(row.scopes) & scopes_of_edition(row.edition)
    return Caller(
        id=row.id,
        public_id=row.public_id,
        name=row.name,
        realm_id=realm_id,
        scopes=frozenset(each for each in allowed if rights is None or NEEDED_RIGHT[each] in rights),
        secret_digest=row.secret_digest,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        acts_for_id=row.acts_for_id,
        rights=rights,
        rules=rules,
    )
