"""Changes in the words of histories, mails and pages."""

from __future__ import annotations

from datetime import date, timedelta

from app.subscriptions.models import ChangeKind, ChangeStatus, ChangeTiming, SubscriptionChange

KIND_WORDS = {
    ChangeKind.QUANTITY: "Change of quantity",
    ChangeKind.CANCELLATION: "Cancellation",
    ChangeKind.SUSPENSION: "Suspension",
    ChangeKind.ACTIVATION: "Reactivation",
    ChangeKind.UPGRADE: "Upgrade",
    ChangeKind.DOWNGRADE: "Downgrade",
    ChangeKind.PRICE: "Change of price",
    ChangeKind.ADD_ON: "Change of add-ons",
    ChangeKind.CHARACTERISTICS: "Change of details",
    ChangeKind.TRIAL_CONVERSION: "Upgrade of a trial",
    ChangeKind.RENEWAL: "Renewal",
    ChangeKind.EXPIRY: "End of term",
}
STATUS_WORDS = {
    ChangeStatus.SUBMITTED: "Awaiting a decision",
    ChangeStatus.SCHEDULED: "Scheduled",
    ChangeStatus.PROCESSING: "In progress",
    ChangeStatus.WITHDRAWING: "Being withdrawn",
    ChangeStatus.COMPLETED: "Done",
    ChangeStatus.FAILED: "Failed",
    ChangeStatus.REJECTED: "Rejected",
    ChangeStatus.WITHDRAWN: "Withdrawn",
    ChangeStatus.VOID: "Void",
}
TIMING_WORDS = {
    ChangeTiming.NOW: "Immediately",
    ChangeTiming.ON_DATE: "On a date",
    ChangeTiming.PERIOD_END: "At the end of the billing period",
}


def words_of(change: SubscriptionChange) -> str:
    """Return what is wanted, such as "Change of quantity from 10 to 6"."""
    if change.kind is ChangeKind.QUANTITY:
        return f"Change of quantity from {change.quantity_from} to {change.quantity_to}"
    return KIND_WORDS[change.kind]


def withdrawal_words(change: SubscriptionChange, when_gone: str) -> str:
    """Return what somebody reads who has withdrawn a request: it is gone, or the provider has to forget it first."""
    if change.status is ChangeStatus.WITHDRAWING:
        return "The provider is asked to withdraw it. Until that is confirmed, it stands."
    return when_gone


def actor_of(change: SubscriptionChange) -> str | None:
    """Return who stands in the customer's history: its own people by name, the distributor's never (audit.shown)."""
    return change.requested_by_name or None


def day_of(change: SubscriptionChange) -> date:
    """Return the day people are told: the last one of a service that ends, else the first one of what is new."""
    if change.kind is ChangeKind.CANCELLATION and change.timing is ChangeTiming.PERIOD_END:
        return change.effective_on - timedelta(days=1)
    return change.effective_on
