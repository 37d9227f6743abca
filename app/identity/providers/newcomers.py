"""People whom a provider vouches for and nobody knows: they go on to the registration form (SF-14 (3), SF-05)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from app.audit.services import Actor, record
from app.core.db import session
from app.core.ids import new_id
from app.identity.mails import mail_person, realm_url, settings_of_realm
from app.identity.models import User, UserStatus
from app.identity.providers.identities import SsoFailed
from app.identity.providers.models import IdentityLink, IdentityProvider, SsoPurpose, SsoRequest
from app.identity.providers.queries import find_provider, get_provider
from app.identity.providers.trips import close, fetch, is_open_for
from app.identity.realms import is_bss_realm, open_realm
from app.identity.recovery import set_status_of_names
from app.notifications.templates import MailTemplate
from tenants.context import current_scope

TO_FILL_IN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RegistrationNeeded:
    """The identity is proven and nobody's; its owner may register with it."""


@dataclass(frozen=True, slots=True)
class Vouched:
    """What a provider says of somebody who registers; the address is verified."""

    provider_id: UUID
    provider_name: str
    issuer: str
    subject: str
    email: str
    first_name: str
    last_name: str


def may_register(trip: SsoRequest, provider: IdentityProvider, *, is_verified: bool) -> bool:
    """Whether an unknown identity goes on to registration: a verified one, of the storefront's own provider."""
    if is_bss_realm(trip.realm_id) or provider.account_id is not None or not is_verified:
        return False
    return settings_of_realm(trip.realm_id).self_registration


def keep_for_registration(trip: SsoRequest, *, at: datetime) -> RegistrationNeeded:
    """Give a trip the time that filling in a form takes."""
    with open_realm(trip.realm_id):
        trip.is_email_verified = True  # the owner's trust in the provider, as it was when it came back
        trip.valid_until = at + TO_FILL_IN
        session.flush()
    return RegistrationNeeded()


def applicant_of(realm_id: UUID, request_id: UUID, browser: str, *, at: datetime) -> Vouched:
    """Return whom a fetched answer speaks of, for their registration; raises SsoFailed."""
    trip = _of_registration(realm_id, request_id, browser, at=at)
    provider = get_provider(realm_id, trip.provider_id)
    return Vouched(
        provider.id,
        provider.name,
        trip.issuer or "",
        trip.subject or "",
        trip.email or "",
        trip.first_name or "",
        trip.last_name or "",
    )


def spend_for_registration(realm_id: UUID, request_id: UUID, browser: str, *, at: datetime) -> None:
    """End a trip that has led to a registration: it leads to no second one. Raises SsoFailed."""
    close(_of_registration(realm_id, request_id, browser, at=at), at=at)


def _of_registration(realm_id: UUID, request_id: UUID, browser: str, *, at: datetime) -> SsoRequest:
    trip = fetch(realm_id, request_id, browser, at=at)
    provider = get_provider(realm_id, trip.provider_id)
    if trip.purpose is not SsoPurpose.SIGN_IN or trip.user_id is not None or not is_open_for(provider, trip.purpose):
        raise SsoFailed("nobody registers with this answer")
    if not may_register(trip, provider, is_verified=trip.is_email_verified and bool(trip.email)):
        raise SsoFailed("nobody registers with this answer")
    return trip


def connect_newcomer(user: User, realm_id: UUID, vouched: Vouched, *, actor: Actor, at: datetime) -> bool:
    """Link and activate somebody who registered with an identity; False where it was taken or its provider is gone.

    Their address is verified by the provider, so there is no link to follow: they are told that they may come in.
    """
    if find_provider(realm_id, vouched.provider_id) is None or _is_taken(realm_id, vouched):
        return False
    with open_realm(realm_id):
        session.add(
            IdentityLink(
                id=new_id(),
                realm_id=realm_id,
                provider_id=vouched.provider_id,
                issuer=vouched.issuer,
                subject=vouched.subject,
                user_id=user.id,
                email=user.email,
                linked_at=at,
            )
        )
        session.flush()
    user.status, user.activated_at = UserStatus.ACTIVE, at
    session.flush()
    set_status_of_names(user, UserStatus.ACTIVE)
    record(
        "user.identity_connected", actor=actor, at=at, target_kind="user", target_id=user.id,
        after={"provider": vouched.provider_name},
    )  # fmt: skip
    mail_person(
        MailTemplate.ACTIVATION_DONE,
        realm_id,
        email=user.email,
        full_name=user.full_name,
        fields={"login_url": realm_url(realm_id, "/login")},
        user_id=user.id,
        at=at,
    )
    return True


def _is_taken(realm_id: UUID, vouched: Vouched) -> bool:
    with open_realm(realm_id):
        found = session.scalar(
            select(IdentityLink.id)
            .where(
                IdentityLink.distributor_id == current_scope().distributor_id,
                IdentityLink.realm_id == realm_id,
                IdentityLink.provider_id == vouched.provider_id,
                IdentityLink.issuer == vouched.issuer,
                IdentityLink.subject == vouched.subject,
            )
            .with_for_update()
        )
    return found is not None
