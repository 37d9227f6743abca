"""Which providers a realm has, and which ways in a person has."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import exists, select

from app.core.db import session
from app.core.errors import NotFound
from app.identity.companies.queries import Company, is_of_company, may_be_used, takes_password
from app.identity.mails import settings_of_realm
from app.identity.models import Credential, SignInName, UserType
from app.identity.providers.models import IdentityLink, IdentityProvider, ProviderState
from app.identity.realms import is_bss_realm, open_realm
from app.identity.recovery import name_of_user
from tenants.context import current_scope
from tenants.settings import distributor_settings


class ProviderNotFound(NotFound):
    """There is no such provider in this realm."""

    def __init__(self) -> None:
        super().__init__("There is no such sign-in provider")


@dataclass(frozen=True, slots=True)
class WaysIn:
    """What the sign-in page offers."""

    has_local: bool
    providers: tuple[IdentityProvider, ...]  # enabled and visible, in their owner's order


@dataclass(frozen=True, slots=True)
class LoginOption:
    """One line of a person's login options; `provider_id` None is the password."""

    provider_id: UUID | None
    name: str
    is_connected: bool
    email: str = ""
    logo_image_id: UUID | None = None


def has_local_login(realm_id: UUID) -> bool:
    """Whether people of a realm may sign in with a password (SF-14, BC-27)."""
    if is_bss_realm(realm_id):
        return distributor_settings().bss_local_login
    return settings_of_realm(realm_id).local_login


def ways_in(realm_id: UUID) -> WaysIn:
    """Return what the sign-in page of a realm offers: two reads."""
    return WaysIn(has_local_login(realm_id), tuple(listed_providers(realm_id)))


def listed_providers(realm_id: UUID) -> list[IdentityProvider]:
    """Return enabled, visible providers that are no customer company's."""
    return [each for each in list_providers(realm_id) if each.state is ProviderState.ENABLED and each.is_visible]


def list_providers(realm_id: UUID, *, account_id: UUID | None = None) -> list[IdentityProvider]:
    """Return the providers of a realm's owner in their order, or those of one customer company."""
    with open_realm(realm_id):
        return list(
            session.scalars(
                select(IdentityProvider)
                .where(
                    IdentityProvider.distributor_id == current_scope().distributor_id,
                    IdentityProvider.realm_id == realm_id,
                    IdentityProvider.account_id.is_not_distinct_from(account_id),
                )
                .order_by(IdentityProvider.position, IdentityProvider.name, IdentityProvider.id)
            )
        )


def find_provider(realm_id: UUID, provider_id: UUID) -> IdentityProvider | None:
    """Return a provider of a realm; None also for another realm's."""
    with open_realm(realm_id):
        return session.scalar(
            select(IdentityProvider).where(
                IdentityProvider.distributor_id == current_scope().distributor_id,
                IdentityProvider.realm_id == realm_id,
                IdentityProvider.id == provider_id,
            )
        )


def get_provider(realm_id: UUID, provider_id: UUID) -> IdentityProvider:
    """Return a provider of a realm; raises ProviderNotFound, also for another realm's."""
    found = find_provider(realm_id, provider_id)
    if found is None:
        raise ProviderNotFound
    return found


def get_own_provider(realm_id: UUID, provider_id: UUID, *, account_id: UUID | None = None) -> IdentityProvider:
    """Return a provider to who may change it: the realm's owner, or one customer company; raises ProviderNotFound."""
    found = find_provider(realm_id, provider_id)
    if found is None or found.account_id != account_id:
        raise ProviderNotFound
    return found


def links_of(realm_id: UUID, user_id: UUID) -> dict[UUID, IdentityLink]:
    """Return a person's identities in a realm by provider."""
    with open_realm(realm_id):
        found = session.scalars(
            select(IdentityLink).where(
                IdentityLink.distributor_id == current_scope().distributor_id,
                IdentityLink.realm_id == realm_id,
                IdentityLink.user_id == user_id,
            )
        ).all()
    return {link.provider_id: link for link in found}


def has_password(credential_realm_id: UUID, user_id: UUID) -> bool:
    """Whether a person has a password at all."""
    with open_realm(credential_realm_id):
        return bool(
            session.scalar(
                select(
                    exists().where(
                        Credential.distributor_id == current_scope().distributor_id,
                        Credential.realm_id == credential_realm_id,
                        Credential.user_id == user_id,
                    )
                )
            )
        )


def is_password_of_use(name: SignInName) -> bool:
    """Whether a password would let somebody in where they asked: also an administrator's, past the glass (BC-27)."""
    is_administrator = is_bss_realm(name.realm_id) and name.type is UserType.ADMIN
    return (has_local_login(name.realm_id) or is_administrator) and takes_password(name)


def login_options(
    realm_id: UUID, user_id: UUID, *, credential_realm_id: UUID, account_id: UUID | None
) -> list[LoginOption]:
    """Return a person's ways in, alphabetical; none where there is nothing to choose (SF-15).

    There is with a password and one provider, or without passwords and two. A customer company's own provider is one of
    its people's.
    """
    links = links_of(realm_id, user_id)
    providers = [*listed_providers(realm_id), *_of_company(realm_id, user_id, account_id)]
    has_local = has_local_login(realm_id)
    if len(providers) + has_local < 2:  # noqa: PLR2004 - a choice is between two
        return []
    options = [
        LoginOption(
            each.id, each.name, each.id in links, links[each.id].email if each.id in links else "", each.logo_image_id
        )
        for each in providers
    ]
    if has_local:
        options.append(LoginOption(None, "Password", has_password(credential_realm_id, user_id)))
    return sorted(options, key=lambda option: (option.name.casefold(), str(option.provider_id)))


def _of_company(realm_id: UUID, user_id: UUID, account_id: UUID | None) -> list[IdentityProvider]:
    """Return the providers of a person's company that may say who the person is."""
    if account_id is None or not may_be_used(Company(realm_id, account_id)):
        return []
    if not is_of_company(name_of_user(realm_id, user_id), Company(realm_id, account_id)):
        return []
    return [each for each in list_providers(realm_id, account_id=account_id) if each.state is ProviderState.ENABLED]
