"""Making, renewing and ending clients of a realm's API. Secrets are returned once and never again (RS-30, BC-32).

Every function works in the realm it is told; the scope in force names the distributor.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from app.audit.services import Actor, record
from app.core.db import session
from app.core.errors import Conflict, FieldError, Invalid, NotFound
from app.core.secrets import digest, new_token
from app.identity.api_clients.models import ApiClient, ApiClientKind, ApiScope
from app.identity.api_clients.notices import tell_owners
from app.identity.realms import is_bss_realm, open_realm
from tenants.context import current_scope
from tenants.models import Storefront

LONGEST_NAME = 80
MOST_CLIENTS = 5  # of a realm, revoked ones not counted (BC-33)
READ_ONLY_EDITION = "free"
PREFIXES = {ApiClientKind.OAUTH: "gc_", ApiClientKind.API_KEY: "gk_"}


class ApiClientNotFound(NotFound):
    """This realm has no such client."""

    def __init__(self) -> None:
        super().__init__("There are no such credentials")


class ApiClientRevoked(Conflict):
    """What was revoked stays revoked."""

    code = "api_client_revoked"

    def __init__(self) -> None:
        super().__init__("These credentials were revoked; create new ones")


@dataclass(frozen=True, slots=True)
class NewApiClient:
    """What somebody wants a program to have. `expires_at` None: until it is revoked."""

    name: str
    kind: ApiClientKind
    scopes: frozenset[ApiScope]
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ShownOnce:
    """A client and its secret in clear: the whole key of an API key, the client secret of an OAuth client."""

    client: ApiClient
    secret: str


def scopes_of_edition(edition: str | None) -> frozenset[ApiScope]:
    """Return what clients of a storefront may do at most; None is the back office. Free: read (decisions section 5)."""
    return frozenset(each for each in ApiScope if edition != READ_ONLY_EDITION or not each.is_write)


def offered_scopes(realm_id: UUID) -> Sequence[ApiScope]:
    """Return what a new client of the realm may be given, in the order of the list."""
    allowed = scopes_of_edition(_edition_of(realm_id))
    return [each for each in ApiScope if each in allowed]


def list_clients(realm_id: UUID) -> Sequence[ApiClient]:
    """Return the realm's clients: those that work first, then the newest."""
    with open_realm(realm_id):
        return session.scalars(
            select(ApiClient)
            .where(ApiClient.distributor_id == current_scope().distributor_id, ApiClient.realm_id == realm_id)
            .order_by(ApiClient.revoked_at.is_not(None), ApiClient.created_at.desc(), ApiClient.id.desc())
        ).all()


def create_client(realm_id: UUID, new: NewApiClient, *, actor: Actor, at: datetime) -> ShownOnce:
    """Make a client. Raises Invalid for a missing name, scopes the edition has not, a past end, or one too many."""
    name = new.name.strip()
    with open_realm(realm_id):
        _check(realm_id, name, new, at)
        public_id = PREFIXES[new.kind] + secrets.token_hex(12)
        secret = new_token()
        made = ApiClient(
            realm_id=realm_id,
            name=name,
            kind=new.kind,
            public_id=public_id,
            secret_digest=digest(secret),
            scopes=sorted(each.value for each in new.scopes),
            created_at=at,
            expires_at=new.expires_at,
            acts_for_id=actor.user_id,
        )
        session.add(made)
        session.flush()
    record(
        "api_client.created", actor=actor, at=at, target_kind="api_client", target_id=made.id,
        after={"name": name, "kind": new.kind.value, "scopes": " ".join(made.scopes), "expires_at": new.expires_at},
    )  # fmt: skip
    tell_owners(realm_id, name, f"{actor.name} has created them.", at=at)
    return ShownOnce(made, _shown(made, secret))


def rotate_secret(realm_id: UUID, client_id: UUID, *, actor: Actor, at: datetime) -> ShownOnce:
    """Give a client a new secret; the old one and every token asked for with it end now.

    Raises ApiClientNotFound and ApiClientRevoked.
    """
    secret = new_token()
    with open_realm(realm_id):
        found = _locked(realm_id, client_id)
        if found.revoked_at is not None:
            raise ApiClientRevoked
        found.secret_digest = digest(secret)
        session.flush()
    record("api_client.rotated", actor=actor, at=at, target_kind="api_client", target_id=client_id)
    tell_owners(realm_id, found.name, f"{actor.name} has given them a new secret; the old one is refused.", at=at)
    return ShownOnce(found, _shown(found, secret))


def revoke_client(realm_id: UUID, client_id: UUID, *, actor: Actor, at: datetime) -> None:
    """End a client and its tokens now; a second call changes nothing. Raises ApiClientNotFound."""
    with open_realm(realm_id):
        found = _locked(realm_id, client_id)
        if found.revoked_at is not None:
            return
        found.revoked_at = at
        session.flush()
    record(
        "api_client.revoked", actor=actor, at=at, target_kind="api_client", target_id=client_id,
        before={"name": found.name},
    )  # fmt: skip
    tell_owners(realm_id, found.name, f"{actor.name} has revoked them.", at=at)


def _shown(client: ApiClient, secret: str) -> str:
    return f"{client.public_id}.{secret}" if client.kind is ApiClientKind.API_KEY else secret


def _check(realm_id: UUID, name: str, new: NewApiClient, at: datetime) -> None:
    wrong = []
    if not name:
        wrong.append(FieldError("name", "name_required", "Enter a name"))
    elif len(name) > LONGEST_NAME:
        wrong.append(FieldError("name", "too_long", f"Use at most {LONGEST_NAME} characters"))
    elif not name.isprintable():
        wrong.append(FieldError("name", "invalid", "Use letters, digits and signs"))
    if not new.scopes:
        wrong.append(FieldError("scopes", "scopes_required", "Choose what it may do"))
    elif not new.scopes <= set(offered_scopes(realm_id)):
        wrong.append(FieldError("scopes", "edition_read_only", "Your plan's API is for reading"))
    if new.expires_at is not None and new.expires_at <= at:
        wrong.append(FieldError("expires", "in_the_past", "Choose an end in the future"))
    if not wrong and _live_count(realm_id) >= MOST_CLIENTS:
        wrong.append(FieldError("", "too_many", f"There are {MOST_CLIENTS} already: revoke one first"))
    if wrong:
        raise Invalid(*wrong)


def _live_count(realm_id: UUID) -> int:
    return (
        session.scalar(
            select(func.count())
            .select_from(ApiClient)
            .where(
                ApiClient.distributor_id == current_scope().distributor_id,
                ApiClient.realm_id == realm_id,
                ApiClient.revoked_at.is_(None),
            )
        )
        or 0
    )


def _locked(realm_id: UUID, client_id: UUID) -> ApiClient:
    found = session.scalar(
        select(ApiClient)
        .where(
            ApiClient.distributor_id == current_scope().distributor_id,
            ApiClient.realm_id == realm_id,
            ApiClient.id == client_id,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise ApiClientNotFound
    return found


def _edition_of(realm_id: UUID) -> str | None:
    if is_bss_realm(realm_id):
        return None
    return session.scalars(
        select(Storefront.edition).where(
            Storefront.distributor_id == current_scope().distributor_id, Storefront.id == realm_id
        )
    ).one()


def known_scopes(values: Collection[str]) -> frozenset[ApiScope]:
    """Return the scopes of their names; a name that is none gives nothing."""
    return frozenset(each for each in ApiScope if each.value in values)
