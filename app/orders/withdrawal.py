"""A buyer takes back an order that still waits for its reseller (SF-31)."""

from __future__ import annotations

from datetime import datetime

from app.audit.services import Actor, record
from app.audit.shown import shown_name
from app.core.db import session
from app.core.errors import Forbidden
from app.orders.errors import AlreadyDecided
from app.orders.execution_events import add_event
from app.orders.execution_rows import lock_order_by_number
from app.orders.machine import Move, advance
from app.orders.models import DeliveryStatus, Order, OrderStatus
from app.orders.queries import list_items
from app.orders.statuses import tell_status

WITHDRAWN = "The order was withdrawn."


def may_withdraw(order: Order, actor: Actor) -> bool:
    """Whether the order still waits, and the person is the one who placed it."""
    return order.status is OrderStatus.PENDING_RESELLER_APPROVAL and _placed_it(actor, order)


def withdraw_order(number: str, *, actor: Actor, at: datetime) -> Order:
    """Cancel a pending order in the name of who placed it. Of a withdrawal and a decision only the first one wins.

    Raises OrderNotFound, Forbidden, AlreadyDecided.
    """
    order = lock_order_by_number(number)
    if not _placed_it(actor, order):
        raise Forbidden("Only who placed the order can withdraw it")
    if order.status is not OrderStatus.PENDING_RESELLER_APPROVAL:
        raise AlreadyDecided(order.number, order.status)
    advance(order, Move.WITHDRAW)
    for item in list_items(order.id):
        item.delivery_status = DeliveryStatus.CANCELED
    add_event(order, "withdrawn", WITHDRAWN, at=at, actor_name=shown_name(actor))
    tell_status(order, at=at)
    record(
        "order.withdrawn", actor=actor, at=at, target_kind="order", target_id=order.id,
        before={"status": OrderStatus.PENDING_RESELLER_APPROVAL.value}, after={"status": order.status.value},
    )  # fmt: skip
    session.flush()
    return order


def _placed_it(actor: Actor, order: Order) -> bool:
    """Whether this very person placed it: what a program placed is nobody's."""
    return actor.user_id is not None and order.placed_by_id == actor.user_id
