"""Orders for a day to come: which days can be chosen, when they are tried, what a try that failed leaves (SF-32, CB-20).

Days are the distributor's. An order is tried at 02:00 of its day and of the two days after; then it stays Scheduled,
flagged, until its buyer chooses another day or cancels, or staff executes it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from app.audit.services import Actor, record
from app.audit.shown import shown_name
from app.core.days import write_day
from app.core.db import session
from app.core.errors import DomainError, Invalid
from app.orders.errors import WrongOrderState
from app.orders.execution_events import add_event
from app.orders.execution_mails import mail_canceled, mail_schedule_done, mail_schedule_failed
from app.orders.execution_rows import lock_order_by_number
from app.orders.machine import Move, advance
from app.orders.models import DeliveryStatus, Order, OrderItem, OrderStatus
from app.orders.statuses import tell_status
from app.resellers.aliases import release_alias
from tenants.context import current_scope
from tenants.days import distributors_day
from tenants.models import Distributor

RUNS_AT = time(2)
FURTHEST = timedelta(days=90)
ONE_DAY = timedelta(days=1)
TRIES = 3
SCHEDULED = "The order is scheduled for {day}. Prices of that day apply."
RESCHEDULED = "The order was moved from {old} to {new}."
NOT_YET = "The order could not be executed yet. We try again by ourselves; there is nothing for you to do."
GIVEN_UP = "The order could not be executed on its day. Choose another day, or contact us."
CANCELED = "The order was canceled."


def last_day(today: date) -> date:
    """Return the last day that can be chosen."""
    return today + FURTHEST


def require_day(day: date, *, today: date, field: str = "execute_on") -> None:
    """Raise Invalid `range` for a day that an order cannot wait for."""
    if not today < day <= last_day(today):
        first, last = write_day(today + ONE_DAY), write_day(last_day(today))
        raise Invalid.field(field, "range", f"Choose a date between {first} and {last}")


def run_time(day: date) -> datetime:
    """Return when orders of a day are tried: 02:00 where the distributor is, in UTC."""
    zone = session.scalar(select(Distributor.time_zone).where(Distributor.id == current_scope().distributor_id))
    return datetime.combine(day, RUNS_AT, tzinfo=ZoneInfo(zone or "UTC")).astimezone(UTC)


def wait_for_day(order: Order, day: date, move: Move, *, at: datetime, actor_name: str | None = None) -> None:
    """Let an order wait for its day, which has been checked. Raises WrongOrderState."""
    advance(order, move)
    _set_day(order, day)
    add_event(order, "scheduled", SCHEDULED.format(day=write_day(day)), at=at, actor_name=actor_name)


def reschedule(number: str, day: date, *, actor: Actor, at: datetime) -> Order:
    """Choose another day for a scheduled order, as long as its execution has not started; it has all its tries again.

    Raises OrderNotFound, WrongOrderState, Invalid `range`.
    """
    order = lock_order_by_number(number)
    _require_scheduled(order)
    require_day(day, today=distributors_day(at))
    old = order.execute_on
    advance(order, Move.SCHEDULE)
    _set_day(order, day)
    words = RESCHEDULED.format(old=write_day(old) if old else "–", new=write_day(day))
    add_event(order, "rescheduled", words, at=at, actor_name=shown_name(actor))
    record(
        "order.rescheduled", actor=actor, at=at, target_kind="order", target_id=order.id,
        before={"execute_on": old}, after={"execute_on": day},
    )  # fmt: skip
    session.flush()
    return order


def cancel_scheduled(number: str, *, reason: str = "", actor: Actor, at: datetime) -> Order:
    """Cancel a scheduled order whose execution has not started; nothing is charged. Raises OrderNotFound, WrongOrderState."""
    order = lock_order_by_number(number)
    _require_scheduled(order)
    advance(order, Move.CANCEL)
    order.run_at = order.run_failed_at = None
    order.decided_by_id, order.decided_at, order.decision_reason = actor.user_id, at, reason.strip()[:500] or None
    for item in session.scalars(
        select(OrderItem).where(OrderItem.distributor_id == order.distributor_id, OrderItem.order_id == order.id)
    ):
        release_alias(item.id)
        item.delivery_status = DeliveryStatus.CANCELED
    add_event(order, "canceled", CANCELED, at=at, actor_name=shown_name(actor))
    mail_canceled(order, at=at)
    tell_status(order, at=at)
    record(
        "order.canceled", actor=actor, at=at, target_kind="order", target_id=order.id, after={"reason": reason[:500]}
    )
    session.flush()
    return order


def hold_for_next_try(order: Order, refusal: DomainError, *, at: datetime) -> bool:
    """Send an order whose try failed back to Scheduled, for tomorrow or, after the last one, for people.

    Returns whether it was the first one to fail: its people are told then, and after the last (SF-33).
    """
    advance(order, Move.HOLD_FOR_A_DAY)
    return note_failed_try(order, refusal, at=at)


def note_failed_try(order: Order, refusal: DomainError, *, at: datetime) -> bool:
    """Count a failed try of a scheduled order. Returns whether it was the first one."""
    order.run_attempts += 1
    if order.run_attempts < TRIES:
        order.run_at = run_time(distributors_day(at) + ONE_DAY)
        add_event(order, "retry", NOT_YET, at=at, next_attempt_at=order.run_at)
    else:
        order.run_at, order.run_failed_at = None, at
        add_event(order, "schedule_failed", GIVEN_UP, at=at)
        mail_schedule_failed(order, str(refusal), at=at)
    return order.run_attempts == 1


def settle(order: Order, *, at: datetime) -> None:
    """End the waiting of an order that was executed; where its day brought it, its people are told."""
    if order.run_at is not None:
        mail_schedule_done(order, at=at)
    order.run_at = order.run_failed_at = None
    order.run_attempts = 0


def count_flagged() -> int:
    """Return how many scheduled orders wait for an operator."""
    return (
        session.scalar(
            select(func.count()).where(
                Order.distributor_id == current_scope().distributor_id,
                Order.status == OrderStatus.SCHEDULED,
                Order.run_failed_at.is_not(None),
            )
        )
        or 0
    )


def _require_scheduled(order: Order) -> None:
    if order.status is not OrderStatus.SCHEDULED:
        raise WrongOrderState(order.number, order.status)


def _set_day(order: Order, day: date) -> None:
    order.execute_on, order.run_at = day, run_time(day)
    order.run_attempts, order.run_failed_at = 0, None
