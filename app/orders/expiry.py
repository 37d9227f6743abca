"""Orders nobody decided on: canceled after 30 days, and their buyer is told (RS-25); programs' drafts end after 7 (CB-18)."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from app.audit.services import SYSTEM, record
from app.core.db import session
from app.orders.errors import OrderExpired
from app.orders.execution_events import add_event
from app.orders.execution_mails import mail_declined
from app.orders.execution_rows import lines_of
from app.orders.machine import Move, advance
from app.orders.models import (
    DeliveryStatus,
    Order,
    OrderStatus,
)
from app.orders.removal import remove_orders
from app.orders.statuses import tell_status
from tenants.context import current_scope

PENDING_FOR = timedelta(days=30)
REASON = "The order was not approved within 30 days"
DRAFTS_FOR = timedelta(days=7)
EXPIRED_FOR = timedelta(days=1)  # an expired draft says so, then it is gone
MOST = 100


def expire_pending_orders(*, at: datetime) -> int:
    """Cancel orders that have waited 30 days for their reseller; returns how many. Needs the distributor's scope."""
    orders = session.scalars(
        select(Order)
        .where(
            Order.distributor_id == current_scope().distributor_id,
            Order.status == OrderStatus.PENDING_RESELLER_APPROVAL,
            Order.placed_at <= at - PENDING_FOR,
        )
        .order_by(Order.placed_at)
        .limit(MOST)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    for order in orders:
        advance(order, Move.EXPIRE)
        order.decided_at, order.decision_reason = at, REASON
        for line in lines_of(order):
            line.item.delivery_status = DeliveryStatus.CANCELED
        add_event(order, "expired", f"{REASON}.", at=at)
        mail_declined(order, REASON, at=at)
        tell_status(order, at=at)
        record("order.expired", actor=SYSTEM, at=at, target_kind="order", target_id=order.id)
    return len(orders)


def require_fresh(draft: Order, *, at: datetime) -> None:
    """Refuse to work on a draft whose seven days are over, whether it was deleted yet or not: OrderExpired (RS-30)."""
    if draft.status is OrderStatus.DRAFT and draft.placed_at <= at - DRAFTS_FOR:
        raise OrderExpired(draft.number)


def delete_expired_drafts(*, at: datetime) -> int:
    """Delete drafts that were not submitted within 7 days (CB-18, RS-30); returns how many.

    For a day more they say that they have expired; then nothing is left of them but the audit's row: no item, no event,
    no held alias, no kept answer. Needs the distributor's scope. A second run finds nothing.
    """
    here = current_scope().distributor_id
    drafts = session.scalars(
        select(Order)
        .where(
            Order.distributor_id == here,
            Order.status == OrderStatus.DRAFT,
            Order.placed_at <= at - DRAFTS_FOR - EXPIRED_FOR,
        )
        .order_by(Order.placed_at)
        .limit(MOST)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    if not drafts:
        return 0
    for draft in drafts:
        record(
            "order.expired", actor=SYSTEM, at=at, target_kind="order", target_id=draft.id,
            before={"number": draft.number, "status": draft.status.value},
        )  # fmt: skip
    session.flush()
    remove_orders([draft.id for draft in drafts])
    return len(drafts)
