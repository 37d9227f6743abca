"""Usage of subscriptions that have ended: no renewal charges it, so it is charged once its cycle is over (CB-F38)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Select, exists, select

from app.accounts.models import Account
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
    left = session.execute(_left(on).order_by(Subscription.payer_id, Subscription.id).limit(MOST)).all()
    charged = 0
    for payer_id in dict.fromkeys(row.payer_id for row in left):  # payers before subscriptions, as everywhere
        payer = get_account_for_update(payer_id)
        for subscription in _lock([row.id for row in left if row.payer_id == payer_id], on):
            _charge(subscription, payer, on=on, at=at)
            charged += 1
    return charged


def _left(on: date) -> Select[UUID, UUID]:
    """Select subscriptions that have ended and have usage that nobody was charged."""
    here = current_scope().distributor_id
    return select(Subscription.id, Subscription.payer_id).where(
        Subscription.distributor_id == here,
        Subscription.status.in_(ENDED),
        Subscription.period_to < on,
        exists().where(
            UsageRecord.distributor_id == here,
            UsageRecord.subscription_id == Subscription.id,
            UsageRecord.state == UsageState.RATED,
        ),
    )


def _lock(subscription_ids: Sequence[UUID], on: date) -> Sequence[Subscription]:
    """Lock those of some subscriptions that still are as they were found; what somebody else holds is left to it."""
    still = _left(on).with_only_columns(Subscription.id)
    return session.scalars(
        select(Subscription)
        .where(
            Subscription.distributor_id == current_scope().distributor_id,
            Subscription.id.in_(subscription_ids),
            Subscription.id.in_(still),
        )
        .order_by(Subscription.id)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()


def _charge(subscription: Subscription, payer: Account, *, on: date, at: datetime) -> None:
    if subscription.period_from is None or subscription.period_to is None:
        return
    for new in rate_period(subscription, Period(subscription.period_from, subscription.period_to), at=at):
        add_charge(payer, replace(new, bill_on=on), at=at)
