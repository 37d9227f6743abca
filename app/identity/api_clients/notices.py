"""Telling owners of an API what happens to its credentials (BC-32): made, renewed, revoked, ending soon."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from app.core.db import session
from app.identity.api_clients.models import ApiClient
from app.identity.mails import local_time
from app.identity.models import User, UserStatus, UserType
from app.identity.queries import UserFilter, list_account_admins, list_bss_users
from app.identity.realms import OPEN_STATES, open_realm, reseller_of, root_realm
from app.notifications.services import About, AboutKind, MailTemplate, queue_mail
from tenants.context import current_scope, distributor_scope, scope
from tenants.links import bss_url, storefront_url
from tenants.models import Storefront

TOLD_BEFORE = timedelta(days=14)  # BC-32


def tell_owners(realm_id: UUID, client_name: str, sentence: str, *, at: datetime) -> None:
    """Mail a sentence about credentials to whoever looks after them, in the distributor's name."""
    reseller_id = reseller_of(realm_id)
    if reseller_id is None:
        url = bss_url(current_scope().distributor_id, "/api-credentials")
    else:
        url = storefront_url(realm_id, "/manage/api-credentials")
    for person in _owners(reseller_id):
        queue_mail(
            MailTemplate.API_CREDENTIALS,
            to_email=person.email,
            to_name=person.full_name,
            sender_reseller_id=None,
            storefront_id=root_realm(),
            fields={
                "user_first_name": person.first_name,
                "client_name": client_name,
                "client_event": sentence,
                "settings_url": url,
            },
            about=About(AboutKind.USER, person.id),
            at=at,
        )


def tell_of_ends(*, at: datetime) -> int:
    """Tell owners once of each credential that ends within 14 days; returns how many. Needs the distributor's scope."""
    distributor_id = current_scope().distributor_id
    storefronts = session.scalars(
        select(Storefront.id).where(Storefront.distributor_id == distributor_id, Storefront.state.in_(OPEN_STATES))
    ).all()
    return sum(_tell_of_ends(realm_id, at) for realm_id in (distributor_id, *storefronts))


def _tell_of_ends(realm_id: UUID, at: datetime) -> int:
    with open_realm(realm_id):
        ending = session.scalars(
            select(ApiClient)
            .where(
                ApiClient.distributor_id == current_scope().distributor_id,
                ApiClient.realm_id == realm_id,
                ApiClient.revoked_at.is_(None),
                ApiClient.end_told_at.is_(None),
                ApiClient.expires_at > at,
                ApiClient.expires_at <= at + TOLD_BEFORE,
            )
            .with_for_update(skip_locked=True)
        ).all()
        for client in ending:
            client.end_told_at = at
        session.flush()
    for client in ending:
        assert client.expires_at is not None, "asked for"
        when = local_time(client.expires_at, realm_id)
        tell_owners(realm_id, client.name, f"They end on {when}. Create new ones before.", at=at)
    return len(ending)


def _owners(reseller_id: UUID | None) -> Sequence[User]:
    if reseller_id is not None:
        return list_account_admins(reseller_id)
    with scope(distributor_scope(current_scope().distributor_id)):
        return list_bss_users(UserFilter(status=UserStatus.ACTIVE, type=UserType.ADMIN))
