"""Programs that place orders: each has drafts of its own, for seven days (RS-30, CB-18)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.orders.errors import OrderNotFound, WrongOrderState
from app.orders.execution_rows import lock_order_by_number
from app.orders.expiry import require_fresh
from app.orders.models import Order, OrderStatus


@dataclass(frozen=True, slots=True)
class Program:
    """A client of an API, as an order names who placed it."""

    client_id: UUID
    name: str


def open_draft(number: str, program: Program, *, at: datetime) -> Order:
    """Return a program's own draft, locked until the transaction ends.

    Raises OrderNotFound for what is not this program's, WrongOrderState once it is submitted, and OrderExpired after
    seven days.
    """
    order = lock_order_by_number(number)
    if order.api_client_id != program.client_id:
        raise OrderNotFound(number)
    if order.status is not OrderStatus.DRAFT:
        raise WrongOrderState(order.number, order.status)
    require_fresh(order, at=at)
    return order
