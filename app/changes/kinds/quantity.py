"""More or fewer licences, now or with the next period (CB-24). A decrease is a partial cancellation: the refund policy holds."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from app.billing.charges import charge_to_credit, has_pending
from app.billing.models import ChargeKind
from app.billing.proration import cycle_amount, decrease_credit, increase_amount
from app.catalogue.models import BillingType, Product, ProductKind, ProductType
from app.catalogue.quantities import limits_of, require_quantity
from app.changes.charging import Amount, charge, current_period, first_day_of, whole_cycle
from app.changes.effects import Effect, NewChange
from app.changes.errors import InvoicePending, NotOffered
from app.changes.exits import exit_of, require_exit, termination
from app.changes.mails import mail_done
from app.changes.queries import cost_of
from app.changes.refunding import policy_for, product_and_type, refund_of
from app.core.errors import Invalid
from app.provisioning.complete_pictures import complete_picture
from app.provisioning.pictures import ResourcePicture
from app.subscriptions.machine import Action
from app.subscriptions.models import (
    ChangeTiming,
    Subscription,
    SubscriptionChange,
    SubscriptionCost,
    SubscriptionRole,
)
from app.subscriptions.periods import Period
from app.subscriptions.services import change_quantity
from tenants.days import distributors_day

NOTHING = Decimal(0)


class Quantity(Effect):
    """A new total."""

    action = Action.QUANTITY
    is_told_ahead = True

    def check(self, subscription: Subscription, new: NewChange, *, at: datetime) -> None:
        """Refuse the same number, 0, more or less than allowed, and a second change of a cycle (CB-F77, CB-F98)."""
        product, product_type = product_and_type(subscription.product_id)
        _require_countable(subscription, product, product_type)
        wanted = new.quantity_to
        if wanted is None:
            raise Invalid.field("quantity", "required", "Enter the new number of licences")
        if wanted == subscription.quantity:
            raise Invalid.field("quantity", "unchanged", f"There are {wanted} already")
        if wanted == 0:
            raise Invalid.field("quantity", "use_cancel", "To end all of it, cancel the subscription")
        if new.is_from_storefront and new.timing is ChangeTiming.NOW and wanted > subscription.quantity:
            raise Invalid.field(
                "quantity", "buy_licences", "To add licences now, buy them; here they begin with the next period"
            )
        require_quantity(product, product_type, wanted)
        if subscription.trial_ends_on is not None and wanted > product.trial_max_quantity:
            raise Invalid.field("quantity", "max", f"A trial of it has at most {product.trial_max_quantity}")
        if new.timing is ChangeTiming.ON_DATE:
            raise Invalid.field("timing", "not_offered", "Choose now, or the end of the period")
        if new.timing is not ChangeTiming.PERIOD_END and has_pending(subscription.id, on=distributors_day(at)):
            raise InvoicePending(subscription.code)
        if wanted < subscription.quantity:
            require_refundable(subscription, subscription.quantity - wanted, new.timing, at=at)

    def needs_decision(self, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> bool:
        """A customer's decrease is a partial cancellation (CB-29): the type's switch and its cap decide."""
        _ = at
        wanted = change.quantity_to or 0
        return wanted < subscription.quantity and is_decided_by_bss(subscription, subscription.quantity - wanted)

    def picture(self, subscription: Subscription, change: SubscriptionChange) -> ResourcePicture:
        """Ask for the new total."""
        return complete_picture(subscription, quantity=change.quantity_to)

    def apply(self, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
        """Take the total over and charge the rest of the period, or give back what is not used (CB-F75, CB-F76)."""
        after = change.quantity_to or subscription.quantity
        is_taken_over = subscription.quantity == after and change.quantity_from is not None  # a bundle's, by its parts
        before = change.quantity_from if is_taken_over and change.quantity_from else subscription.quantity
        amounts = [_amount(subscription, change, before, after), _termination(subscription, change, before - after)]
        change.quantity_from = before
        change_quantity(subscription.id, after, at=at, counts_from=first_day_of(change))
        charge(subscription, change, *(amount for amount in amounts if amount is not None), at=at)
        mail_done(subscription, change, at=at)


def is_decided_by_bss(subscription: Subscription, quantity: int) -> bool:
    """Whether ending so many licences is not automatic: the type's switch is off, or their amount above its cap."""
    _, product_type = product_and_type(subscription.product_id)
    if not product_type.automatic_cancellation:
        return True
    cost = cost_of(subscription.id)
    if product_type.cancellation_cap is None or cost is None:
        return False
    return cycle_amount(cost.unit_cost, quantity, cost.currency) > product_type.cancellation_cap


