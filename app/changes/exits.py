"""Whether, and at what price, licences may go before their term's end: refund policy and commitment (CB-28, CB-29)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.billing.models import ChargeKind
from app.billing.proration import cycle_amount
from app.catalogue.refunds import Allowed
from app.changes.charging import Amount, following_period_day
from app.changes.queries import cost_of
from app.changes.refunding import may_end_now, policy_for, product_and_type
from app.core.days import write_day
from app.core.errors import Invalid
from app.subscriptions.models import ChangeTiming, Subscription
from app.subscriptions.refunds import early_termination


@dataclass(frozen=True, slots=True)
class Exit:
    """How licences may leave. `percent` None: without a charge."""

    is_allowed: bool
    percent: Decimal | None = None  # of each whole cycle that is left of the commitment
    cycles_left: int = 0


FREE = Exit(is_allowed=True)


def exit_of(subscription: Subscription, quantity: int, timing: ChangeTiming, *, at: datetime) -> Exit:
    """Say how so many licences may go, asked for at an instant.

    Within the refund window, with the term's end, or under a policy that always allows it: freely. Otherwise against
    the product type's early termination charge, or not at all.
    """
    policy = policy_for(subscription)
    if policy.allowed is Allowed.ALWAYS or subscription.trial_ends_on is not None:
        return FREE
    following = following_period_day(subscription)
    ends_with_term = following is None or subscription.renews_on is None or following >= subscription.renews_on
    if timing is ChangeTiming.PERIOD_END and ends_with_term:
        return FREE
    if timing is not ChangeTiming.PERIOD_END and may_end_now(subscription, policy, quantity, at):
        return FREE
    _, product_type = product_and_type(subscription.product_id)
    if product_type.early_termination_percent is None:
        return Exit(is_allowed=False)
    return Exit(True, product_type.early_termination_percent, _whole_cycles_left(subscription))


def require_exit(subscription: Subscription, quantity: int, timing: ChangeTiming, *, field: str, at: datetime) -> Exit:
    """Refuse what `exit_of` does not allow: Invalid `outside_window`, saying from when on it is possible (CB-F94)."""
    found = exit_of(subscription, quantity, timing, at=at)
    if not found.is_allowed:
        until = f" before {write_day(subscription.renews_on)}" if subscription.renews_on else " now"
        raise Invalid.field(field, "outside_window", f"It cannot be canceled{until}, when its term ends")
    return found


def termination(subscription: Subscription, quantity: int, found: Exit) -> Amount | None:
    """Return the charge for leaving early: 12 x 100.00 after month 5 at 50 % is 350.00; None where there is none."""
    cost = cost_of(subscription.id)
    if found.percent is None or cost is None or not found.cycles_left:
        return None
    per_cycle = cycle_amount(cost.unit_cost, quantity, cost.currency)
    return Amount(
        kind=ChargeKind.TERMINATION,
        description=f"{subscription.friendly_name}: ended before its term, {found.cycles_left} cycles left",
        quantity=quantity,
        unit_cost=cost.unit_cost,
        net=early_termination(per_cycle, found.cycles_left, found.percent, cost.currency),
        period=None,
        part="termination",
    )


def _whole_cycles_left(subscription: Subscription) -> int:
    first, last = following_period_day(subscription), subscription.renews_on
    if first is None or last is None or not subscription.cycle.months:
        return 0
    months = (last.year - first.year) * 12 + last.month - first.month
    return max(months // subscription.cycle.months, 0)
