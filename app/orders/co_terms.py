"""Co-terming: an ordered item whose first period ends with something else (CB-28).

Own term, the end of the calendar month, or the same end as another subscription of the same payer. The first period is
short, and charged by the days of the full cycle that ends with it: yearly 1,200.00 from 15 September to 31 March is
198 days of 365, 650.96.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import select

from app.billing.cycles import FirstPeriod, first_period, stub_until
from app.core.db import session
from app.orders.execution_rows import Line
from app.orders.models import CoTerm, OrderItem
from app.subscriptions.models import Subscription
from app.subscriptions.periods import ONE_DAY, add_months, on_anchor
from tenants.context import current_scope


def first_period_of(line: Line, *, on: date) -> FirstPeriod | None:
    """Return the short first period an item was given; None: its own, also where the other one has ended meanwhile."""
    months = line.item.cycle.months
    if not months:
        return None
    match line.item.co_term:
        case CoTerm.MONTH_END:
            return (
                first_period(on, months, align_to=1)
                if months == 1
                else _until(add_months(on.replace(day=1), 1), on, months, anchor_day=1)
            )
        case CoTerm.SUBSCRIPTION:
            other = _running(line.item.co_term_subscription_id)
            boundary = boundary_of(other) if other is not None else None
            if other is None or boundary is None or boundary <= on:
                return None
            return _until(boundary, on, months, anchor_day=_anchor_of(other, boundary))
    return None


def align_term(subscription: Subscription, item: OrderItem) -> None:
    """Let the term end with the other subscription's, where it was bought to the same end."""
    other = _running(item.co_term_subscription_id) if item.co_term is CoTerm.SUBSCRIPTION else None
    boundary = boundary_of(other) if other is not None else None
    if boundary is not None and subscription.starts_on is not None and boundary > subscription.starts_on:
        subscription.renews_on = boundary


def code_of(item: OrderItem) -> str | None:
    """Return what people quote of the subscription an item ends with."""
    if item.co_term_subscription_id is None:
        return None
    return session.scalar(
        select(Subscription.code).where(
            Subscription.distributor_id == current_scope().distributor_id,
            Subscription.id == item.co_term_subscription_id,
        )
    )


def _until(boundary: date, on: date, months: int, *, anchor_day: int) -> FirstPeriod:
    """Return the short period to the nearest cycle's end that leads to the boundary, the first day of what follows."""
    end = boundary
    while add_months(end, -months, anchor_day) > on:
        end = add_months(end, -months, anchor_day)
    if add_months(end, -months, anchor_day) == on:
        return first_period(on, months, align_to=anchor_day)
    return stub_until(on, end - ONE_DAY, months, anchor_day=anchor_day)


def _running(subscription_id: UUID | None) -> Subscription | None:
    other = session.get(Subscription, (current_scope().distributor_id, subscription_id)) if subscription_id else None
    return other if other is not None and other.is_live else None


def _anchor_of(other: Subscription, boundary: date) -> int:
    """Return the day of the month another subscription's periods begin on: the 31st, where February ends on the 28th."""
    meant = other.anchor_day or boundary.day
    return meant if on_anchor(boundary.year, boundary.month, meant) == boundary else boundary.day


def boundary_of(other: Subscription) -> date | None:
    """Return the first day after another subscription's term, or after its period where it has no term."""
    if other.renews_on is not None:
        return other.renews_on
    return other.period_to + ONE_DAY if other.period_to is not None else None
