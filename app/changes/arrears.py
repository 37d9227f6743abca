"""What a period that is charged on its end comes to: the sum of its quantity-days (CB-24, CB-32)."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import select

from app.billing.models import ChargeKind
from app.catalogue.models import BillingType, ProductKind
from app.changes.charging import Amount, current_period, whole_cycle
from app.changes.queries import cost_of
from app.changes.refunding import product_and_type
from app.changes.suspended_days import free_days
from app.core.clock import local_date
from app.core.db import session
from app.core.money import round_money
from app.subscriptions.models import Subscription, SubscriptionCost, SubscriptionEvent
from app.subscriptions.periods import Period
from app.subscriptions.services import DECREASE, INCREASE, MOVED_AWAY
from tenants.context import current_scope
from tenants.models import Distributor

ONE_DAY = timedelta(days=1)


def arrears_amount(subscription: Subscription, cost: SubscriptionCost, period: Period) -> Decimal:
    """Return what was used of a period, or of its first part: unit cost x quantity-days / days of the cycle, rounded once.

    An added licence counts from its day on, one that goes counts to the end of its day, one that became another product
    counts for that from its day on. 2 x 10.00, 4 from 16 June: 10.00 x (15 x 2 + 15 x 4) / 30 = 30.00.
    """
    cycle = whole_cycle(subscription) or period
    days = max(cycle.days, period.days)
    return round_money(cost.unit_cost * quantity_days(subscription, period) / days, cost.currency)


def used_days(subscription: Subscription, *, last: date, part: str) -> Amount | None:
    """Return what the running period costs up to a day, of what is charged on its end; None for anything else.

    Usage is billed by what was used, a trial by nothing. `part` keeps it apart from other amounts of a change.
    """
    period, cost = current_period(subscription), cost_of(subscription.id)
    if period is None or cost is None or subscription.trial_ends_on is not None:
        return None
    _, product_type = product_and_type(subscription.product_id)
    if subscription.billing_type is not BillingType.ON_END or product_type.kind is ProductKind.PAY_PER_USE:
        return None
    used = Period(period.first, min(last, period.last))
    if used.days < 1:
        return None
    return Amount(
        kind=ChargeKind.RECURRING,
        description=subscription.friendly_name,
        quantity=subscription.quantity,
        unit_cost=cost.unit_cost,
        net=arrears_amount(subscription, cost, used),
        period=used,
        part=part,
    )


def quantity_days(subscription: Subscription, period: Period) -> int:
    """Return the sum of licences over the days of a period that are billed."""
    free = sum(_quantity_days(subscription, each) for each in free_days(subscription, period))
    return _quantity_days(subscription, period) - free


def _quantity_days(subscription: Subscription, period: Period) -> int:
    moves = _moves_since(subscription, period.first)
    quantity = subscription.quantity - sum(change for _, change in moves)  # as the period began
    total, day = 0, period.first
    for from_day, change in moves:
        until = min(max(from_day, day), period.last + ONE_DAY)
        total += quantity * (until - day).days
        quantity, day = quantity + change, until
    return total + quantity * ((period.last - day).days + 1)


def _moves_since(subscription: Subscription, first: date) -> list[tuple[date, int]]:
    """Return from which day on how many licences were more or fewer, oldest first."""
    zone = (
        session.scalar(select(Distributor.time_zone).where(Distributor.id == current_scope().distributor_id)) or "UTC"
    )
    rows = session.execute(
        select(
            SubscriptionEvent.at,
            SubscriptionEvent.kind,
            SubscriptionEvent.quantity_change,
            SubscriptionEvent.counts_from,
        )
        .where(
            SubscriptionEvent.distributor_id == current_scope().distributor_id,
            SubscriptionEvent.subscription_id == subscription.id,
            SubscriptionEvent.kind.in_((INCREASE, DECREASE, MOVED_AWAY)),
            SubscriptionEvent.quantity_change.is_not(None),
        )
        .order_by(SubscriptionEvent.at, SubscriptionEvent.id)
    )
    moves = []
    for row in rows:
        day = local_date(row.at, zone)
        after = day + ONE_DAY if row.kind == DECREASE else day
        if (row.counts_from or day) >= first:
            moves.append((row.counts_from or after, row.quantity_change or 0))
    return sorted(moves)
