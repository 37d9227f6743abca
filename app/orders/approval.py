"""A reseller decides on its customers' orders (RS-25). What is the distributor's follows in the execution job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app.audit.services import Actor, record
from app.audit.shown import shown_name
from app.core.db import session
from app.core.errors import DomainError, Invalid
from app.orders.errors import AlreadyDecided, CardTokenMissing, SellBelowCost, StorefrontNotOpen
from app.orders.execution import request_execution, require_credit, require_executable, require_offered
from app.orders.execution_costs import order_cost, sold_below_cost
from app.orders.execution_events import APPROVED, add_event
from app.orders.execution_mails import mail_approved, mail_declined
from app.orders.execution_rows import lines_of, lock_order_by_number, parties_of
from app.orders.machine import Move, advance
from app.orders.models import DeliveryStatus, Order, OrderStatus
from app.orders.schedule import wait_for_day
from app.orders.statuses import tell_status
from tenants.days import distributors_day
from tenants.models import Storefront

SHORTEST_REASON, LONGEST_REASON = 3, 500
MOST_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one order of a bulk approval; `refusal` None: approved."""

    number: str
    refusal: DomainError | None


def approve_order(number: str, *, approver: Actor, at: datetime, confirm_below_cost: bool = False) -> Order:
    """Approve a pending order and ask for its execution.

    The order stays locked until the caller commits, so of two approvers only one wins. Nothing leaves the process
    here, and nothing of the distributor's is touched: that is the job's, whose word on credit is final.

    Raises OrderNotFound, AlreadyDecided, StorefrontNotOpen, AccountNotActive, CardTokenMissing, NoLongerOffered,
    CreditInsufficient, Invalid `alias_required`, and SellBelowCost unless it is confirmed. Source: RS-25.
    """
    order = _pending(number)
    lines, parties = lines_of(order), parties_of(order)
    _require_open_storefront(order)
    require_executable(order, lines, parties)
    if parties.payer.is_card_payer and not parties.payer.has_card_token:
        raise CardTokenMissing
    cost = order_cost(lines, parties.payer, on=distributors_day(at))
    require_offered(order, cost)
    require_credit(order, parties.payer, cost)
    below = sold_below_cost(lines, cost)
    if below and not confirm_below_cost:
        raise SellBelowCost(order.number, below)
    order.decided_by_id, order.decided_at, order.decision_reason = approver.user_id, at, None
    add_event(order, "approved", APPROVED, at=at, actor_name=shown_name(approver))
    _start(order, at=at)
    record(
        "order.approved", actor=approver, at=at, target_kind="order", target_id=order.id,
        before={"status": OrderStatus.PENDING_RESELLER_APPROVAL.value},
        after={"status": order.status.value, "below_cost": ", ".join(below)} if below else {"status": order.status.value},
    )  # fmt: skip
    return order


def approve_orders(numbers: Sequence[str], *, approver: Actor, at: datetime) -> Sequence[Decision]:
    """Approve up to 50 orders, each by itself: one that is refused does not hold up the others.

    Raises Invalid `too_many`.
    """
    if len(numbers) > MOST_AT_ONCE:
        raise Invalid.field("numbers", "too_many", f"Approve at most {MOST_AT_ONCE} orders at once")
    decisions = []
    for number in dict.fromkeys(numbers):
        try:
            with session.begin_nested():
                approve_order(number, approver=approver, at=at)
        except DomainError as refusal:
            decisions.append(Decision(number, refusal))
        else:
            decisions.append(Decision(number, None))
    return decisions


def reject_order(number: str, reason: str, *, approver: Actor, at: datetime) -> Order:
    """Cancel a pending order; its buyer reads the reason, in the order and in a mail.

    Raises Invalid `length` (3 to 500 characters), OrderNotFound, AlreadyDecided.
    """
    words = reason.strip()
    if not SHORTEST_REASON <= len(words) <= LONGEST_REASON:
        raise Invalid.field(
            "reason",
            "length",
            f"Give a reason of {SHORTEST_REASON} to {LONGEST_REASON} characters; the customer reads it",
        )
    order = _pending(number)
    advance(order, Move.REJECT)
    order.decided_by_id, order.decided_at, order.decision_reason = approver.user_id, at, words
    for line in lines_of(order):
        line.item.delivery_status = DeliveryStatus.CANCELED
    add_event(order, "rejected", f"The order was declined: {words}", at=at)
    mail_declined(order, words, at=at)
    tell_status(order, at=at)
    record(
        "order.rejected", actor=approver, at=at, target_kind="order", target_id=order.id,
        before={"status": OrderStatus.PENDING_RESELLER_APPROVAL.value},
        after={"status": order.status.value, "reason": words},
    )  # fmt: skip
    session.flush()
    return order


def _start(order: Order, *, at: datetime) -> None:
    """Execute an approved order, or let it wait for the day its buyer chose; a day that has passed is today."""
    if order.execute_on is not None and order.execute_on > distributors_day(at):
        wait_for_day(order, order.execute_on, Move.APPROVE_FOR_A_DAY, at=at)
        mail_approved(order, at=at)
    else:
        request_execution(order, Move.APPROVE, at=at)


def _pending(number: str) -> Order:
    order = lock_order_by_number(number)
    if order.status is not OrderStatus.PENDING_RESELLER_APPROVAL:
        raise AlreadyDecided(order.number, order.status)
    return order


def _require_open_storefront(order: Order) -> None:
    storefront = session.scalar(
        select(Storefront).where(
            Storefront.distributor_id == order.distributor_id, Storefront.id == order.storefront_id
        )
    )
    if storefront is None or not storefront.state.is_open:
        raise StorefrontNotOpen(order.number)
