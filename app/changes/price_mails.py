"""Telling people that what they pay has changed: with a term, by hand, or because a promotion is over (CB-16, CB-26, CB-43).

Each hears of their own price alone: a customer of a reseller of the sell price, who pays the distributor of the cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from app.changes.mails import to_customer
from app.core.db import session
from app.core.money import write_money
from app.notifications.services import MailTemplate
from app.pricing.models import Promotion
from app.subscriptions.models import Subscription, SubscriptionCost
from app.subscriptions.owner_mails import mail_payer
from tenants.context import current_scope


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
        mail_payer(MailTemplate.PROMOTION_ENDED, subscription, fields, page=before.page, at=at)
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
