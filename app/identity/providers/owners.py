"""Whom to tell about a realm's providers: a reseller's Admins and storefront managers, else administrators (BC-27)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from app.identity.mails import mail_person, realm_url
from app.identity.models import User, UserStatus, UserType
from app.identity.permissions import StorefrontRole
from app.identity.providers.models import IdentityProvider
from app.identity.queries import UserFilter, list_account_admins, list_bss_users, list_users
from app.identity.realms import is_bss_realm, reseller_of
from app.notifications.templates import MailTemplate
from tenants.context import current_scope, distributor_scope, scope
from tenants.links import bss_url


def tell_owners_of_provider(provider: IdentityProvider, what: str, *, at: datetime) -> None:
    """Mail a sentence to who looks after a provider; of a customer company's to the company's Admins."""
    fields = {"provider_name": provider.name, "what": what}
    if provider.account_id is not None:
        people, url = list_account_admins(provider.account_id), "/account/single-sign-on"
        for person in people:
            mail_person(
                MailTemplate.PROVIDER_NOTICE,
                provider.realm_id,
                email=person.email,
                full_name=person.full_name,
                fields={**fields, "settings_url": realm_url(provider.realm_id, url)},
                user_id=person.id,
                at=at,
            )
        return
    _tell(MailTemplate.PROVIDER_NOTICE, provider.realm_id, fields, at=at)


def tell_owners_of_switch(realm_id: UUID, *, is_on: bool, by: str, at: datetime) -> None:
    """Mail who looks after a realm that passwords open it no longer, or again."""
    place = realm_url(realm_id, "/login")
    fields = {"place": place, "what": "on" if is_on else "off", "by": by}
    _tell(MailTemplate.LOCAL_LOGIN_SWITCHED, realm_id, fields, at=at)


def _tell(template: MailTemplate, realm_id: UUID, fields: dict[str, str], *, at: datetime) -> None:
    for person in _owners_of(realm_id):
        mail_person(
            template,
            realm_id,
            email=person.email,
            full_name=person.full_name,
            fields={**fields, "settings_url": _settings_url(realm_id)},
            user_id=person.id,
            at=at,
        )


def _owners_of(realm_id: UUID) -> Sequence[User]:
    reseller_id = reseller_of(realm_id)
    if reseller_id is None:
        with scope(distributor_scope(current_scope().distributor_id)):
            return list_bss_users(UserFilter(status=UserStatus.ACTIVE, type=UserType.ADMIN))
    return [
        user
        for user in list_users(reseller_id, UserFilter(status=UserStatus.ACTIVE))
        if user.type is UserType.ADMIN or StorefrontRole.STOREFRONT_MANAGER.value in user.roles
    ]


def _settings_url(realm_id: UUID) -> str:
    if reseller_of(realm_id) is not None:
        return realm_url(realm_id, "/manage/providers")
    path = "/providers" if is_bss_realm(realm_id) else "/storefront-providers"
    return bss_url(current_scope().distributor_id, path)
