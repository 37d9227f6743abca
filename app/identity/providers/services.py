"""What owners do with their providers, and people with their ways in (SF-14, SF-15, BC-27)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import delete, select

from app.audit.services import Actor, record
from app.core.db import session
from app.core.errors import Conflict, FieldError, Invalid
from app.core.ids import new_id
from app.core.secrets import encrypt
from app.identity.providers.matching import tell
from app.identity.providers.models import (
    IdentityLink,
    IdentityProvider,
    ProviderKind,
    ProviderRoleRule,
    ProviderState,
    SsoPurpose,
    SsoRequest,
)
from app.identity.providers.options import Options, option_errors, plain_domains, store_options
from app.identity.providers.owners import tell_owners_of_switch
from app.identity.providers.queries import (
    find_provider,
    get_own_provider,
    get_provider,
    has_local_login,
    has_password,
    links_of,
    list_providers,
    listed_providers,
)
from app.identity.providers.trips import close, fetch, is_open_for
from app.identity.realms import is_bss_realm, open_realm
from app.identity.recovery import name_of_user
from tenants.context import current_scope
from tenants.settings import (
    distributor_settings,
    distributor_settings_for_change,
    save_distributor_settings,
    save_storefront_settings,
    settings_for_change,
)

LONGEST_NAME = 80
LAST_METHOD = "At least one login method must stay active"


class ProviderNotTested(Conflict):
    """A provider is switched on after a test sign-in has passed."""

    def __init__(self) -> None:
        super().__init__("Run a test sign-in first")


class LastLoginMethod(Conflict):
    """Nobody could sign in any more."""

    def __init__(self, message: str = LAST_METHOD) -> None:
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderDetails(Options):
    """What an owner enters of an OpenID provider. `client_secret` empty keeps the stored one."""

    name: str
    issuer: str = ""
    client_id: str = ""
    client_secret: str = ""
    scopes: str = "openid email profile"


def save_oidc_provider(
    realm_id: UUID,
    provider_id: UUID | None,
    details: ProviderDetails,
    *,
    account_id: UUID | None = None,
    actor: Actor,
    at: datetime,
) -> IdentityProvider:
    """Add a provider, or change one; a changed connection has to be tested again. Raises Invalid.

    `account_id` is the customer company whose provider it is, here and below; None: the realm's owner's.
    """
    details = replace(
        details,
        name=details.name.strip(),
        issuer=details.issuer.strip(),
        client_id=details.client_id.strip(),
        scopes=" ".join(details.scopes.split()),
        allowed_domains=plain_domains(details.allowed_domains),
    )
    found = get_own_provider(realm_id, provider_id, account_id=account_id) if provider_id else None
    if errors := tuple(_errors(realm_id, details, found, account_id, actor)):
        raise Invalid(*errors)
    is_new = found is None
    provider = found or IdentityProvider(
        id=new_id(),
        realm_id=realm_id,
        account_id=account_id,
        kind=ProviderKind.OIDC,
        state=ProviderState.DRAFT,
        certificates=[],
        created_at=at,
    )
    before = _connection(provider)
    with open_realm(realm_id):
        for name in ("name", "issuer", "client_id", "scopes"):
            setattr(provider, name, getattr(details, name))
        store_options(provider, details)
        if details.client_secret:
            provider.client_secret_encrypted = encrypt(details.client_secret)
        if is_new:
            session.add(provider)
        elif _connection(provider) != before or details.client_secret:
            provider.state, provider.tested_at = ProviderState.DRAFT, None
        session.flush()
    if account_id is None and not has_local_login(realm_id) and not listed_providers(realm_id):
        raise Invalid(FieldError("", "last_login_method", LAST_METHOD))
    _record("provider.added" if is_new else "provider.changed", provider, actor=actor, at=at)
    return provider


def _connection(provider: IdentityProvider) -> tuple[object, ...]:
    return (
        provider.issuer,
        provider.client_id,
        provider.scopes,
        provider.email_claim,
        provider.first_name_claim,
        provider.last_name_claim,
        provider.groups_claim,
    )


def _errors(
    realm_id: UUID, details: ProviderDetails, found: IdentityProvider | None, account_id: UUID | None, actor: Actor
) -> Iterator[FieldError]:
    if not details.name or len(details.name) > LONGEST_NAME or not details.name.isprintable():
        yield FieldError("name", "required", f"Enter a name of at most {LONGEST_NAME} characters")
    elif any(
        each.name.casefold() == details.name.casefold() and (found is None or each.id != found.id)
        for each in list_providers(realm_id, account_id=account_id)
    ):
        yield FieldError("name", "in_use", "Another provider has this name")
    yield from _connection_errors(details, found)
    yield from option_errors(realm_id, details, found, actor=actor)


def _connection_errors(details: ProviderDetails, found: IdentityProvider | None) -> Iterator[FieldError]:
    try:
        parts = urlsplit(details.issuer)
        is_address = parts.scheme in ("https", "http") and bool(parts.hostname) and not parts.query and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or len(details.issuer) > 500 or not details.issuer.isascii():  # noqa: PLR2004 - as the column
        yield FieldError("issuer", "url", "Enter an address, such as https://login.company.com")
    if not details.client_id or len(details.client_id) > 300:  # noqa: PLR2004 - as the column
        yield FieldError("client_id", "required", "Enter the client id")
    if not details.client_secret and (found is None or not found.client_secret_encrypted):
        yield FieldError("client_secret", "required", "Enter the client secret")
    if "openid" not in details.scopes.split() or len(details.scopes) > 300:  # noqa: PLR2004 - as the column
        yield FieldError("scopes", "openid", "The scopes include openid")


def set_logo(realm_id: UUID, provider_id: UUID, image_id: UUID | None) -> None:
    """Show a stored picture beside a provider's name, or none. Raises ProviderNotFound."""
    provider = get_own_provider(realm_id, provider_id)
    with open_realm(realm_id):
        provider.logo_image_id = image_id
        session.flush()


