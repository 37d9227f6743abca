"""The end of a term that does not renew (CB-28). Nobody asks for it: the billing run does, once per term."""

from __future__ import annotations

from datetime import datetime

from app.changes.effects import Effect
from app.changes.period_charges import charge_arrears, charge_usage, running_add_ons
from app.changes.reminders import mail_expired
from app.core.days import write_day
from app.provisioning.models import TaskKind
from app.subscriptions.add_ons import follow_parent
from app.subscriptions.bundles import list_components
from app.subscriptions.machine import Action, Step, move
from app.subscriptions.models import Subscription, SubscriptionChange, SubscriptionStatus
from app.subscriptions.services import add_event
from app.subscriptions.vendor_links import stands_at_vendor


class Expiry(Effect):
    """All of it, with its parts. What was used of the last period is charged; nothing is given back."""

    action = Action.CANCEL
    task_kind = TaskKind.CANCEL

    def needs_vendor(self, subscription: Subscription, change: SubscriptionChange) -> bool:
        """Whether something of it stands at a vendor; a reseller's plan is our own."""
        if subscription.plan_edition is not None or not super().needs_vendor(subscription, change):
            return False
        return stands_at_vendor(subscription.id) or bool(list_components(subscription.id))

    def withdrawn(self, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
        """Somebody has given up on the vendor: it is over here all the same, and a comparison shows what is left there."""
        self.apply(subscription, change, at=at)
        follow_parent(subscription, at=at)

    def apply(self, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
        """Charge the last period's arrears and usage, and end the subscription and its parts."""
        components = list_components(subscription.id)
        for each in (subscription, *running_add_ons(subscription)):
            charge_arrears(each, at=at)
            charge_usage(each, at=at)
            move(each, Step.EXPIRED)
            words = f"Expired on {write_day(change.effective_on)}"
            add_event(each, "expired", words, at=at, quantity_after=each.quantity)
        subscription.is_suspended_with_account = False
        for component in components:  # each was ended at its own vendor; they fell with their bundle
            component.status = SubscriptionStatus.EXPIRED
        mail_expired(subscription, change.effective_on, at=at)
