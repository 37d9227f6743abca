"""Ending a subscription: at once, on a day of the running period, or with the period (CB-29)."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.billing.charges import charge_to_credit
from app.billing.models import ChargeKind
from app.changes.arrears import used_days
from app.changes.charging import Amount, charge, current_period
from app.changes.dependants import require_not_needed
from app.changes.effects import Effect, NewChange
from app.changes.errors import NotOffered
from app.changes.exits import exit_of, require_exit, termination
from app.changes.kinds.quantity import is_decided_by_bss
from app.changes.mails import mail_done
from app.changes.queries import cost_of
from app.changes.refunding import policy_for, refund_of
from app.changes.voiding import void_changes
from app.changes.words import actor_of, day_of
from app.core.days import write_day
from app.core.errors import FieldError, Invalid
from app.provisioning.models import TaskKind
from app.subscriptions.bundles import require_not_component
from app.subscriptions.machine import Action, Step, move
from app.subscriptions.models import (
    ChangeTiming,
    Subscription,
    SubscriptionChange,
    SubscriptionRole,
    SubscriptionStatus,
)
from app.subscriptions.periods import Period
from app.subscriptions.services import add_event
from tenants.days import distributors_day
from tenants.settings import distributor_settings

ONE_DAY = timedelta(days=1)
STATUS_BEFORE = "status_before"  # detail: what it returns to when a cancellation at the period's end is withdrawn
DESPITE_DEPENDANTS = "despite_dependants"  # detail: an administrator said so, with a comment


class Cancellation(Effect):
    """All of it. `details` may say `despite_dependants`; the caller has looked at the right to say so."""

    action = Action.CANCEL
    task_kind = TaskKind.CANCEL

    def check(self, subscription: Subscription, new: NewChange, *, at: datetime) -> None:
        """Refuse wrong days, a missing reason, what the policy does not allow, and what others need (CB-F24, CB-F90)."""
        if subscription.plan_edition is not None:
            raise NotOffered("A reseller plan is ended in the reseller's page")
        require_not_component(subscription)
        if subscription.role is not SubscriptionRole.MAIN:
            raise NotOffered("An add-on is canceled with the add-ons of its subscription")
        if errors := _field_errors(subscription, new, at):
            raise Invalid(*errors)
        if policy_for(subscription).immediate_only and new.timing is ChangeTiming.PERIOD_END:
            raise Invalid.field("timing", "immediate_only", "This subscription can only be canceled immediately")
        require_exit(subscription, subscription.quantity, new.timing, field="timing", at=at)
        if not new.details.get(DESPITE_DEPENDANTS):
            require_not_needed(subscription)

    def needs_decision(self, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> bool:
        """The type's switch and its cap decide (CB-F95, CB-F96)."""
        _ = change, at
        return is_decided_by_bss(subscription, subscription.quantity)

    def scheduled(self, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
        """Mark it as ending: billed normally until then (CB-F91)."""
        _ = at
        change.details = {**change.details, STATUS_BEFORE: subscription.status.value}
        move(subscription, Step.ENDING)

    def withdrawn(self, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
        """Let it run on as it did."""
        _ = at
        if subscription.status is SubscriptionStatus.PENDING_CANCELLATION:
            was_suspended = change.details.get(STATUS_BEFORE) == SubscriptionStatus.SUSPENDED.value
            move(subscription, Step.KEPT_SUSPENDED if was_suspended else Step.KEPT)

    def apply(self, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
        """End it, give back what is not used, charge used days in arrears and an early leave (CB-F93)."""
        amounts = [
            amount
            for amount in (
                _refund(subscription, change),
                _arrears(subscription, change),
                _termination(subscription, change),
            )
            if amount is not None
        ]
        move(subscription, Step.ENDED if change.timing is ChangeTiming.PERIOD_END else Step.CANCELED)
        subscription.canceled_at, subscription.is_suspended_with_account = at, False
        change.quantity_from, change.quantity_to = subscription.quantity, 0
        add_event(
            subscription, "canceled", f"Canceled, last day {write_day(day_of(change))}", at=at,
            quantity_change=-subscription.quantity, quantity_after=0, actor_name=actor_of(change),
        )  # fmt: skip
        charge(subscription, change, *amounts, at=at)
        void_changes(subscription, but=change.id, at=at)
        mail_done(subscription, change, at=at)


def _field_errors(subscription: Subscription, new: NewChange, at: datetime) -> list[FieldError]:
    errors = []
    if not new.is_from_storefront and new.reason not in distributor_settings().cancellation_reasons:
        errors.append(FieldError("reason", "required", "Choose a reason"))
    if new.timing is not ChangeTiming.ON_DATE or new.effective_on is None:
        return errors
    period = current_period(subscription)
    if new.is_from_storefront:
        errors.append(FieldError("timing", "not_offered", "Choose immediately, or the end of the period"))
    elif new.effective_on > distributors_day(at):
        errors.append(FieldError("effective_on", "future", "Choose today or an earlier day; later is the period's end"))
    elif period is not None and new.effective_on < period.first:
        errors.append(
            FieldError(
                "effective_on",
                "before_period",
                f"The running period began on {write_day(period.first)}; choose that day or later",
            )
        )
    return errors


def _refund(subscription: Subscription, change: SubscriptionChange) -> Amount | None:
    period, cost = current_period(subscription), cost_of(subscription.id)
    if period is None or cost is None or change.timing is ChangeTiming.PERIOD_END:
        return None
    if exit_of(subscription, subscription.quantity, change.timing, at=change.created_at).percent is not None:
        return None  # outside the refund window
    credited = charge_to_credit(subscription.id, period)
    first = min(max(change.effective_on + ONE_DAY, period.first), period.last)
    return Amount(
        kind=ChargeKind.CANCELLATION,
        description=f"{subscription.friendly_name}: canceled on {write_day(change.effective_on)}",
        quantity=subscription.quantity,
        unit_cost=cost.unit_cost,
        net=-refund_of(subscription, subscription.quantity, on=change.effective_on, at=change.created_at),
        period=Period(first, period.last),
        credits_id=credited.id if credited is not None else None,
    )


def _arrears(subscription: Subscription, change: SubscriptionChange) -> Amount | None:
    """Return what the used days of a period that is charged on its end cost."""
    is_whole = change.timing is ChangeTiming.PERIOD_END
    last = (subscription.period_to if is_whole else None) or change.effective_on
    return used_days(subscription, last=last, part="arrears")


def _termination(subscription: Subscription, change: SubscriptionChange) -> Amount | None:
    found = exit_of(subscription, subscription.quantity, change.timing, at=change.created_at)
    return termination(subscription, subscription.quantity, found)
