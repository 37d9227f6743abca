"""What a change of a subscription means for its parts: add-ons and components follow, and are charged (CB-11, CB-27)."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from app.billing.add_ons import linked_add_ons
from app.billing.charges import charge_to_credit
from app.billing.models import ChargeKind
from app.billing.proration import cycle_amount, increase_amount
from app.catalogue.models import BillingType
from app.changes.arrears import used_days
from app.changes.charging import Amount, charge, current_period, first_day_of, whole_cycle
from app.changes.queries import cost_of
from app.changes.refunding import refund_of
from app.subscriptions.add_ons import follow_parent, follow_quantity, list_add_ons
from app.subscriptions.bundles import follow_quantity as follow_bundle
from app.subscriptions.models import (
    ChangeKind,
    ChangeTiming,
    Subscription,
    SubscriptionChange,
    SubscriptionCost,
    SubscriptionRole,
    SubscriptionStatus,
)
from app.subscriptions.periods import Period

ONE_DAY = timedelta(days=1)
OF_QUANTITY = (ChangeKind.QUANTITY, ChangeKind.UPGRADE, ChangeKind.DOWNGRADE)  # a partial upgrade leaves fewer


def settle_parts(subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
    """Let the parts follow what has become of their subscription. Runs after a change was applied, in its transaction.

    Linked add-ons take its quantity, and their difference is charged or given back; all parts take its status; what is
    not used of add-ons that end with it within the period is given back by the refund policy.
    """
    if subscription.role is not SubscriptionRole.MAIN:
        return
    if change.kind in OF_QUANTITY and subscription.is_live:
        follow_linked(subscription, change, at=at)
        follow_bundle(subscription)
    if change.kind is ChangeKind.CANCELLATION and subscription.status is SubscriptionStatus.CANCELED:
        for add_on in list_add_ons(subscription.id):
            settle_end_of_add_on(add_on, change, at=at)
    follow_parent(subscription, at=at)


def follow_linked(subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
    """Give linked add-ons the quantity their subscription has come to, and charge or give back the difference."""
    for add_on, cost in linked_add_ons(subscription.id):
        _charge_difference(subscription, add_on, cost, change, at=at)
    follow_quantity(subscription, at=at, counts_from=first_day_of(change))


def settle_end_of_add_on(add_on: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
    """Give back what is not used of an add-on that ends, or charge what is used where it is charged on its end."""
    is_whole = change.timing is ChangeTiming.PERIOD_END
    last = (add_on.period_to if is_whole else None) or change.effective_on
    owed = used_days(add_on, last=last, part=f"arrears:{add_on.id}")
    if owed is not None:
        charge(add_on, change, owed, at=at)
    credit_add_on(add_on, add_on.quantity, change, on=change.effective_on, at=at)


def credit_add_on(add_on: Subscription, quantity: int, change: SubscriptionChange, *, on: date, at: datetime) -> None:
    """Give back what is not used after a day of so many of an add-on, by its refund policy; nothing at a period's end."""
    period, cost = current_period(add_on), cost_of(add_on.id)
    if period is None or cost is None or change.timing is ChangeTiming.PERIOD_END or on not in period:
        return
    credited = charge_to_credit(add_on.id, period)
    charge(
        add_on,
        change,
        Amount(
            kind=ChargeKind.CANCELLATION,
            description=f"{add_on.friendly_name}: {quantity} canceled",
            quantity=quantity,
            unit_cost=cost.unit_cost,
            net=-refund_of(add_on, quantity, on=on, at=at),
            period=Period(min(on + ONE_DAY, period.last), period.last),
            credits_id=credited.id if credited is not None else None,
            part=f"add-on:{add_on.id}",
        ),
        at=at,
    )


def charge_more_of_add_on(
    parent: Subscription,
    add_on: Subscription,
    cost: SubscriptionCost,
    change: SubscriptionChange,
    *,
    before: int,
    after: int,
    at: datetime,
) -> None:
    """Charge more of an add-on to the end of the parent's period: 6.00 x 10/31 = 1.94 (CB-F85)."""
    cycle, on = whole_cycle(parent), change.effective_on
    if cycle is None or on > cycle.last or parent.billing_type is BillingType.ON_END:
        return
    old, new = (cycle_amount(cost.unit_cost, each, cost.currency) for each in (before, after))
    charge(
        add_on,
        change,
        Amount(
            kind=ChargeKind.ADD_ON,
            description=f"{add_on.friendly_name}, add-on of {parent.code}",
            quantity=after - before,
            unit_cost=cost.unit_cost,
            net=increase_amount(old, new, cycle, on, cost.currency),
            period=Period(max(on, cycle.first), cycle.last),
            part=f"add-on:{add_on.id}",
        ),
        at=at,
    )


def _charge_difference(
    parent: Subscription, add_on: Subscription, cost: SubscriptionCost, change: SubscriptionChange, *, at: datetime
) -> None:
    before, after = add_on.quantity, parent.quantity * (add_on.quantity_per_parent or 0)
    if change.timing is ChangeTiming.PERIOD_END:
        return
    if after > before:
        charge_more_of_add_on(parent, add_on, cost, change, before=before, after=after, at=at)
    elif after < before:
        credit_add_on(add_on, before - after, change, on=change.effective_on, at=at)
