"""What one kind of change means: what it needs, what the vendor is asked, what is taken over and charged.

Each kind has a module in `app.changes.kinds`; its `__init__` is the register. The vendor comes first, then the money:
`apply` runs only when the vendor has confirmed, or where there is nobody to ask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from app.changes.steps import VendorStep, steps_for
from app.provisioning.complete_pictures import complete_picture
from app.provisioning.models import TaskKind
from app.provisioning.pictures import ResourcePicture
from app.subscriptions.machine import Action
from app.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    ChangeTiming,
    Subscription,
    SubscriptionChange,
    SyncStatus,
)

NO_DETAILS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChange:
    """What somebody wants of a subscription.

    `effective_on` None: today, or the first day of the next period for PERIOD_END. `request_key` is drawn with the
    form: sent twice, made once. `details` are the kind's own, readable by the customer: no cost, no vendor's words.
    """

    subscription_id: UUID
    kind: ChangeKind
    request_key: UUID
    timing: ChangeTiming = ChangeTiming.NOW
    effective_on: date | None = None  # the distributor's day
    quantity_to: int | None = None  # the new total
    target_product_id: UUID | None = None
    target_subscription_id: UUID | None = None
    details: Mapping[str, Any] = field(default_factory=lambda: NO_DETAILS)
    reason: str | None = None
    comment: str | None = None
    is_from_storefront: bool = False  # waits for a job of the distributor's, and perhaps for a person


class Effect:
    """One kind of change. The defaults: an update at the vendor, at once or at the period's end, nobody has to agree."""

    action: Action  # what the subscription's state must allow
    task_kind = TaskKind.UPDATE
    is_told_ahead = False  # of a later day: sent to the vendor at once, where it takes such requests (CB-24)
    counts_as_bill = False  # a second one has to wait until the first one is invoiced (CB-23, same-day rule)

    def action_of(self, new: NewChange) -> Action:
        """Return the action that the subscription's state must allow."""
        _ = new
        return self.action

    def beside(self, details: Mapping[str, Any]) -> frozenset[ChangeStatus]:
        """Return how another request may stand that this one does not have to wait for."""
        _ = details
        return frozenset()

    def concerned(self, change: NewChange | SubscriptionChange) -> frozenset[UUID]:
        """Return the subscriptions whose money it moves: they are billed up to its day first."""
        return frozenset({change.subscription_id, *filter(None, [change.target_subscription_id])})

    def check(self, subscription: Subscription, new: NewChange, *, at: datetime) -> None:
        """Refuse what cannot be: Invalid names the field, Conflict the state. Runs in the requester's scope, too.

        `new.effective_on` is set. The subscription is locked; its states and other requests were looked at before.
        """

    def needs_decision(self, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> bool:
        """Whether somebody of the distributor has to agree to a customer's request. Runs in the distributor's scope."""
        _ = subscription, change, at
        return False

    def needs_vendor(self, subscription: Subscription, change: SubscriptionChange) -> bool:
        """Whether there is something to be done at a vendor, by machine."""
        _ = change
        return subscription.sync_status is not SyncStatus.NOT_REQUIRED

    def picture(self, subscription: Subscription, change: SubscriptionChange) -> ResourcePicture:
        """Return the complete picture of the service as it shall be."""
        _ = change
        return complete_picture(subscription)

    def steps(self, subscription: Subscription, change: SubscriptionChange) -> Sequence[VendorStep]:
        """Return what is asked of vendors, one after the other; a bundle's is asked of each of its components."""
        return steps_for(subscription, self.task_kind, self.picture(subscription, change))

    def scheduled(self, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
        """Do what follows from waiting for the period's end."""

    def withdrawn(self, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
        """Undo what `scheduled` did."""

    def apply(self, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
        """Take the change over, and charge or credit it. Runs once, in the distributor's scope.

        The payer's account and the subscription are locked, in this order; it is synchronised again.
        """
        raise TypeError(f"{type(self).__name__} does not say what {change.kind.value} does to {subscription} at {at}")
