"""Mails about one's own access, in the name of the realm's owner, with links on the realm's address."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from sqlalchemy import select

from app.core.db import session
from app.identity.realms import is_bss_realm, reseller_of
from app.notifications.services import About, AboutKind, MailTemplate, queue_mail
from tenants.context import alias_visitor_scope, current_scope, root_visitor_scope, scope
from tenants.links import bss_url, storefront_url
from tenants.models import Distributor
from tenants.settings import StorefrontSettings, storefront_settings


def realm_url(realm_id: UUID, path: str) -> str:
    """Return the absolute address of a path where the realm signs in: `/login` is `…/bss/login` for the back office."""
    if is_bss_realm(realm_id):
        return bss_url(current_scope().distributor_id, path)
    return storefront_url(realm_id, path)


def mail_person(
    template: MailTemplate,
    realm_id: UUID,
    *,
    email: str,
    full_name: str,
    fields: dict[str, str],
    user_id: UUID | None = None,
    at: datetime,
) -> None:
    """Mail a person of a realm in the name of the realm's owner; `user_id` is who it is about, mostly who gets it."""
    queue_mail(
        template,
        to_email=email,
        to_name=full_name,
        sender_reseller_id=reseller_of(realm_id),
        storefront_id=None if is_bss_realm(realm_id) else realm_id,
        fields={"user_first_name": full_name.split(" ", 1)[0], **fields},
        about=About(AboutKind.USER, user_id) if user_id is not None else None,
        at=at,
    )


def owner_name(realm_id: UUID) -> str:
    """Return the company in whose name people of a realm are written to."""
    found = "" if is_bss_realm(realm_id) else settings_of_realm(realm_id).company_name
    if found or reseller_of(realm_id) is not None:
        return found
    return session.scalars(select(Distributor.name).where(Distributor.id == current_scope().distributor_id)).one()


def local_time(at: datetime, realm_id: UUID) -> str:
    """Write an instant as people of a realm read it, with its time zone."""
    settings = StorefrontSettings() if is_bss_realm(realm_id) else settings_of_realm(realm_id)
    locale = settings.language.replace("-", "_")
    return str(format_datetime(at, "d MMM y, HH:mm z", tzinfo=ZoneInfo(settings.time_zone), locale=locale))


def settings_of_realm(realm_id: UUID) -> StorefrontSettings:
    """Read a storefront's settings as its visitors do: BSS itself cannot see a reseller's."""
    distributor_id, reseller_id = current_scope().distributor_id, reseller_of(realm_id)
    visitor = alias_visitor_scope(distributor_id, reseller_id) if reseller_id else root_visitor_scope(distributor_id)
    with scope(visitor):
        return storefront_settings(realm_id)
