"""A term that is over and does not renew: the vendor ends the service, then it is Expired here (CB-23, CB-28).

Vendor first, as with every end: until it has confirmed, nothing new is billed and a person is told if it refuses.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import uuid5

from app.changes.kinds import EFFECTS
from app.changes.machine import ChangeStep, advance
from app.changes.queries import find_by_key
from app.changes.starting import begin
from app.changes.voiding import void_changes
from app.core.db import session
from app.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    ChangeTiming,
    Subscription,
    SubscriptionChange,
    SubscriptionStatus,
)


def expire(subscription: Subscription, on: date, *, at: datetime) -> bool:
    """Let a subscription expire whose period ended the day before `on`; says whether it has.

    Its vendor is asked once per term, however often the tick comes by. Nobody can be waited for any more: what was
    wanted of it otherwise is void. The caller has locked payer and subscription.
    """
    key = uuid5(subscription.id, f"expiry:{on:%Y-%m-%d}")
    if find_by_key(key) is None:
        void_changes(subscription, at=at)
        change = SubscriptionChange(
            reseller_id=subscription.reseller_id,
            account_id=subscription.account_id,
            subscription_id=subscription.id,
            kind=ChangeKind.EXPIRY,
            status=ChangeStatus.SUBMITTED,
            timing=ChangeTiming.PERIOD_END,
            effective_on=on,
            quantity_from=subscription.quantity,
            quantity_to=0,
            request_key=key,
            created_at=at,
        )
        session.add(change)
        session.flush()
        advance(change, ChangeStep.ACCEPT)
        begin(EFFECTS[ChangeKind.EXPIRY], subscription, change, at=at)
    return subscription.status is SubscriptionStatus.EXPIRED
