"""What an owner does with a SAML provider's connection: everything comes from its metadata, pasted or fetched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from app.audit.services import Actor, record
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.ids import new_id
from app.core.secrets import encrypt
from app.identity.providers.models import IdentityProvider, ProviderKind, ProviderState
from app.identity.providers.options import CLAIMS, Options, option_errors, plain_domains, store_options
from app.identity.providers.queries import get_own_provider, has_local_login, list_providers, listed_providers
from app.identity.providers.services import LAST_METHOD
from app.identity.realms import open_realm
from app.identity.saml.metadata import ProviderDescription, read_metadata
from app.identity.saml.service import make_key_pair

LONGEST_NAME = 80


def add_saml_provider(
    realm_id: UUID,
    name: str,
    metadata: str,
    *,
    metadata_url: str | None = None,
    account_id: UUID | None = None,
    actor: Actor,
    at: datetime,
) -> IdentityProvider:
    """Add a provider from its metadata, as a Draft; raises Invalid. `metadata_url` is where it was read, and will be.

    `account_id` is the customer company whose provider it is, here and below; None: the realm's owner's.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise Invalid.field("name", "required", f"Enter a name of at most {LONGEST_NAME} characters")
    if any(each.name.casefold() == name.casefold() for each in list_providers(realm_id, account_id=account_id)):
        raise Invalid.field("name", "in_use", "Another provider has this name")
    found = read_metadata(metadata)
    provider = IdentityProvider(
        id=new_id(),
        realm_id=realm_id,
        account_id=account_id,
        kind=ProviderKind.SAML,
        state=ProviderState.DRAFT,
        name=name,
        metadata_url=metadata_url,
        metadata_read_at=at,
        certificates=[],
        created_at=at,
    )
    with open_realm(realm_id):
        session.add(provider)
        connect(provider, found, at=at)
        session.flush()
    record("provider.added", actor=actor, at=at, target_kind="provider", target_id=provider.id, after={"name": name})
    return provider


@dataclass(frozen=True, slots=True, kw_only=True)
class SamlOptions(Options):
    """What an owner decides about a SAML provider beside its metadata."""


def set_saml_options(
    realm_id: UUID,
    provider_id: UUID,
    options: SamlOptions,
    *,
    account_id: UUID | None = None,
    actor: Actor,
    at: datetime,
) -> None:
    """Store what an owner decides about a provider; other attributes have to be tested again.

    Raises ProviderNotFound, Invalid.
    """
    provider = get_own_provider(realm_id, provider_id, account_id=account_id)
    options = replace(options, allowed_domains=plain_domains(options.allowed_domains))
    if errors := tuple(option_errors(realm_id, options, provider, actor=actor)):
        raise Invalid(*errors)
    before = [getattr(provider, name) for name in CLAIMS]
    with open_realm(realm_id):
        store_options(provider, options)
        if before != [getattr(provider, name) for name in CLAIMS]:
            provider.state, provider.tested_at = ProviderState.DRAFT, None
        session.flush()
    if account_id is None and not has_local_login(realm_id) and not listed_providers(realm_id):
        raise Invalid(FieldError("", "last_login_method", LAST_METHOD))
    record(
        "provider.options", actor=actor, at=at, target_kind="provider", target_id=provider_id,
        after={"is_visible": options.is_visible, "trusts_email": options.trusts_email},
    )  # fmt: skip


def renew_saml_provider(
    realm_id: UUID, provider_id: UUID, metadata: str, *, account_id: UUID | None = None, actor: Actor, at: datetime
) -> IdentityProvider:
    """Take over changed metadata. Another certificate beside a known one changes nothing else: one takes over.

    Another provider, another address or only unknown certificates have to be tested again. Raises Invalid.
    """
    provider = get_own_provider(realm_id, provider_id, account_id=account_id)
    if provider.kind is not ProviderKind.SAML:
        raise Invalid.field("metadata", "metadata_refused", "This provider does not speak SAML")
    found = read_metadata(metadata)
    is_known = is_known_as(provider, found)
    before = {"entity_id": provider.entity_id, "certificates": len(provider.certificates)}
    with open_realm(realm_id):
        connect(provider, found, at=at)
        provider.metadata_error = None
        if not is_known:
            provider.state, provider.tested_at = ProviderState.DRAFT, None
        session.flush()
    record(
        "provider.changed",
        actor=actor,
        at=at,
        target_kind="provider",
        target_id=provider.id,
        before=before,
        after={"entity_id": found.entity_id, "certificates": len(found.certificates)},
    )
    return provider


def set_metadata_url(
    realm_id: UUID, provider_id: UUID, url: str | None, *, account_id: UUID | None = None, actor: Actor, at: datetime
) -> None:
    """Let a provider's metadata be read at an address once a day, or no more. Raises ProviderNotFound."""
    provider = get_own_provider(realm_id, provider_id, account_id=account_id)
    before = provider.metadata_url
    if before == url:
        return
    with open_realm(realm_id):
        provider.metadata_url, provider.metadata_read_at, provider.metadata_error = url, at, None
        session.flush()
    record(
        "provider.metadata_address", actor=actor, at=at, target_kind="provider", target_id=provider_id,
        before={"metadata_url": before or ""}, after={"metadata_url": url or ""},
    )  # fmt: skip


def is_known_as(provider: IdentityProvider, found: ProviderDescription) -> bool:
    """Whether a description is of the provider as it is known: its name, its address, and one of its certificates."""
    is_same = (provider.entity_id, provider.sso_url) == (found.entity_id, found.sso_url)
    return is_same and not set(provider.certificates).isdisjoint(found.certificates)


def connect(provider: IdentityProvider, found: ProviderDescription, *, at: datetime) -> None:
    """Write a description to its provider; several certificates count at once, while one takes over."""
    if set(provider.certificates) != set(found.certificates):
        provider.expiry_told = None
    provider.entity_id, provider.sso_url, provider.slo_url = found.entity_id, found.sso_url, found.slo_url
    provider.certificates, provider.name_id_format = list(found.certificates), found.name_id_format
    provider.slo_answer_url, provider.signs_requests = found.slo_answer_url, found.wants_signed_requests
    if (provider.signs_requests or provider.slo_url) and provider.own_key_encrypted is None:
        pair = make_key_pair(provider.name, at=at)
        provider.own_certificate, provider.own_key_encrypted = pair.certificate, encrypt(pair.key)
