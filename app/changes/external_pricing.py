"""Asking vendors what subscriptions cost: the day before a renewal, each hour again while it fails (CB-26)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from app.accounts.services import root_storefront_id
from app.changes.queries import cost_of
from app.core.db import session
from app.identity.recipients import BILLS, emails_with_right
from app.notifications.services import About, AboutKind, MailTemplate, queue_mail
from app.provisioning.access import ManagerAccess, access_to
from app.provisioning.complete_pictures import complete_picture, service_manager_of
from app.provisioning.pictures import ResourcePicture
from app.subscriptions.external_prices import RETRY_EVERY, price_failed, price_told
from app.subscriptions.models import Subscription, SubscriptionStatus, SubscriptionVendorLink
from app.subscriptions.periods import ONE_DAY
from app.subscriptions.price_models import ExternalPrice
from tenants.context import current_scope
from tenants.links import NoAddress, bss_url

ASKED_BEFORE = ONE_DAY  # so that a day of failures is over when the period is
RENEWING = (SubscriptionStatus.ACTIVE, SubscriptionStatus.SUSPENDED)


@dataclass(frozen=True, slots=True)
class ClaimedPrice:
    """A price to ask for, and whom; `manager` None: nobody can be asked."""

    external_id: UUID
    manager: ManagerAccess | None
    picture: ResourcePicture
    vendor_reference: str | None


def claim_price(external_id: UUID, *, at: datetime) -> ClaimedPrice | None:
    """Take a due question for one run: it is due again in an hour if this run is never heard of; None: not due."""
    external = _locked(external_id)
    if external is None or external.next_attempt_at is None or external.next_attempt_at > at:
        return None
    external.next_attempt_at = at + RETRY_EVERY
    subscription = session.get_one(Subscription, (current_scope().distributor_id, external.subscription_id))
    manager_id = service_manager_of(subscription.product_id)
    return ClaimedPrice(
        external.id,
        access_to(manager_id) if manager_id is not None else None,
        complete_picture(subscription),
        session.scalar(
            select(SubscriptionVendorLink.vendor_reference).where(
                SubscriptionVendorLink.distributor_id == subscription.distributor_id,
                SubscriptionVendorLink.subscription_id == subscription.id,
            )
        ),
    )


def record_price(external_id: UUID, unit_price: Decimal, *, at: datetime) -> None:
    """Take over what the vendor said: the next period is at it."""
    external = _locked(external_id)
    cost = cost_of(external.subscription_id) if external is not None else None
    if external is not None and cost is not None:
        price_told(external, cost, unit_price, at=at)


def record_failure(external_id: UUID, reason: str, *, at: datetime) -> None:
    """Record that the vendor did not say it; after 24 hours finance is told, once, and the last known price stays."""
    external = _locked(external_id)
    if external is None or not price_failed(external, reason, at=at):
        return
    subscription = session.get_one(Subscription, (current_scope().distributor_id, external.subscription_id))
    fields = {
        "subscription_code": subscription.code,
        "product_name": subscription.friendly_name,
        "reason": reason[:500],
        "subscription_url": _url(f"/subscription-prices/{subscription.code}"),
    }
    for email in _finance():
        queue_mail(
            MailTemplate.EXTERNAL_PRICE_FAILED, to_email=email, sender_reseller_id=None,
            storefront_id=root_storefront_id(), fields=fields,
            about=About(AboutKind.SUBSCRIPTION, subscription.id), at=at,
        )  # fmt: skip


def ask_before_renewals(*, on: date, at: datetime) -> int:
    """Make the questions due whose subscriptions renew tomorrow, once for each period."""
    rows = session.execute(
        select(ExternalPrice, Subscription.period_to)
        .join(
            Subscription,
            (Subscription.distributor_id == ExternalPrice.distributor_id)
            & (Subscription.id == ExternalPrice.subscription_id),
        )
        .where(
            ExternalPrice.distributor_id == current_scope().distributor_id,
            ExternalPrice.next_attempt_at.is_(None),
            Subscription.status.in_(RENEWING),
            Subscription.period_to <= on + ASKED_BEFORE,
        )
        .order_by(ExternalPrice.id)
        .limit(200)
        .with_for_update(skip_locked=True, of=ExternalPrice)
        .execution_options(populate_existing=True)
    ).all()
    due = 0
    for external, period_to in rows:
        asked_at = external.alerted_at or external.fetched_at
        if asked_at is None or (period_to is not None and asked_at.date() < period_to - ASKED_BEFORE * 2):
            external.next_attempt_at, external.failing_since, external.alerted_at = at, None, None
            due += 1
    return due


def _locked(external_id: UUID) -> ExternalPrice | None:
    return session.scalar(
        select(ExternalPrice)
        .where(ExternalPrice.distributor_id == current_scope().distributor_id, ExternalPrice.id == external_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _finance() -> list[str]:
    return list(dict.fromkeys(email.lower() for email in emails_with_right(BILLS)))


def _url(path: str) -> str:
    try:
        return bss_url(current_scope().distributor_id, path)
    except NoAddress:
        return ""