def pass_test(realm_id: UUID, request_id: UUID, browser: str, *, actor: Actor, at: datetime) -> SsoRequest:
    """Note that a test sign-in came back right, and return what arrived; it signs nobody in. Raises SsoFailed."""
    trip = fetch(realm_id, request_id, browser, at=at)
    provider = get_provider(realm_id, trip.provider_id)
    close(trip, at=at)
    if trip.purpose is SsoPurpose.TEST:
        with open_realm(realm_id):
            provider.tested_at = at
            if provider.state is ProviderState.DRAFT:
                provider.state = ProviderState.TESTED
            session.flush()
        _record("provider.tested", provider, actor=actor, at=at)
    return trip


def enable_provider(
    realm_id: UUID, provider_id: UUID, *, account_id: UUID | None = None, actor: Actor, at: datetime
) -> None:
    """Let people sign in through a provider; raises ProviderNotTested."""
    provider = get_own_provider(realm_id, provider_id, account_id=account_id)
    if provider.tested_at is None or provider.state is ProviderState.DRAFT:
        raise ProviderNotTested
    with open_realm(realm_id):
        provider.state = ProviderState.ENABLED
        session.flush()
    _record("provider.enabled", provider, actor=actor, at=at)


def disable_provider(
    realm_id: UUID, provider_id: UUID, *, account_id: UUID | None = None, actor: Actor, at: datetime
) -> None:
    """Let nobody in through a provider any more; raises LastLoginMethod."""
    provider = get_own_provider(realm_id, provider_id, account_id=account_id)
    if provider.state is not ProviderState.ENABLED:
        return
    with open_realm(realm_id):
        provider.state = ProviderState.DISABLED
        session.flush()
    if account_id is None:
        _require_way_in(realm_id)
    _record("provider.disabled", provider, actor=actor, at=at)


