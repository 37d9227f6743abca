"""Telling people that what they pay has changed: with a term, by hand, or because a promotion is over (CB-16, CB-26, CB-43).

Each hears of their own price alone: a customer of a reseller of the sell price, who pays the distributor of the cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from app.accounts.services import root_storefront_id
from app.changes.mails import to_customer
from app.core.db import session
from app.core.money import write_money
from app.identity.queries import list_account_admins
from app.notifications.services import About, AboutKind, MailTemplate, queue_mail
from app.pricing.models import Promotion
from app.subscriptions.models import Subscription, SubscriptionCost
from tenants.context import current_scope
from tenants.links import NoAddress, storefront_url


@dataclass(frozen=True, slots=True)
class PriceBefore:
    """What a subscription cost before its next period was priced. `page` is the code of the one whose page shows it."""

    subscription: Subscription
    cost: SubscriptionCost
    page: str
    unit_price: Decimal | None
    unit_cost: Decimal
    promotion_id: UUID | None


def price_before(subscription: Subscription, cost: SubscriptionCost, *, page: str) -> PriceBefore:
    """Keep what a subscription costs now, to be compared once it was priced anew."""
    return PriceBefore(subscription, cost, page, subscription.unit_price, cost.unit_cost, cost.promotion_id)


def mail_new_price(before: PriceBefore, *, on: date, at: datetime) -> None:
    """Tell the owner, and the payer whose promotion is over, of another price; nobody where it is what it was.

    A price that its customer does not see ("-") is not told of either.
    """
    subscription, promotion = before.subscription, _ended_promotion(before)
    is_own = subscription.account_id == subscription.payer_id
    if promotion is not None:
        fields = {"promotion_name": promotion.name, **_fields(before, before.unit_cost, before.cost.unit_cost, on)}
        _to_payer(MailTemplate.PROMOTION_ENDED, before, fields, at=at)
        if is_own:
            return
    was, now = before.unit_price, subscription.unit_price
    if was is None or now is None:
        return
    fields = _fields(before, was, now, on)
    if fields["price_before"] != fields["price_now"]:
        to_customer(MailTemplate.PRICE_CHANGED, subscription, fields, page=before.page, at=at)


def _ended_promotion(before: PriceBefore) -> Promotion | None:
    if before.promotion_id is None or before.cost.promotion_id is not None:
        return None
    return session.get(Promotion, (current_scope().distributor_id, before.promotion_id))


def _fields(before: PriceBefore, was: Decimal, now: Decimal, on: date) -> dict[str, str]:
    return {
        "friendly_name": before.subscription.friendly_name,
        "quantity": str(before.subscription.quantity),
        "price_before": write_money(was, before.cost.currency),
        "price_now": write_money(now, before.cost.currency),
        "valid_from": on.isoformat(),
    }


def _to_payer(template: MailTemplate, before: PriceBefore, fields: dict[str, str], *, at: datetime) -> None:
    """Mail the Admins of who pays the distributor, in its name."""
    storefront_id = root_storefront_id()
    try:
        url = storefront_url(storefront_id, f"/billing/subscriptions/{before.page}") if storefront_id else ""
    except NoAddress:
        url = ""
    for admin in list_account_admins(before.subscription.payer_id):
        queue_mail(
            template,
            to_email=admin.email,
            to_name=admin.full_name,
            sender_reseller_id=None,
            storefront_id=storefront_id,
            fields={**fields, "subscription_url": url},
            about=About(AboutKind.SUBSCRIPTION, before.subscription.id),
            at=at,
        )
