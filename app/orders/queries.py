"""Reads of orders, in the scope of who asks. What the scope does not reach does not exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased

from app.accounts.models import Account
from app.core.db import session
from app.orders.errors import OrderNotFound
from app.orders.models import Order, OrderEvent, OrderItem, OrderStatus
from tenants.context import current_scope

RECENT = 5


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """What to list: never drafts, which exist only inside checkout (SF-F67)."""

    search: str = ""  # in the number, or the receiving account's name
    status: OrderStatus | None = None
    account_id: UUID | None = None
    placed_from: date | None = None
    placed_to: date | None = None


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order in a list, with the name of who receives it."""

    order: Order
    account_name: str


def get_order(number: str) -> Order:
    """Return an order by the number people quote; raises OrderNotFound, also for drafts, which are a program's alone."""
    found = session.scalar(
        select(Order).where(
            Order.distributor_id == current_scope().distributor_id,
            Order.number == number,
            Order.status != OrderStatus.DRAFT,
        )
    )
    if found is None:
        raise OrderNotFound(number)
    return found


def list_items(order_id: UUID) -> Sequence[OrderItem]:
    """Return an order's items as they were placed, with those that were delivered in sub-orders."""
    return session.scalars(
        select(OrderItem)
        .where(
            OrderItem.distributor_id == current_scope().distributor_id, OrderItem.order_id.in_(_with_parts(order_id))
        )
        .order_by(OrderItem.position)
    ).all()


def list_events(order_id: UUID) -> Sequence[OrderEvent]:
    """Return an order's history with that of its sub-orders, oldest first."""
    return session.scalars(
        select(OrderEvent)
        .where(
            OrderEvent.distributor_id == current_scope().distributor_id, OrderEvent.order_id.in_(_with_parts(order_id))
        )
        .order_by(OrderEvent.at, OrderEvent.id)
    ).all()


def _with_parts(order_id: UUID) -> Select[UUID]:
    return select(Order.id).where(
        Order.distributor_id == current_scope().distributor_id, (Order.id == order_id) | (Order.parent_id == order_id)
    )


def _listed(wanted: OrderFilter) -> Select[Order, str]:
    receiver = aliased(Account)
    statement = (
        select(Order, receiver.name)
        .join(receiver, (receiver.distributor_id == Order.distributor_id) & (receiver.id == Order.account_id))
        .where(
            Order.distributor_id == current_scope().distributor_id,
            Order.status != OrderStatus.DRAFT,
            Order.parent_id.is_(None),  # sub-orders are told of in the order
        )
    )
    if wanted.search:
        words = f"%{wanted.search.strip().lower()}%"
        statement = statement.where(func.lower(Order.number).like(words) | func.lower(receiver.name).like(words))
    if wanted.status is not None:
        statement = statement.where(Order.status == wanted.status)
    if wanted.account_id is not None:
        statement = statement.where(Order.account_id == wanted.account_id)
    if wanted.placed_from is not None:
        statement = statement.where(Order.placed_at >= datetime.combine(wanted.placed_from, datetime.min.time()))
    if wanted.placed_to is not None:
        statement = statement.where(Order.placed_at < datetime.combine(wanted.placed_to, datetime.max.time()))
    return statement


def list_orders(wanted: OrderFilter, *, offset: int = 0, limit: int | None = 25) -> Sequence[OrderRow]:
    """Return orders of the filter, the newest first; `limit` None is for exports."""
    statement = _listed(wanted).order_by(Order.placed_at.desc(), Order.id.desc()).offset(offset)
    if limit is not None:
        statement = statement.limit(limit)
    return [OrderRow(order, name) for order, name in session.execute(statement)]


def count_orders(wanted: OrderFilter) -> int:
    """Return how many orders the filter finds."""
    return session.scalar(select(func.count()).select_from(_listed(wanted).subquery())) or 0


def recent_orders() -> Sequence[OrderRow]:
    """Return the five newest orders of the scope."""
    return list_orders(OrderFilter(), limit=RECENT)


def count_pending_approval() -> int:
    """Return how many orders wait for the reseller of the scope: the badge beside the queue."""
    return count_orders(OrderFilter(status=OrderStatus.PENDING_RESELLER_APPROVAL))
