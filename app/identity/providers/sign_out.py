"""Ending sessions that a provider vouched for: with its word, or with a word to it (BC-27).

Only sessions of that provider in its own realm end; who signed in another way stays.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from app.audit.services import Actor, record
from app.core.db import session
from app.core.ids import new_id
from app.core.secrets import digest
from app.identity.models import UserSession
from app.identity.providers.identities import LogoutHint, SsoFailed
from app.identity.providers.models import IdentityProvider, ProviderKind, SamlAssertionSeen
from app.identity.providers.queries import find_provider
from app.identity.realms import open_realm
from tenants.context import current_scope


@dataclass(frozen=True, slots=True)
class SignOutThere:
    """A provider that wants to be told of the end of a session, and what."""

    provider: IdentityProvider
    hint: LogoutHint
    session: str | None


def wants_to_know(realm_id: UUID, session_id: UUID) -> SignOutThere | None:
    """Return whom to tell that a session ends; None where it came by a password, or its provider takes no such word."""
    with open_realm(realm_id):
        found = session.execute(
            select(UserSession.provider_id, UserSession.provider_session, UserSession.logout_hint_encrypted).where(
                UserSession.distributor_id == current_scope().distributor_id,
                UserSession.realm_id == realm_id,
                UserSession.id == session_id,
            )
        ).one_or_none()
    if found is None or found.provider_id is None or not found.logout_hint_encrypted:
        return None
    provider = find_provider(realm_id, found.provider_id)
    if provider is None or not provider.signs_out:
        return None
    hint = LogoutHint.opened(found.logout_hint_encrypted)
    is_told = bool(provider.slo_url and hint.name_id and provider.own_key_encrypted)
    if provider.kind is ProviderKind.OIDC:
        is_told = bool(hint.end_session_url and hint.id_token)
    return SignOutThere(provider, hint, found.provider_session) if is_told else None


def note_message(
    provider: IdentityProvider, kind: str, message_id: str, *, valid_until: datetime, at: datetime
) -> None:
    """Note a message until its own times refuse it; raises SsoFailed where it was seen before."""
    distributor_id = current_scope().distributor_id
    with open_realm(provider.realm_id):
        session.execute(
            delete(SamlAssertionSeen).where(
                SamlAssertionSeen.distributor_id == distributor_id,
                SamlAssertionSeen.realm_id == provider.realm_id,
                SamlAssertionSeen.valid_until <= at,
            )
        )
        noted = session.execute(
            insert(SamlAssertionSeen)
            .values(
                id=new_id(),
                realm_id=provider.realm_id,
                provider_id=provider.id,
                assertion_digest=digest(f"{kind}:{message_id}"),
                valid_until=valid_until,
            )
            .on_conflict_do_nothing()
            .returning(SamlAssertionSeen.id)
        ).one_or_none()
    if noted is None:
        raise SsoFailed("replayed")


def end_sessions_of_provider(
    provider: IdentityProvider,
    *,
    subject: str | None,
    sessions: Collection[str] = (),
    address: str | None,
    at: datetime,
) -> int:
    """End the sessions a provider vouched for: those it names, or all of a person's; return how many.

    Both given: those sessions, as far as they are that person's.
    """
    if subject is None and not sessions:
        return 0
    wanted = delete(UserSession).where(
        UserSession.distributor_id == current_scope().distributor_id,
        UserSession.realm_id == provider.realm_id,
        UserSession.provider_id == provider.id,
    )
    if subject is not None:
        wanted = wanted.where(UserSession.provider_subject == subject)
    if sessions:
        wanted = wanted.where(UserSession.provider_session.in_(sessions))
    with open_realm(provider.realm_id):
        ended = session.scalars(wanted.returning(UserSession.user_id)).all()
    for user_id in sorted(set(ended)):
        record(
            "session.ended_by_provider",
            actor=Actor(None, provider.name, address=address),
            at=at,
            target_kind="user",
            target_id=user_id,
            after={"provider": provider.name},
        )
    return len(ended)
