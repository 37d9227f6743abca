"""A round trip by SAML: set out with a request, prove what comes back. The trip itself is `providers.trips`'."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from app.core.db import session
from app.core.ids import new_id
from app.core.secrets import digest
from app.identity.providers.identities import Identity, LogoutHint
from app.identity.providers.models import IdentityProvider, ProviderKind, SamlAssertionSeen, SsoPurpose
from app.identity.providers.trips import Arrival, Departure, Traveller, keep_identity, set_out
from app.identity.realms import open_realm
from app.identity.saml.errors import AnswerRefused
from app.identity.saml.service import ServiceAddresses, ask_to_sign_in
from app.identity.saml.verification import Attribute, Expected, VerifiedAnswer, verify_answer
from tenants.context import current_scope

CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
# What providers call it when nobody has set another name: Entra ID and AD FS, LDAP's numbers and names, plain words.
EMAIL_NAMES = ("email", f"{CLAIMS}/emailaddress", "urn:oid:0.9.2342.19200300.100.1.3", "mail", "emailAddress")
FIRST_NAMES = ("given_name", f"{CLAIMS}/givenname", "urn:oid:2.5.4.42", "givenName", "firstName")
GROUP_NAMES = ("groups", "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups", "memberOf", "group")
LAST_NAMES = ("family_name", f"{CLAIMS}/surname", "urn:oid:2.5.4.4", "sn", "lastName")


@dataclass(frozen=True, slots=True)
class SamlDeparture:
    """Where the browser goes, and what it holds meanwhile."""

    departure: Departure
    url: str


def depart(
    provider: IdentityProvider,
    purpose: SsoPurpose,
    addresses: ServiceAddresses,
    *,
    at: datetime,
    browser: str | None = None,
    next_path: str | None = None,
    traveller: Traveller | None = None,
    address: str | None = None,
) -> SamlDeparture:
    """Note the trip and return where it goes. RelayState repeats the request's id: the trip is found before parsing."""
    request = ask_to_sign_in(provider, addresses, address=address)
    departure = set_out(
        provider, purpose, at=at, browser=browser, next_path=next_path, traveller=traveller, state=request.id
    )
    return SamlDeparture(departure, request.url)


def prove(arrival: Arrival, request_id: str, encoded: str, addresses: ServiceAddresses, *, at: datetime) -> Identity:
    """Verify the answer of a spent trip, note its assertion, and keep who it is; raises AnswerRefused.

    The trip was spent in a transaction of its own (`trips.take_answer`); the caller commits this one.
    """
    provider = arrival.provider
    if provider.kind is not ProviderKind.SAML:
        raise AnswerRefused("the provider speaks another protocol")
    expected = Expected(
        request_id=request_id,
        provider_entity_id=provider.entity_id or "",
        certificates=tuple(provider.certificates),
        own_entity_id=addresses.entity_id,
        acs_url=addresses.acs_url,
    )
    answer = verify_answer(encoded, expected, at=at)
    _note_assertion(provider.realm_id, provider.id, answer, at=at)
    identity = identity_of(provider, answer)
    keep_identity(provider.realm_id, arrival.request_id, identity)
    return identity


def identity_of(provider: IdentityProvider, answer: VerifiedAnswer) -> Identity:
    """Read who it is by the provider's attribute map. SAML has no word for a verified address: the owner's trust is it."""
    email = _value(answer.attributes, provider.email_claim, EMAIL_NAMES)
    subject = answer.subject
    if email is None and subject.format == Names.NAMEID_EMAIL_ADDRESS:
        email = subject.text
    return Identity(
        issuer=answer.issuer,
        subject=subject.text,
        email=email,
        is_email_verified=False,
        first_name=_value(answer.attributes, provider.first_name_claim, FIRST_NAMES) or "",
        last_name=_value(answer.attributes, provider.last_name_claim, LAST_NAMES) or "",
        session=answer.provider_session,
        groups=_values(answer.attributes, provider.groups_claim, GROUP_NAMES),
        logout_hint=LogoutHint(
            name_id=subject.text,
            name_format=subject.format or "",
            name_qualifier=subject.qualifier or "",
            own_qualifier=subject.own_qualifier or "",
        ),
        received=(
            ("NameID", subject.text),
            *((each.name, value) for each in answer.attributes for value in each.values),
        ),
    )


def _value(attributes: Iterable[Attribute], name: str, usual: tuple[str, ...]) -> str | None:
    """Return an attribute's only value: under the set name, or where none was set under the usual ones."""
    for wanted in usual if name == usual[0] else (name,):
        values = {
            value for each in attributes if wanted in (each.name, each.friendly_name) for value in each.values if value
        }
        if len(values) == 1:
            return values.pop()
        if values:
            raise AnswerRefused(f"several values of {wanted}")
    return None


def _values(attributes: Iterable[Attribute], name: str, usual: tuple[str, ...]) -> tuple[str, ...]:
    """Return all values of an attribute: under the set name, or where none was set under the first usual one there is."""
    for wanted in usual if name == usual[0] else (name,):
        found = [
            value for each in attributes if wanted in (each.name, each.friendly_name) for value in each.values if value
        ]
        if found:
            return tuple(found)
    return ()


def _note_assertion(realm_id: UUID, provider_id: UUID, answer: VerifiedAnswer, *, at: datetime) -> None:
    """Remember an assertion until its own times refuse it; one that was seen before is refused."""
    distributor_id = current_scope().distributor_id
    with open_realm(realm_id):
        session.execute(
            delete(SamlAssertionSeen).where(
                SamlAssertionSeen.distributor_id == distributor_id,
                SamlAssertionSeen.realm_id == realm_id,
                SamlAssertionSeen.valid_until <= at,
            )
        )
        noted = session.execute(
            insert(SamlAssertionSeen)
            .values(
                id=new_id(),
                realm_id=realm_id,
                provider_id=provider_id,
                assertion_digest=digest(answer.assertion_id),
                valid_until=answer.valid_until,
            )
            .on_conflict_do_nothing()
            .returning(SamlAssertionSeen.id)
        ).one_or_none()
    if noted is None:
        raise AnswerRefused("replayed")
