"""What was scheduled for the end of a period, when that day has come (CB-24, CB-28, CB-29)."""

from __future__ import annotations

from datetime import date, datetime

from app.changes.kinds import EFFECTS
from app.changes.machine import ChangeStep, advance
from app.changes.queries import due_changes, open_change
from app.changes.requests import begin
from app.subscriptions.models import ChangeStatus, Subscription, SubscriptionStatus


def apply_due(subscription: Subscription, *, on: date, at: datetime) -> bool:
    """Start what is scheduled up to a day; say whether the next period may open. A second call starts nothing anew.

    It may not while the vendor is asked, and not for a subscription that is to end: what the vendor has refused holds
    nothing else up. `on` is the first day of the next period; the subscription is locked by the caller.
    """
    for change in due_changes(subscription.id, on):
        advance(change, ChangeStep.DUE)
        begin(EFFECTS[change.kind], subscription, change, at=at)
    if subscription.status is SubscriptionStatus.PENDING_CANCELLATION:
        return False
    found = open_change(subscription.id)
    return found is None or found.status not in (ChangeStatus.PROCESSING, ChangeStatus.WITHDRAWING)
