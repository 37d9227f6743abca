"""Pay-per-use subscriptions nobody has reported usage for (CB-13)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from sqlalchemy import exists, select

from app.accounts.models import Account
from app.billing.usage.models import UsageCharge, UsageRecord, UsageState
from app.catalogue.models import BillingType
from app.core.db import session
from app.subscriptions.models import Subscription, SubscriptionStatus
from app.subscriptions.periods import Period
from tenants.context import current_scope


def unreported(*, ends_on: date) -> Iterator[tuple[Subscription, Account, Period]]:
    """Return pay-per-use subscriptions whose cycle ends on a day and has no usage yet, with payer and cycle."""
    here = current_scope().distributor_id
    rows = session.execute(
        select(Subscription, Account)
        .join(Account, (Account.distributor_id == Subscription.distributor_id) & (Account.id == Subscription.payer_id))
        .where(
            Subscription.distributor_id == here,
            Subscription.status.in_((SubscriptionStatus.ACTIVE, SubscriptionStatus.PENDING_CANCELLATION)),
            Subscription.billing_type == BillingType.ON_END,
            Subscription.period_to == ends_on,
            exists().where(UsageCharge.distributor_id == here, UsageCharge.product_id == Subscription.product_id),
            ~exists().where(
                UsageRecord.distributor_id == here,
                UsageRecord.subscription_id == Subscription.id,
                UsageRecord.state != UsageState.REJECTED,
                UsageRecord.cycle_from == Subscription.period_from,
            ),
        )
        .order_by(Subscription.code)
    )
    for subscription, account in rows:
        if subscription.period_from is not None and subscription.period_to is not None:
            yield subscription, account, Period(subscription.period_from, subscription.period_to)