def require_refundable(subscription: Subscription, quantity: int, timing: ChangeTiming, *, at: datetime) -> None:
    """Refuse a decrease the refund policy and the commitment do not allow (CB-28, CB-29)."""
    if policy_for(subscription).whole_only:
        raise Invalid.field("quantity", "whole_only", "This subscription can only be canceled as a whole")
    require_exit(subscription, quantity, timing, field="quantity", at=at)


def _require_countable(subscription: Subscription, product: Product, product_type: ProductType) -> None:
    if subscription.plan_edition is not None:
        raise NotOffered("A reseller plan has no licences to change")
    if product_type.kind is ProductKind.PAY_PER_USE:
        raise NotOffered("A pay-per-use subscription has no quantity to change")
    if subscription.role is not SubscriptionRole.MAIN:
        raise NotOffered("Add-ons and components are changed with the subscription they belong to")
    if limits_of(product, product_type).is_single:
        raise NotOffered("This product is sold once per subscription")


def _termination(subscription: Subscription, change: SubscriptionChange, quantity: int) -> Amount | None:
    if quantity <= 0:
        return None
    return termination(subscription, quantity, exit_of(subscription, quantity, change.timing, at=change.created_at))


def _amount(subscription: Subscription, change: SubscriptionChange, before: int, after: int) -> Amount | None:
    """Return what the change costs within the running period; None before the period it is for has begun."""
    cost, period, cycle = cost_of(subscription.id), current_period(subscription), whole_cycle(subscription)
    if cost is None or period is None or cycle is None or subscription.trial_ends_on is not None:
        return None
    if subscription.billing_type is BillingType.ON_END or change.effective_on > period.last:
        return None
    if after > before:
        return _increase(subscription, change, cost, period, cycle, before, after)
    return _decrease(subscription, change, cost, period, before, after)


def _increase(
    subscription: Subscription,
    change: SubscriptionChange,
    cost: SubscriptionCost,
    period: Period,
    cycle: Period,
    before: int,
    after: int,
) -> Amount:
    old, new = (cycle_amount(cost.unit_cost, each, cost.currency) for each in (before, after))
    return Amount(
        kind=ChargeKind.QUANTITY,
        description=f"{subscription.friendly_name}: {before} to {after} licences",
        quantity=after - before,
        unit_cost=cost.unit_cost,
        net=increase_amount(old, new, cycle, change.effective_on, cost.currency),
        period=Period(max(change.effective_on, period.first), period.last),
    )


def _decrease(
    subscription: Subscription,
    change: SubscriptionChange,
    cost: SubscriptionCost,
    period: Period,
    before: int,
    after: int,
) -> Amount | None:
    less = before - after
    if change.timing is ChangeTiming.PERIOD_END:  # confirmed late: the whole new period is at the lower number
        last_used = change.effective_on - timedelta(days=1)
        old, new = (cycle_amount(cost.unit_cost, each, cost.currency) for each in (before, after))
        net = decrease_credit(old, new, period, last_used, cost.currency)
    else:
        last_used = change.effective_on
        is_free = exit_of(subscription, less, change.timing, at=change.created_at).percent is None
        net = refund_of(subscription, less, on=last_used, at=change.created_at) if is_free else NOTHING
    credited = charge_to_credit(subscription.id, period)
    first = min(max(last_used + timedelta(days=1), period.first), period.last)
    return Amount(
        kind=ChargeKind.QUANTITY,
        description=f"{subscription.friendly_name}: {before} to {after} licences",
        quantity=less,
        unit_cost=cost.unit_cost,
        net=-net,
        period=Period(first, period.last),
        credits_id=credited.id if credited is not None else None,
    )
