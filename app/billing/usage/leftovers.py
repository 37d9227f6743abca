"""Usage of subscriptions that have ended: no renewal charges it, so it is charged once its cycle is over (CB-F38)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import exists, select

from app.accounts.queries import get_account_for_update
from app.billing.charges import add_charge
from app.billing.usage.models import UsageRecord, UsageState
from app.billing.usage.rating import rate_period
from app.core.db import session
from app.subscriptions.models import Subscription, SubscriptionStatus
from app.subscriptions.periods import Period
from tenants.context import current_scope

MOST = 200
ENDED = (SubscriptionStatus.CANCELED, SubscriptionStatus.EXPIRED)


def charge_left_usage(*, on: date, at: datetime) -> int:
    """Charge what canceled and expired subscriptions used, also what was reported late; returns for how many.

    `on` is the distributor's day: the charges are invoiced with it.
    """
    here = current_scope().distributor_id
    ended = session.scalars(
        select(Subscription)
        .where(
            Subscription.distributor_id == here,
            Subscription.status.in_(ENDED),
            Subscription.period_to < on,
            exists().where(
                UsageRecord.distributor_id == here,
                UsageRecord.subscription_id == Subscription.id,
                UsageRecord.state == UsageState.RATED,
            ),
        )
        .order_by(Subscription.payer_id, Subscription.id)
        .limit(MOST)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    for subscription in ended:
        if subscription.period_from is None or subscription.period_to is None:
            continue
        used = rate_period(subscription, Period(subscription.period_from, subscription.period_to), at=at)
        payer = get_account_for_update(subscription.payer_id)
        for new in used:
            add_charge(payer, replace(new, bill_on=on), at=at)
    return len(ended)
