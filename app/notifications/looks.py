"""Whose face a mail wears: the reseller's only, or the distributor's; never both but for the Free credit."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from app.core.db import session
from app.notifications.delivery import owner_scope
from tenants.context import current_scope, scope
from tenants.links import NoAddress, storefront_url
from tenants.models import Distributor, Storefront
from tenants.settings import StorefrontSettings, storefront_settings
from themes.chosen import theme_of
from themes.frames import Look


def mail_look(
    reseller_id: UUID | None, storefront_id: UUID | None, *, owner_name: str
) -> tuple[Look, StorefrontSettings]:
    """Return the look of mails in the name of a reseller, or of the distributor where `reseller_id` is None.

    `owner_name` stands where the storefront has no company name of its own.
    """
    distributor = session.get_one(Distributor, current_scope().distributor_id)
    if reseller_id is None:
        storefront_id = session.scalar(
            select(Storefront.id).where(Storefront.distributor_id == distributor.id, Storefront.reseller_id.is_(None))
        )
    edition = session.scalar(
        select(Storefront.edition).where(Storefront.distributor_id == distributor.id, Storefront.id == storefront_id)
    )
    with scope(owner_scope(reseller_id)):
        chosen = storefront_settings(storefront_id) if storefront_id else StorefrontSettings()
    has_credit = reseller_id is not None and (edition == "free" or chosen.show_powered_by)
    home = _home(storefront_id)
    logo = chosen.mail_logo_image_id or chosen.logo_image_id
    look = Look(
        name=chosen.company_name or owner_name,
        home_url=home,
        theme=theme_of(chosen),
        logo_url=f"{home.rstrip('/')}/look/image/{logo}" if logo and home else None,
        powered_by=distributor.name if has_credit else None,
        is_root=reseller_id is None,
    )
    return look, chosen


def _home(storefront_id: UUID | None) -> str:
    try:
        return storefront_url(storefront_id) if storefront_id else ""
    except NoAddress:  # the storefront has closed since the mail was written
        return ""
