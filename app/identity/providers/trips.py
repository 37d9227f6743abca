"""Round trips to a provider: set out, take one answer in, come back with the same browser. Each step counts once.

Both protocols use them: `set_out`, then `take_answer` when something comes back (it is spent before it is looked at),
`keep_identity` when it proved right, and `fetch` in the browser that set out. A trip lasts ten minutes.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, or_, select

from app.core.db import session
from app.core.ids import new_id
from app.core.secrets import decrypt, digest, encrypt, new_token
from app.identity.companies.queries import Company, may_be_used
from app.identity.providers.identities import Identity, SsoFailed
from app.identity.providers.models import IdentityProvider, ProviderState, SsoPurpose, SsoRequest
from app.identity.realms import open_realm
from tenants.context import current_scope

VALID_FOR = timedelta(minutes=10)
WITH_CODES_KEPT_FOR = timedelta(days=1)  # so long wrong codes of one person add up
LONGEST_TEXT, LONGEST_SESSION = 500, 300
LONGEST_GROUP, MOST_GROUPS = 200, 500  # longer names and what comes after are nobody's rule


@dataclass(frozen=True, slots=True)
class Departure:
    """Secrets of a trip, known only now: `state` comes back from the provider, `browser` stays with the browser."""

    request_id: UUID
    state: str
    browser: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """A trip whose answer is being taken in."""

    request_id: UUID
    provider: IdentityProvider
    purpose: SsoPurpose
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Traveller:
    """Somebody signed in who sets out to connect one more way in."""

    user_id: UUID
    session_id: UUID


def set_out(
    provider: IdentityProvider,
    purpose: SsoPurpose,
    *,
    at: datetime,
    browser: str | None = None,
    next_path: str | None = None,
    traveller: Traveller | None = None,
    state: str | None = None,
) -> Departure:
    """Note that a browser goes to a provider. `browser` is the secret it holds already, `state` SAML's request id."""
    departure = Departure(
        new_id(), state or new_token(), browser or new_token(), new_token(), new_token() + new_token()
    )
    with open_realm(provider.realm_id):
        session.execute(
            delete(SsoRequest).where(
                SsoRequest.distributor_id == provider.distributor_id,
                SsoRequest.realm_id == provider.realm_id,
                SsoRequest.valid_until <= at - VALID_FOR,
                or_(SsoRequest.codes_sent == 0, SsoRequest.created_at <= at - WITH_CODES_KEPT_FOR),
            )
        )
        session.add(
            SsoRequest(
                id=departure.request_id,
                realm_id=provider.realm_id,
                provider_id=provider.id,
                purpose=purpose,
                state_digest=digest(departure.state),
                browser_digest=digest(departure.browser),
                nonce=departure.nonce,
                verifier_encrypted=encrypt(departure.verifier),
                next_path=next_path,
                user_id=traveller.user_id if traveller else None,
                session_id=traveller.session_id if traveller else None,
                valid_until=at + VALID_FOR,
                created_at=at,
                wrong_tries=0,
                is_email_verified=False,
            )
        )
        session.flush()
    return departure


def take_answer(realm_id: UUID, provider_id: UUID, state: str, *, browser: str | None, at: datetime) -> Arrival:
    """Spend a trip; raises SsoFailed for one that is unknown, another provider's, late or spent.

    Commit before looking at the answer: right or wrong, there is no second one. `browser` is None where the answer
    comes without our cookies (SAML's POST); `fetch` asks for it then.
    """
    with open_realm(realm_id):
        trip = session.scalar(
            select(SsoRequest)
            .where(
                SsoRequest.distributor_id == current_scope().distributor_id,
                SsoRequest.realm_id == realm_id,
                SsoRequest.state_digest == digest(state),
            )
            .with_for_update()
        )
        if trip is None:
            raise SsoFailed("unknown state")
        if trip.provider_id != provider_id:
            raise SsoFailed("the answer came back at another provider's address")
        if browser is not None and not hmac.compare_digest(trip.browser_digest, digest(browser)):
            raise SsoFailed("another browser set out")
        if trip.answered_at is not None:
            raise SsoFailed("the state was used before")
        if trip.valid_until <= at:
            raise SsoFailed("the answer came too late")
        trip.answered_at = at
        provider = session.scalar(
            select(IdentityProvider).where(
                IdentityProvider.distributor_id == trip.distributor_id, IdentityProvider.id == provider_id
            )
        )
        session.flush()
    if provider is None or not is_open_for(provider, trip.purpose):
        raise SsoFailed("the provider is not in use")
    return Arrival(trip.id, provider, trip.purpose, trip.nonce or "", decrypt(trip.verifier_encrypted or ""))


