"""The mails of trials and assets: to the company's Admins, in the reseller's name where it is a reseller's customer."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.accounts.services import root_storefront_id
from app.core.db import session
from app.identity.queries import list_account_admins
from app.notifications.services import About, AboutKind, MailTemplate, queue_mail
from app.subscriptions.models import Asset, Subscription
from app.subscriptions.price_models import Trial
from tenants.context import current_scope
from tenants.links import NoAddress, storefront_url
from tenants.models import Storefront


class Reminder(enum.Enum):
    """When a trial is spoken of."""

    WEEK = "week"
    DAY = "day"
    ENDED = "ended"

    @property
    def days_before(self) -> int:
        """How many days before its last one."""
        return {"week": 7, "day": 1, "ended": 0}[self.value]


def mail_trial(trial: Trial, subscription: Subscription, reminder: Reminder, *, at: datetime) -> None:
    """Tell that a trial ends soon, or has ended."""
    template = MailTemplate.TRIAL_ENDED if reminder is Reminder.ENDED else MailTemplate.TRIAL_ENDING
    last = subscription.trial_ends_on
    mail_owner(
        template,
        subscription,
        {
            "product_name": subscription.friendly_name,
            "quantity": str(subscription.quantity),
            "trial_ends_on": last.isoformat() if last else "-",
        },
        path=f"/billing/trials/{subscription.code}",
        link="trial_url",
        also_to=trial.contact_email,
        at=at,
    )


def mail_asset_ready(asset: Asset, *, at: datetime) -> None:
    """Tell its owner that a one-off purchase stands (CB-31)."""
    fields = {"asset_name": asset.name, "asset_code": asset.code, "quantity": str(asset.quantity)}
    mail_owner(MailTemplate.ASSET_READY, asset, fields, path=f"/billing/assets/{asset.code}", link="asset_url", at=at)


def mail_owner(
    template: MailTemplate,
    owned: Subscription | Asset,
    fields: Mapping[str, str],
    *,
    path: str,
    link: str,
    also_to: str | None = None,
    at: datetime,
) -> None:
    """Queue a mail about something owned, with a link to a page of its owner's storefront.

    A customer of a reseller without an open storefront has nowhere to look, and gets none.
    """
    is_customers = owned.reseller_id is not None and owned.account_id != owned.reseller_id
    sender = owned.reseller_id if is_customers else None
    storefront_id = _open_storefront(sender) if sender else root_storefront_id()
    if storefront_id is None or owned.account_id is None:
        return
    kind = AboutKind.ASSET if isinstance(owned, Asset) else AboutKind.SUBSCRIPTION
    receivers = {admin.email.lower(): admin.full_name for admin in list_account_admins(owned.account_id)}
    if also_to:
        receivers.setdefault(also_to.lower(), "")
    for email, name in receivers.items():
        queue_mail(
            template,
            to_email=email,
            to_name=name,
            sender_reseller_id=sender,
            storefront_id=storefront_id,
            fields={**fields, link: _url(storefront_id, path)},
            about=About(kind, owned.id),
            at=at,
        )


def mail_payer(
    template: MailTemplate, subscription: Subscription, fields: Mapping[str, str], *, page: str, at: datetime
) -> None:
    """Mail the Admins of who pays the distributor, in its name. `page`: code of the subscription whose page is linked."""
    storefront_id = root_storefront_id()
    url = _url(storefront_id, f"/billing/subscriptions/{page}") if storefront_id is not None else ""
    for admin in list_account_admins(subscription.payer_id):
        queue_mail(
            template,
            to_email=admin.email,
            to_name=admin.full_name,
            sender_reseller_id=None,
            storefront_id=storefront_id,
            fields={**fields, "subscription_url": url},
            about=About(AboutKind.SUBSCRIPTION, subscription.id),
            at=at,
        )


def _open_storefront(reseller_id: UUID) -> UUID | None:
    found = session.scalar(
        select(Storefront).where(
            Storefront.distributor_id == current_scope().distributor_id, Storefront.reseller_id == reseller_id
        )
    )
    return found.id if found is not None and found.state.is_open else None


def _url(storefront_id: UUID, path: str) -> str:
    try:
        return storefront_url(storefront_id, path)
    except NoAddress:
        return ""