def delete_provider(
    realm_id: UUID, provider_id: UUID, *, account_id: UUID | None = None, actor: Actor, at: datetime
) -> None:
    """Forget a provider and everything it vouched for; raises LastLoginMethod."""
    provider = get_own_provider(realm_id, provider_id, account_id=account_id)
    with open_realm(realm_id):
        for table in (IdentityLink, SsoRequest, ProviderRoleRule):
            session.execute(
                delete(table).where(
                    table.distributor_id == provider.distributor_id,
                    table.realm_id == realm_id,
                    table.provider_id == provider_id,
                )
            )
        session.delete(provider)
        session.flush()
    if account_id is None:
        _require_way_in(realm_id)
    _record("provider.deleted", provider, actor=actor, at=at)


def _require_way_in(realm_id: UUID) -> None:
    if not has_local_login(realm_id) and not listed_providers(realm_id):
        raise LastLoginMethod


def set_local_login(realm_id: UUID, is_on: bool, *, reseller_id: UUID | None, actor: Actor, at: datetime) -> None:  # noqa: FBT001 - a switch
    """Switch passwords on or off; raises LastLoginMethod.

    Off needs an enabled, visible provider, and in the back office one that an administrator has connected (BC-27).
    """
    before = has_local_login(realm_id)
    if not is_on:
        providers = listed_providers(realm_id)
        if not providers:
            raise LastLoginMethod
        if is_bss_realm(realm_id) and actor.user_id is not None:
            linked = links_of(realm_id, actor.user_id)
            if not any(each.id in linked for each in providers):
                raise LastLoginMethod("Connect a provider in your own login options first")
            if distributor_settings().bss_second_factor == "off":  # nobody could come in by the separate path
                raise LastLoginMethod("Let staff use authenticator apps first")
    if is_bss_realm(realm_id):
        save_distributor_settings(replace(distributor_settings_for_change(), bss_local_login=is_on))
    else:
        changed = replace(settings_for_change(realm_id), local_login=is_on)
        save_storefront_settings(realm_id, changed, reseller_id=reseller_id, at=at)
    tell_owners_of_switch(realm_id, is_on=is_on, by=actor.name, at=at)
    record(
        "local_login.switched",
        actor=actor,
        at=at,
        target_kind="realm",
        target_id=realm_id,
        before={"local_login": before},
        after={"local_login": is_on},
    )


def disconnect(
    realm_id: UUID, user_id: UUID, provider_id: UUID, *, credential_realm_id: UUID, actor: Actor, at: datetime
) -> None:
    """Take a provider from a person's ways in; raises LastLoginMethod where no usable one would be left (SF-15)."""
    provider = get_provider(realm_id, provider_id)
    with open_realm(realm_id):
        link = session.scalar(
            select(IdentityLink)
            .where(
                IdentityLink.distributor_id == current_scope().distributor_id,
                IdentityLink.realm_id == realm_id,
                IdentityLink.user_id == user_id,
                IdentityLink.provider_id == provider_id,
            )
            .with_for_update()
        )
    if link is None:
        return
    others = [each for each in links_of(realm_id, user_id) if each != provider_id and _is_on(realm_id, each)]
    has_local = has_local_login(realm_id) and has_password(credential_realm_id, user_id)
    if not others and not has_local:
        raise LastLoginMethod("This is your last way to sign in")
    with open_realm(realm_id):
        session.delete(link)
        session.flush()
    record(
        "user.identity_disconnected",
        actor=actor,
        at=at,
        target_kind="user",
        target_id=user_id,
        before={"provider": provider.name},
    )
    tell(name_of_user(realm_id, user_id), f"{provider.name} was disconnected from your account.", at=at)


def _is_on(realm_id: UUID, provider_id: UUID) -> bool:
    found = find_provider(realm_id, provider_id)
    return found is not None and is_open_for(found, SsoPurpose.SIGN_IN)


def _record(action: str, provider: IdentityProvider, *, actor: Actor, at: datetime) -> None:
    record(
        action,
        actor=actor,
        at=at,
        target_kind="provider",
        target_id=provider.id,
        account_id=provider.account_id,
        after={
            "name": provider.name,
            "issuer": provider.issuer or provider.entity_id or "",
            "state": provider.state.value,
        },
    )
