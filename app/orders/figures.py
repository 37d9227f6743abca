"""How many orders there are, for the home page of the back office."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import func, select

from app.core.db import session
from app.orders.back_office_queries import start_of_day
from app.orders.models import Order, OrderStatus
from tenants.context import current_scope


def orders_per_day(*, first: date, last: date, zone: str) -> Sequence[tuple[date, int]]:
    """Return how many orders were placed on each day of a period, days without one included."""
    day = func.date(func.timezone(zone, Order.placed_at))
    rows = session.execute(
        select(day, func.count())
        .where(
            Order.distributor_id == current_scope().distributor_id,
            Order.status != OrderStatus.DRAFT,
            Order.parent_id.is_(None),
            Order.placed_at >= start_of_day(first, zone),
            Order.placed_at < start_of_day(last + timedelta(days=1), zone),
        )
        .group_by(day)
    )
    found: dict[date, int] = {row[0]: row[1] for row in rows}
    days = (last - first).days + 1
    return [(first + timedelta(days=number), found.get(first + timedelta(days=number), 0)) for number in range(days)]


def count_by_status() -> dict[OrderStatus, int]:
    """Return how many orders stand in each status, drafts left out."""
    rows = session.execute(
        select(Order.status, func.count())
        .where(Order.distributor_id == current_scope().distributor_id, Order.status != OrderStatus.DRAFT)
        .group_by(Order.status)
    )
    return {row[0]: row[1] for row in rows}
