"""Looking after SAML providers once a day: metadata is read again, and owners hear of certificates that end.

Nobody is there to test, so only what leaves the provider recognisable is taken over: its name, its address and one of
its certificates stay. Everything else waits for the owner, who is told, and the connection stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from cryptography import x509
from sqlalchemy import Select, or_, select

from app.audit.services import SYSTEM, record
from app.core.db import session
from app.core.errors import Invalid
from app.identity.providers.models import IdentityProvider, ProviderKind
from app.identity.providers.owners import tell_owners_of_provider
from app.identity.realms import KEPT_STATES, open_realm
from app.identity.saml.metadata import ProviderDescription, read_metadata
from app.identity.saml.services import connect, is_known_as
from tenants.context import current_scope
from tenants.models import Storefront

EVERY = timedelta(days=1)
TOLD_DAYS_BEFORE = (30, 7, 1)
ANOTHER = (
    "Its metadata describes another provider, another address, or only certificates that are not known. It goes on as it"
    " was; read the metadata yourself and run a test sign-in, or people cannot sign in once the old certificate is gone."
)
UNREADABLE = "Its metadata could not be read: {reason} It goes on as it was."


@dataclass(frozen=True, slots=True)
class Due:
    """A provider to look after; `url` None where its owner pasted the metadata."""

    provider_id: UUID
    url: str | None


def realms_to_look_after(at: datetime) -> Sequence[UUID]:
    """Return the realms of the distributor with a provider nobody has looked after for a day."""
    distributor_id = current_scope().distributor_id
    storefronts = session.scalars(
        select(Storefront.id).where(Storefront.distributor_id == distributor_id, Storefront.state.in_(KEPT_STATES))
    ).all()
    found = []
    for realm_id in (distributor_id, *storefronts):
        with open_realm(realm_id):
            if session.execute(_due(realm_id, at).limit(1)).first() is not None:
                found.append(realm_id)
    return found


def due_providers(realm_id: UUID, *, at: datetime) -> list[Due]:
    """Return the providers of a realm to look after now."""
    with open_realm(realm_id):
        found = session.execute(_due(realm_id, at)).all()
    return [Due(row.id, row.metadata_url) for row in found]


def _due(realm_id: UUID, at: datetime) -> Select[UUID, str | None]:
    return select(IdentityProvider.id, IdentityProvider.metadata_url).where(
        IdentityProvider.distributor_id == current_scope().distributor_id,
        IdentityProvider.realm_id == realm_id,
        IdentityProvider.kind == ProviderKind.SAML,
        or_(IdentityProvider.metadata_read_at.is_(None), IdentityProvider.metadata_read_at <= at - EVERY),
    )


def take_over(realm_id: UUID, provider_id: UUID, text: str, *, at: datetime) -> None:
    """Take over metadata that was read again, as far as nobody has to look at it."""
    provider = _locked(realm_id, provider_id, at)
    if provider is None:
        return
    try:
        found = read_metadata(text, entity_id=provider.entity_id)
    except Invalid as refusal:
        _complain(provider, UNREADABLE.format(reason=f"{refusal.errors[0].message}."), at=at)
        return
    if not is_known_as(provider, found):
        _complain(provider, ANOTHER, at=at)
        return
    changed = _differences(provider, found)
    with open_realm(realm_id):
        provider.metadata_error = None
        if changed:
            connect(provider, found, at=at)
        session.flush()
    if changed:
        record(
            "provider.metadata_renewed", actor=SYSTEM, at=at, target_kind="provider", target_id=provider.id,
            account_id=provider.account_id, after={"changed": ", ".join(changed), "certificates": len(found.certificates)},
        )  # fmt: skip


def note_failure(realm_id: UUID, provider_id: UUID, reason: str, *, at: datetime) -> None:
    """Note that metadata could not be read; the owner is told the first time."""
    provider = _locked(realm_id, provider_id, at)
    if provider is not None:
        _complain(provider, UNREADABLE.format(reason=f"{reason}."), at=at)


def tell_of_expiry(realm_id: UUID, provider_id: UUID, *, at: datetime) -> None:
    """Tell owners 30, 7 and 1 days before a provider's last certificate ends; each once."""
    provider = _locked(realm_id, provider_id, at)
    if provider is None or not provider.certificates:
        return
    ends = max(x509.load_pem_x509_certificate(each.encode()).not_valid_after_utc for each in provider.certificates)
    days = (ends - at) / timedelta(days=1)
    reached = [each for each in TOLD_DAYS_BEFORE if days <= each]
    if not reached or (provider.expiry_told is not None and provider.expiry_told <= min(reached)):
        return
    with open_realm(realm_id):
        provider.expiry_told = min(reached)
        session.flush()
    when = f"on {ends:%d %b %Y}" if ends > at else "already"
    tell_owners_of_provider(
        provider,
        f"Its last signing certificate ends {when}. Take over its new metadata before, or nobody can sign in with it.",
        at=at,
    )


def _locked(realm_id: UUID, provider_id: UUID, at: datetime) -> IdentityProvider | None:
    """Return a provider, locked and noted as looked after; None where it is gone."""
    with open_realm(realm_id):
        found = session.scalars(
            select(IdentityProvider)
            .where(
                IdentityProvider.distributor_id == current_scope().distributor_id, IdentityProvider.id == provider_id
            )
            .with_for_update()
            .execution_options(populate_existing=True)
        ).one_or_none()
        if found is not None:
            found.metadata_read_at = at
            session.flush()
    return found


def _complain(provider: IdentityProvider, what: str, *, at: datetime) -> None:
    if provider.metadata_error == what[:300]:
        return
    with open_realm(provider.realm_id):
        provider.metadata_error = what[:300]
        session.flush()
    tell_owners_of_provider(provider, what, at=at)


def _differences(provider: IdentityProvider, found: ProviderDescription) -> list[str]:
    pairs = {
        "certificates": (sorted(provider.certificates), sorted(found.certificates)),
        "slo_url": (provider.slo_url, found.slo_url),
        "slo_answer_url": (provider.slo_answer_url, found.slo_answer_url),
        "name_id_format": (provider.name_id_format, found.name_id_format),
        "signs_requests": (provider.signs_requests, found.wants_signed_requests),
    }
    return [name for name, (before, after) in pairs.items() if before != after]
