"""What staff does with an order once it is filled: execute it, now or on a day, move it by hand, cancel it (CB-19, CB-20)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from app.accounts.models import Account, AccountStatus
from app.audit.services import Actor, record
from app.catalogue.characteristics import missing_errors
from app.core.days import write_day
from app.core.db import session
from app.core.errors import FieldError, Forbidden, Invalid
from app.orders.back_office_licences import is_more_licences
from app.orders.errors import AccountNotActive, WrongOrderState
from app.orders.execution import request_execution
from app.orders.execution_costs import order_cost
from app.orders.execution_events import add_event
from app.orders.execution_mails import mail_canceled
from app.orders.execution_rows import Line, Parties, lines_of, lock_order_by_number, parties_of
from app.orders.licences import licence_errors, subscriptions_of
from app.orders.limits import limit_errors
from app.orders.machine import Move, advance, require
from app.orders.models import DeliveryStatus, Order, OrderStatus
from app.orders.partial import deliver_rest
from app.orders.plan_items import check_plan_item
from app.orders.prechecks.services import answers_of, refusal
from app.orders.requirements import requirement_errors
from app.orders.schedule import last_day, wait_for_day
from app.orders.statuses import choices_for_cancel, tell_status
from app.resellers.aliases import release_alias
from tenants.days import distributors_day

LONGEST_REASON = 500
EXECUTABLE = (
    OrderStatus.SUBMITTED,
    OrderStatus.SCHEDULED,
    OrderStatus.IN_PROGRESS,
    OrderStatus.PARTIALLY_EXECUTED,
)
BY_PEOPLE = (OrderStatus.IN_PROGRESS, OrderStatus.PARTIALLY_EXECUTED)
CANCELABLE = (
    OrderStatus.SUBMITTED,
    OrderStatus.PENDING_RESELLER_APPROVAL,
    OrderStatus.SCHEDULED,
    OrderStatus.IN_PROGRESS,
    OrderStatus.PARTIALLY_EXECUTED,
)


@dataclass(frozen=True, slots=True)
class Start:
    """From which day on subscriptions and invoice run. `may_backdate`: billing and administrators."""

    on: date | None = None  # None: today
    may_backdate: bool = False


NOW = Start()


def execute(number: str, *, start: Start = NOW, actor: Actor, at: datetime) -> Order:
    """Ask for an order's execution, once; the work is a job's, in seconds. A day to come makes it Scheduled.

    What people deliver is delivered at once. What is known beforehand refuses it and creates nothing: Invalid
    `order_empty`, `alias_required`, `not_priced`, `range` and alias codes (422), WrongOrderState for a second time (409),
    AccountNotActive, Forbidden, what `check_plan` refuses.
    """
    order = lock_order_by_number(number)
    if order.status not in EXECUTABLE:
        raise WrongOrderState(order.number, order.status)
    today = distributors_day(at)
    on = start.on or today
    _require_start(on, today, start, is_by_people=order.status in BY_PEOPLE)
    parties = parties_of(order)
    lines = lines_of(order)
    _require_complete(lines, parties, today, at)
    order.starts_on = on if on < today else None
    if order.status in BY_PEOPLE:
        return deliver_rest(number, actor=actor, at=at)
    if on > today:
        wait_for_day(order, on, Move.SCHEDULE, at=at)
        record("order.scheduled", actor=actor, at=at, target_kind="order", target_id=order.id, after={"on": on})
    else:
        order.run_at = order.run_failed_at = None  # staff is at it now, whatever its day was
        request_execution(order, at=at)
        record("order.execution_requested", actor=actor, at=at, target_kind="order", target_id=order.id,
               after={"starts_on": on})  # fmt: skip
    session.flush()
    return order


def cancel(number: str, *, reason: str, status_id: UUID | None = None, actor: Actor, at: datetime) -> Order:
    """Cancel an order that was not executed; what was delivered stays, aliases it held are free again.

    `status_id` is one of the distributor's own names for it. The reason is for staff. Raises OrderNotFound,
    WrongOrderState, Invalid `required`, `choice`.
    """
    words = reason.strip()
    if not words:
        raise Invalid.field("reason", "required", "Say why the order is canceled")
    if status_id is not None and status_id not in {each.id for each in choices_for_cancel()}:
        raise Invalid.field("status_ref", "choice", "Choose one of the statuses")
    order = lock_order_by_number(number)
    require(order, Move.CANCEL)
    lines = lines_of(order)
    if order.status is OrderStatus.PARTIALLY_EXECUTED and not any(_is_open(line) for line in lines):
        raise WrongOrderState(order.number, order.status)  # nothing is left of it that could be canceled
    advance(order, Move.CANCEL)
    order.custom_status_id = status_id
    order.run_at = order.run_failed_at = None
    order.decided_by_id, order.decided_at = actor.user_id, at
    for line in lines:
        if _is_open(line):
            release_alias(line.item.id)
            line.item.delivery_status = DeliveryStatus.CANCELED
    add_event(order, "canceled", "The order was canceled.", at=at)
    mail_canceled(order, at=at)
    tell_status(order, at=at)
    record(
        "order.canceled", actor=actor, at=at, target_kind="order", target_id=order.id,
        after={"reason": words[:LONGEST_REASON]},
    )  # fmt: skip
    return order


def require_business(account: Account, payer: Account) -> None:
    """Refuse accounts that may not order. Raises AccountNotActive, Invalid `ordering_disabled`."""
    for each in (account, payer):
        if each.status is not AccountStatus.ACTIVE:
            raise AccountNotActive(each.name)
    if not payer.ordering_enabled:
        raise Invalid.field("account", "ordering_disabled", f"Ordering is switched off for {payer.name}")


def first_start(today: date) -> date:
    """Return the first day of the open billing month."""
    return today.replace(day=1)


def _require_start(on: date, today: date, start: Start, *, is_by_people: bool) -> None:
    first, last = first_start(today), today if is_by_people else last_day(today)
    if not first <= on <= last:
        raise Invalid.field("starts_on", "range", f"Choose a date between {write_day(first)} and {write_day(last)}")
    if on < today and not start.may_backdate:
        raise Forbidden("A start in the past takes the rights of billing")


def _require_complete(lines: Sequence[Line], parties: Parties, today: date, at: datetime) -> None:
    require_business(parties.receiver, parties.payer)
    if not lines:
        raise Invalid.field("items", "order_empty", "Add at least one item before you execute the order")
    cost = order_cost(lines, parties.payer, on=today)
    if cost.missing:
        names = ", ".join(item.product_name for item in cost.missing)
        raise Invalid.field("items", "not_priced", f"There is no price for {parties.payer.name} any more: {names}")
    missing = [error for line in lines for error in missing_answers(line)]
    missing += requirement_errors(lines, parties.receiver.id, field="items")
    missing += limit_errors(lines, field="items")
    missing += licence_refusals(lines)
    checks = answers_of([line.item for line in lines if _is_open(line)])
    missing += [error for line in lines for error in refusal(line.product_type, line.item, checks, field="items")]
    if missing:
        raise Invalid(*missing)
    for line in lines:
        if line.product.plan_edition is not None:
            check_plan_item(line, parties.receiver, at)


def missing_answers(line: Line) -> Sequence[FieldError]:
    """Say which characteristics an item lacks: it is red, and the order is not executed (CB-18).

    What adds to a subscription has that one's.
    """
    if line.item.subscription_id is not None:
        return []
    return list(missing_errors(line.product_type, line.product, line.item.characteristics, field="items"))


def licence_refusals(lines: Sequence[Line]) -> Iterator[FieldError]:
    """Say which items that wait cannot add to their subscription any more."""
    adding = [line.item for line in lines if is_more_licences(line.item, line.product)]
    bound = subscriptions_of(adding)
    for item in adding:
        for error in licence_errors(item, bound.get(item.subscription_id) if item.subscription_id else None):
            yield FieldError("items", error.code, f"{item.product_name}: {error.message}")


def _is_open(line: Line) -> bool:
    return line.item.delivery_status is DeliveryStatus.PENDING
