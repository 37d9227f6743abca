"""Suspending a subscription, and ending that: at the vendor first; the billing goes on (CB-30)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.accounts.models import AccountStatus
from app.accounts.queries import find_account
from app.changes.charging import charge_together
from app.changes.effects import Effect, NewChange
from app.changes.errors import NotOffered
from app.changes.mails import mail_done
from app.changes.refunding import product_and_type
from app.changes.suspended_days import unbilled_rest
from app.changes.words import actor_of
from app.core.errors import Invalid
from app.provisioning.models import TaskKind
from app.provisioning.queries import vendor_offers
from app.subscriptions.add_ons import list_add_ons
from app.subscriptions.bundles import require_not_component
from app.subscriptions.machine import Action, Step, move
from app.subscriptions.models import ChangeStatus, ChangeTiming, Subscription, SubscriptionChange, SubscriptionRole
from app.subscriptions.services import add_event

WITH_ACCOUNT = "with_account"  # detail: the whole account is suspended, or active again
NOT_BEGUN = frozenset(
    {ChangeStatus.SUBMITTED, ChangeStatus.SCHEDULED}
)  # what an account's suspension does not wait for


class AccountIsSuspended(NotOffered):
    """A subscription of a suspended account does not run before its account does."""

    code = "account_suspended"


class Suspension(Effect):
    """Switched off for a while."""

    action = Action.SUSPEND
    task_kind = TaskKind.SUSPEND

    def beside(self, details: Mapping[str, Any]) -> frozenset[ChangeStatus]:
        """A whole account is suspended at once, whatever waits for its day or for a decision."""
        return NOT_BEGUN if details.get(WITH_ACCOUNT) else frozenset()

    def check(self, subscription: Subscription, new: NewChange, *, at: datetime) -> None:
        """Refuse what the product type does not offer."""
        _ = at
        _require_now(new)
        _require_main(subscription)
        _, product_type = product_and_type(subscription.product_id)
        if not product_type.allows_suspension:
            raise NotOffered("Subscriptions of this product type cannot be suspended")
        if not vendor_offers(subscription.id, TaskKind.SUSPEND):
            raise NotOffered("The vendor of this service does not offer to suspend it")

    def apply(self, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
        """Take it over."""
        move(subscription, Step.SUSPENDED)
        subscription.is_suspended_with_account = bool(change.details.get(WITH_ACCOUNT))
        add_event(subscription, "suspended", "Suspended", at=at, actor_name=actor_of(change))
        mail_done(subscription, change, at=at)


class Activation(Effect):
    """Switched on again."""

    action = Action.ACTIVATE
    task_kind = TaskKind.ACTIVATE

    def beside(self, details: Mapping[str, Any]) -> frozenset[ChangeStatus]:
        """What waited while the account was suspended waits on."""
        return NOT_BEGUN if details.get(WITH_ACCOUNT) else frozenset()

    def check(self, subscription: Subscription, new: NewChange, *, at: datetime) -> None:
        """Refuse it while the whole account is suspended."""
        _ = at
        _require_now(new)
        _require_main(subscription)
        account = find_account(subscription.account_id) if subscription.account_id else None
        if account is not None and account.status is AccountStatus.SUSPENDED:
            raise AccountIsSuspended(f"{account.name} is suspended; activate the account first")

    def apply(self, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
        """Take it over; what is left of a period that began free while it was suspended is charged."""
        owed = [(each, unbilled_rest(each, change)) for each in (subscription, *list_add_ons(subscription.id))]
        move(subscription, Step.REACTIVATED)
        subscription.is_suspended_with_account = False
        charge_together(change, [(each, amount) for each, amount in owed if amount is not None], at=at)
        add_event(subscription, "reactivated", "Active again", at=at, actor_name=actor_of(change))
        mail_done(subscription, change, at=at)


def _require_now(new: NewChange) -> None:
    if new.timing is not ChangeTiming.NOW:
        raise Invalid.field("timing", "not_offered", "This is done immediately")


def _require_main(subscription: Subscription) -> None:
    if subscription.plan_edition is not None:
        raise NotOffered("A reseller plan is suspended in the reseller's page")
    require_not_component(subscription)
    if subscription.role is not SubscriptionRole.MAIN:
        raise NotOffered("An add-on follows the subscription it belongs to")
