"""Executing orders in the distributor's scope: credit, subscriptions, charges, invoice, tasks; all or nothing (CB-20).

A work row says that an order waits. It is locked, then the order, then the payer's account; running it twice changes
nothing. What a buyer must not cause is done here, never in its request (decisions section 8).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from app.accounts.models import Account, AccountStatus
from app.accounts.queries import get_account_for_update
from app.audit.services import Actor, record
from app.billing.credit import available_credit
from app.billing.documents import invoice_order
from app.catalogue.characteristics import missing_errors
from app.core.db import nudge_after_commit, session
from app.core.errors import DomainError, Invalid
from app.core.ids import new_id
from app.core.queue import Nudge
from app.orders.errors import (
    AccountNotActive,
    CreditInsufficient,
    NoLongerOffered,
    WrongOrderState,
)
from app.orders.execution_costs import OrderCost, costs_by_item, order_cost, setup_fees_of, write_costs
from app.orders.execution_events import AWAITING_APPROVAL, EXECUTED, IN_PROGRESS, NO_CREDIT, ON_HOLD, add_event
from app.orders.execution_items import Execution, start_item
from app.orders.execution_mails import mail_approved, mail_awaits_approval, mail_needs_people, mail_no_credit
from app.orders.execution_rows import (
    Line,
    Parties,
    catch_up_running,
    lines_of,
    lock_order,
    lock_order_by_number,
    parties_of,
)
from app.orders.execution_trials import trial_errors
from app.orders.jobs import PROCESS_ORDER_WORK
from app.orders.limits import limit_errors
from app.orders.machine import Move, advance
from app.orders.models import (
    DeliveryStatus,
    Order,
    OrderChannel,
    OrderStatus,
    OrderWork,
    WorkState,
)
from app.orders.requirements import in_required_order, requirement_errors
from app.orders.schedule import hold_for_next_try, settle
from app.orders.service_details import tell_services
from app.orders.statuses import await_people, tell_status
from app.pricing.promotions.services import count_redemptions
from app.provisioning.services import nudge_tasks
from app.resellers.errors import alias_required
from app.resellers.plans import needs_alias
from tenants.context import current_scope
from tenants.days import distributors_day

SUBMITTED, EXECUTE = "submitted", "execute"  # kinds of work
LEASE = timedelta(minutes=2)
LONGEST_PAUSE = timedelta(minutes=60)
MOST_DOUBLINGS = 5  # past the longest pause already
EXECUTABLE = frozenset({OrderStatus.SUBMITTED})  # by the back office, or again after a top-up
MAX_MESSAGE = 500


def request_execution(order: Order, move: Move = Move.EXECUTE, *, at: datetime) -> None:
    """Say that an order is to be executed: Executing, and a row the workers find. Works in every scope.

    Raises WrongOrderState.
    """
    advance(order, move)
    order.delivery_changed_at = at
    work = OrderWork(id=new_id(), order_id=order.id, kind=EXECUTE, payload={}, next_attempt_at=at, created_at=at)
    session.add(work)
    session.flush()
    nudge_after_commit(Nudge(PROCESS_ORDER_WORK, work.id, order.distributor_id))


def execute_order(number: str, *, actor: Actor, at: datetime) -> Order:
    """Ask for the execution of a submitted order: by the back office, or by its buyer once the credit covers it.

    What is known beforehand refuses here and creates nothing: OrderNotFound, WrongOrderState, AccountNotActive,
    NoLongerOffered, CreditInsufficient and Invalid `alias_required`. Needs a scope that reaches the payer.
    """
    order = lock_order_by_number(number)
    if order.status not in EXECUTABLE:
        raise WrongOrderState(order.number, order.status)
    lines, parties = lines_of(order), parties_of(order)
    require_executable(order, lines, parties)
    cost = order_cost(lines, parties.payer, on=distributors_day(at))
    require_offered(order, cost)
    require_credit(order, parties.payer, cost)
    request_execution(order, at=at)
    record("order.execution_requested", actor=actor, at=at, target_kind="order", target_id=order.id)
    return order


def start_attempt(work_id: UUID, *, at: datetime) -> bool:
    """Take a work row for one attempt; False: done, or somebody has it. Its clock moves on, so a crash is survived.

    The pause grows with the attempts, two minutes to an hour: an order that cannot be worked on is never lost.
    """
    work = session.scalar(
        select(OrderWork)
        .where(
            OrderWork.distributor_id == current_scope().distributor_id,
            OrderWork.id == work_id,
            OrderWork.state == WorkState.PENDING,
            OrderWork.next_attempt_at <= at,
        )
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if work is None:
        return False
    work.next_attempt_at = at + min(LEASE * 2 ** min(work.attempts, MOST_DOUBLINGS), LONGEST_PAUSE)
    work.attempts += 1
    return True


def note_failure(work_id: UUID, message: str) -> None:
    """Keep why an attempt broke off, for staff; the row's clock brings it back."""
    work = session.get(OrderWork, (current_scope().distributor_id, work_id))
    if work is not None and work.state is WorkState.PENDING:
        work.message = message[:MAX_MESSAGE]


