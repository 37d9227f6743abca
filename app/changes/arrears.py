"""What a period that is charged on its end comes to: the sum of its quantity-days (CB-24, CB-32)."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import select

from app.catalogue.models import BillingCycle
from app.core.clock import local_date
from app.core.db import session
from app.core.money import round_money
from app.subscriptions.models import Subscription, SubscriptionCost, SubscriptionEvent
from app.subscriptions.periods import Period, add_months
from tenants.context import current_scope
from tenants.models import Distributor

ONE_DAY = timedelta(days=1)


def arrears_amount(subscription: Subscription, cost: SubscriptionCost, period: Period) -> Decimal:
    """Return what was used of a period, or of its first part: unit cost x quantity-days / days of the cycle, rounded once.

    An added licence counts from its day on, one that goes counts to the end of its day. 2 x 10.00, 4 from 16 June:
    10.00 x (15 x 2 + 15 x 4) / 30 = 30.00.
    """
    cycle = _cycle_days(period.first, subscription.cycle, subscription.anchor_day) or period.days
    return round_money(cost.unit_cost * quantity_days(subscription, period) / max(cycle, period.days), cost.currency)


def quantity_days(subscription: Subscription, period: Period) -> int:
    """Return the sum of licences over the days of a period."""
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
        select(SubscriptionEvent.at, SubscriptionEvent.quantity_change)
        .where(
            SubscriptionEvent.distributor_id == current_scope().distributor_id,
            SubscriptionEvent.subscription_id == subscription.id,
            SubscriptionEvent.kind.in_(("increase", "decrease")),
            SubscriptionEvent.quantity_change.is_not(None),
        )
        .order_by(SubscriptionEvent.at, SubscriptionEvent.id)
    )
    days = [(local_date(at, zone), change or 0) for at, change in rows]
    return sorted((day if change > 0 else day + ONE_DAY, change) for day, change in days if day >= first)


def _cycle_days(first: date, cycle: BillingCycle, anchor_day: int | None) -> int:
    return (add_months(first, cycle.months, anchor_day) - first).days if cycle.months else 0
