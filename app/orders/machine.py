"""Where an order may go from where it is: the one table of (status, move) → status (CB-19, SF-31).

What is not in the table is refused with WrongOrderState: 409. Executed and Canceled are final; that an executed order's
service could not be set up after all is the only way back, to Partially Executed.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.orders.errors import WrongOrderState
from app.orders.models import OrderStatus

if TYPE_CHECKING:
    from app.orders.models import Order

S = OrderStatus


class Move(enum.Enum):
    """What happens to an order."""

    CHECK_OUT = "check_out"  # nothing stands in the way: the workers execute it
    CHECK_OUT_FOR_APPROVAL = "check_out_for_approval"
    CHECK_OUT_FOR_A_DAY = "check_out_for_a_day"  # a day to come
    RECORD = "record"  # by staff, to be completed
    APPROVE = "approve"
    APPROVE_FOR_A_DAY = "approve_for_a_day"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"
    EXECUTE = "execute"  # asked for; the workers do it
    SCHEDULE = "schedule"  # for a day to come, or for another one
    HOLD = "hold"  # execution was refused: no credit, something is no longer sold
    HOLD_FOR_RESELLER = "hold_for_reseller"
    HOLD_FOR_A_DAY = "hold_for_a_day"
    AWAIT_PEOPLE = "await_people"
    DELIVER_PART = "deliver_part"
    FINISH = "finish"
    FAIL_PART = "fail_part"
    CANCEL = "cancel"


TABLE: Mapping[tuple[OrderStatus, Move], OrderStatus] = {
    (S.DRAFT, Move.CHECK_OUT): S.EXECUTING,
    (S.DRAFT, Move.CHECK_OUT_FOR_APPROVAL): S.PENDING_RESELLER_APPROVAL,
    (S.DRAFT, Move.CHECK_OUT_FOR_A_DAY): S.SCHEDULED,
    (S.DRAFT, Move.RECORD): S.SUBMITTED,
    (S.SUBMITTED, Move.EXECUTE): S.EXECUTING,
    (S.SUBMITTED, Move.SCHEDULE): S.SCHEDULED,
    (S.SUBMITTED, Move.DELIVER_PART): S.PARTIALLY_EXECUTED,
    (S.SUBMITTED, Move.FAIL_PART): S.PARTIALLY_EXECUTED,
    (S.SUBMITTED, Move.FINISH): S.EXECUTED,
    (S.SUBMITTED, Move.CANCEL): S.CANCELED,
    (S.PENDING_RESELLER_APPROVAL, Move.APPROVE): S.EXECUTING,
    (S.PENDING_RESELLER_APPROVAL, Move.APPROVE_FOR_A_DAY): S.SCHEDULED,
    (S.PENDING_RESELLER_APPROVAL, Move.REJECT): S.CANCELED,
    (S.PENDING_RESELLER_APPROVAL, Move.WITHDRAW): S.CANCELED,
    (S.PENDING_RESELLER_APPROVAL, Move.EXPIRE): S.CANCELED,
    (S.PENDING_RESELLER_APPROVAL, Move.CANCEL): S.CANCELED,
    (S.SCHEDULED, Move.EXECUTE): S.EXECUTING,
    (S.SCHEDULED, Move.SCHEDULE): S.SCHEDULED,
    (S.SCHEDULED, Move.CANCEL): S.CANCELED,
    (S.EXECUTING, Move.FINISH): S.EXECUTED,
    (S.EXECUTING, Move.FAIL_PART): S.PARTIALLY_EXECUTED,
    (S.EXECUTING, Move.AWAIT_PEOPLE): S.IN_PROGRESS,
    (S.EXECUTING, Move.HOLD): S.SUBMITTED,
    (S.EXECUTING, Move.HOLD_FOR_RESELLER): S.PENDING_RESELLER_APPROVAL,
    (S.EXECUTING, Move.HOLD_FOR_A_DAY): S.SCHEDULED,
    (S.IN_PROGRESS, Move.DELIVER_PART): S.PARTIALLY_EXECUTED,
    (S.IN_PROGRESS, Move.FAIL_PART): S.PARTIALLY_EXECUTED,
    (S.IN_PROGRESS, Move.FINISH): S.EXECUTED,
    (S.IN_PROGRESS, Move.CANCEL): S.CANCELED,
    (S.PARTIALLY_EXECUTED, Move.DELIVER_PART): S.PARTIALLY_EXECUTED,
    (S.PARTIALLY_EXECUTED, Move.FAIL_PART): S.PARTIALLY_EXECUTED,
    (S.PARTIALLY_EXECUTED, Move.FINISH): S.EXECUTED,
    (S.PARTIALLY_EXECUTED, Move.CANCEL): S.CANCELED,
    (S.EXECUTED, Move.FAIL_PART): S.PARTIALLY_EXECUTED,
}
FINAL = frozenset({S.EXECUTED, S.CANCELED})


def may(status: OrderStatus, move: Move) -> bool:
    """Whether an order in a status can make a move."""
    return (status, move) in TABLE


def after(status: OrderStatus, move: Move) -> OrderStatus | None:
    """Return where a move leads from a status, or None where it is not allowed."""
    return TABLE.get((status, move))


def at_first(move: Move) -> OrderStatus:
    """Return the status of an order that is made by a move: what a draft would become."""
    return TABLE[(S.DRAFT, move)]


def require(order: Order, move: Move) -> None:
    """Raise WrongOrderState where an order cannot make a move."""
    if not may(order.status, move):
        raise WrongOrderState(order.number, order.status)


def advance(order: Order, move: Move) -> None:
    """Move an order, locked by the caller; a name of the distributor's own for where it stood ends. Raises WrongOrderState."""
    found = after(order.status, move)
    if found is None:
        raise WrongOrderState(order.number, order.status)
    if found is not order.status:
        order.custom_status_id = None
    order.status = found