def process_work(work_id: UUID, *, at: datetime) -> Order | None:
    """Do what a work row asks about its order, in one transaction; None where nothing was left to do.

    Any order gets its costs written. One that waits for its reseller tells it so; one that is Executing is executed,
    or returns to waiting with a reason: no credit, an account that is not active, a product no longer sold.
    """
    work = session.scalar(
        select(OrderWork)
        .where(
            OrderWork.distributor_id == current_scope().distributor_id,
            OrderWork.id == work_id,
            OrderWork.state == WorkState.PENDING,
        )
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if work is None:
        return None
    order = lock_order(work.order_id)
    lines, parties = lines_of(order), parties_of(order)
    catch_up_running(lines, at=at)
    cost = order_cost(lines, parties.payer, on=distributors_day(at))
    write_costs(lines, parties, cost, work.payload)
    tell_services(order, at=at)
    work.state = WorkState.DONE
    if order.status is OrderStatus.PENDING_RESELLER_APPROVAL and work.kind == SUBMITTED:
        mail_awaits_approval(order, parties, cost, at=at)
    elif order.status is OrderStatus.EXECUTING:
        try:
            with session.begin_nested():
                _execute(order, lines, parties, cost, at=at)
        except DomainError as refusal:
            work.message = str(refusal)[:MAX_MESSAGE]
            _hold(order, parties, cost, refusal, at=at)
    session.flush()
    return order


def require_executable(order: Order, lines: Sequence[Line], parties: Parties) -> None:
    """Refuse what is known beforehand: AccountNotActive, Invalid `alias_required`, `trial_running`, what products need."""
    for account in (parties.receiver, parties.payer):
        if account.status is not AccountStatus.ACTIVE:
            raise AccountNotActive(account.name)
    if order.account_id is None:
        raise WrongOrderState(order.number, order.status)
    for line in lines:
        if line.product.plan_edition and not line.item.alias and needs_alias(parties.receiver.id):
            raise alias_required()
    errors = [*trial_errors(lines, parties.receiver.id), *requirement_errors(lines, parties.receiver.id, field="items")]
    errors += limit_errors(lines, field="items")
    for line in lines:
        if line.item.subscription_id is None:
            errors += missing_errors(line.product_type, line.product, line.item.characteristics, field="items")
    if errors:
        raise Invalid(*errors)


def require_offered(order: Order, cost: OrderCost) -> None:
    """Refuse products that are not sold to the payer any more: NoLongerOffered."""
    if cost.missing:
        raise NoLongerOffered(order.number, tuple(item.product_name for item in cost.missing))


def require_credit(order: Order, payer: Account, cost: OrderCost) -> None:
    """Refuse an order whose total at cost, with tax, exceeds the payer's available credit; equal passes (SF-30)."""
    missing = available_credit(payer.id).missing_for(cost.total)
    if missing > Decimal(0):
        raise CreditInsufficient(order.number, missing, payer.currency)


def _execute(order: Order, lines: Sequence[Line], parties: Parties, cost: OrderCost, *, at: datetime) -> None:
    # Two orders of one payer cannot both take the last of its credit, nor bring in what excludes each other.
    get_account_for_update(parties.payer.id)
    require_executable(order, lines, parties)
    require_offered(order, cost)
    require_credit(order, parties.payer, cost)
    is_approved = order.channel is OrderChannel.ALIAS and order.decided_at is not None and order.run_at is None
    if any(line.product_type.non_automatic for line in lines):
        await_people(order, at=at)
        settle(order, at=at)
        add_event(order, "in_progress", IN_PROGRESS, at=at)
        mail_needs_people(order, parties.receiver.name, at=at)
    else:
        run = Execution(order, parties, order.starts_on or distributors_day(at), at, setup_fees=setup_fees_of(cost))
        costs = costs_by_item(lines)
        tasks = [start_item(run, line, costs[line.item.id]) for line in in_required_order(lines)]
        nudge_tasks([task for task in tasks if task is not None])
        failed = any(line.item.delivery_status is DeliveryStatus.FAILED for line in lines)
        finish(run, lines, Move.FAIL_PART if failed else Move.FINISH)
    count_redemptions({line.item.promotion_id for line in lines if line.item.promotion_id is not None})
    if is_approved:
        mail_approved(order, at=at)


def finish(run: Execution, lines: Sequence[Line], move: Move) -> None:
    """Record that all of an order was started, and issue its invoice."""
    order = run.order
    advance(order, move)
    order.executed_at = run.at
    settle(order, at=run.at)
    tell_status(order, at=run.at)
    session.flush()
    invoice_order(
        order.id,
        order_number=order.number,
        payer=run.parties.payer,
        item_ids=[line.item.id for line in lines],
        issued_on=run.starts_on,
        at=run.at,
    )
    if order.parent_id is None:  # a part was told of in its order
        add_event(order, "executed", EXECUTED, at=run.at)


def _hold(order: Order, parties: Parties, cost: OrderCost, refusal: DomainError, *, at: datetime) -> None:
    """Let an order wait: under an alias as Pending Reseller Approval, whatever the reason, at the root as Submitted."""
    tells = True
    if order.run_at is not None:
        tells = hold_for_next_try(order, refusal, at=at)
    elif order.channel is OrderChannel.ALIAS:
        order.decided_by_id = order.decided_at = None
        advance(order, Move.HOLD_FOR_RESELLER)
        add_event(order, "awaiting_approval", AWAITING_APPROVAL, at=at)
    else:
        advance(order, Move.HOLD)
        is_credit = isinstance(refusal, CreditInsufficient)
        add_event(order, "on_hold", NO_CREDIT if is_credit else ON_HOLD, at=at)
    if tells and isinstance(refusal, CreditInsufficient):
        mail_no_credit(order, parties, cost, available_credit(parties.payer.id), at=at)