def is_open_for(provider: IdentityProvider, purpose: SsoPurpose) -> bool:
    """Whether a provider may be gone to: any by its owner's test and to sign out there, else an enabled one.

    A company's is while the company may sign in so.
    """
    if purpose in (SsoPurpose.TEST, SsoPurpose.SIGN_OUT):
        return True
    is_on = provider.state is ProviderState.ENABLED
    return is_on and (provider.account_id is None or may_be_used(Company(provider.realm_id, provider.account_id)))


def keep_identity(realm_id: UUID, request_id: UUID, identity: Identity) -> None:
    """Keep a verified answer until the browser that set out fetches it; raises SsoFailed for one that cannot be kept."""
    if not identity.subject or max(len(identity.subject), len(identity.issuer)) > LONGEST_TEXT:
        raise SsoFailed("the subject is missing or too long")
    with open_realm(realm_id):
        trip = session.scalars(
            select(SsoRequest).where(
                SsoRequest.distributor_id == current_scope().distributor_id,
                SsoRequest.realm_id == realm_id,
                SsoRequest.id == request_id,
            )
        ).one()
        trip.issuer, trip.subject = identity.issuer, identity.subject
        trip.email = (identity.email or "").strip().lower()[:254] or None
        trip.is_email_verified = identity.is_email_verified
        trip.first_name, trip.last_name = identity.first_name[:100], identity.last_name[:100]
        trip.provider_session = identity.session if len(identity.session or "") <= LONGEST_SESSION else None
        trip.groups = sorted({group for group in identity.groups if len(group) <= LONGEST_GROUP})[:MOST_GROUPS]
        trip.logout_hint_encrypted = identity.logout_hint.sealed() if identity.logout_hint else None
        if trip.purpose is SsoPurpose.TEST:
            trip.received = json.dumps(identity.received)
        session.flush()


def fetch(realm_id: UUID, request_id: UUID, browser: str, *, at: datetime) -> SsoRequest:
    """Return a trip with its verified answer to the browser that set out, locked; raises SsoFailed."""
    with open_realm(realm_id):
        trip = session.scalar(
            select(SsoRequest)
            .where(
                SsoRequest.distributor_id == current_scope().distributor_id,
                SsoRequest.realm_id == realm_id,
                SsoRequest.id == request_id,
            )
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    if trip is None or not hmac.compare_digest(trip.browser_digest, digest(browser)):
        raise SsoFailed("another browser set out")
    if trip.finished_at is not None or trip.subject is None or trip.valid_until <= at:
        raise SsoFailed("there is nothing to fetch")
    return trip


def close(trip: SsoRequest, *, at: datetime) -> None:
    """End a trip: it has led somewhere, or nowhere for good."""
    with open_realm(trip.realm_id):
        trip.finished_at = at
        session.flush()


def next_path_of(realm_id: UUID, request_id: UUID) -> str | None:
    """Return where somebody wanted to go when they set out; whoever redirects there checks it once more."""
    with open_realm(realm_id):
        return session.scalar(
            select(SsoRequest.next_path).where(
                SsoRequest.distributor_id == current_scope().distributor_id,
                SsoRequest.realm_id == realm_id,
                SsoRequest.id == request_id,
            )
        )
