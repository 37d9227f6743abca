"""What was scheduled for the end of a period, when that day has come (CB-24, CB-28, CB-29)."""

from __future__ import annotations

from datetime import date, datetime

from app.changes.kinds import EFFECTS
from app.changes.machine import ChangeStep, advance
from app.changes.queries import due_changes, open_change
from app.changes.starting import begin, drop_due
from app.core.db import session
from app.core.errors import DomainError
from app.subscriptions.models import ChangeStatus, Subscription, SubscriptionStatus


def apply_due(subscription: Subscription, *, on: date, at: datetime) -> bool:
    """Start what is scheduled up to a day; say whether the next period may open. A second call starts nothing anew.

    It may not while the vendor is asked, and not for a subscription that is to end: what the vendor has refused, or what
    is not possible any more, holds nothing else up: not this subscription, and not the others of its payer.
    `on` is the first day of the next period; the subscription is locked by the caller.
    """
    for change in due_changes(subscription.id, on):
        try:
            with session.begin_nested():
                advance(change, ChangeStep.DUE)
                begin(EFFECTS[change.kind], subscription, change, at=at)
        except DomainError as refusal:
            drop_due(subscription, change, refusal, at=at)
    if subscription.status is SubscriptionStatus.PENDING_CANCELLATION:
        return False
    found = open_change(subscription.id)
    return found is None or found.status not in (ChangeStatus.PROCESSING, ChangeStatus.WITHDRAWING)
