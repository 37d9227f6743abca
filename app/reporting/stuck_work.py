"""Work that should have gone on by itself and did not (GO-03): found each minute, told to operations once, closed by itself.

The limits leave time to find it: what stands still is on the back office's home page within 15 minutes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.accounts.services import root_storefront_id
from app.core.db import session
from app.core.ids import new_id
from app.identity.recipients import OPERATES, people_with_right
from app.notifications.models import MailState, OutboundMail
from app.notifications.services import MailTemplate, queue_mail
from app.orders.models import Order, OrderStatus, OrderWork, WorkState
from app.provisioning.models import ProvisioningTask, StuckKind, StuckWork, TaskStatus
from app.provisioning.queries import ON_THE_CLOCK
from tenants.context import current_scope
from tenants.links import NoAddress, bss_url

OVERDUE = timedelta(minutes=3)  # past a lease of ten minutes, or past the time of the next try
EXECUTING = timedelta(minutes=14)
MAIL_OVERDUE = timedelta(minutes=10)
MOST = 200  # of one kind
NAMED = 10  # in a mail
MAX_TEXT = 300


@dataclass(frozen=True, slots=True)
class Found:
    """Something that stands still, and since when."""

    kind: StuckKind
    target_id: UUID
    since: datetime
    text: str


def look_after_stuck_work(at: datetime) -> None:
    """Bring the list of incidents up to date: new ones are told to operations in one mail, those that are over in another."""
    found = list(_found(at))
    fresh = _write_down(found, at)
    recovered = _close(found, at)
    news = [each for each in fresh if each.kind is not StuckKind.ORDER_SCHEDULED]  # told by a mail of its own (SF-33)
    if news:
        _tell(MailTemplate.STUCK_WORK, news, at)
    if recovered:
        _tell(MailTemplate.WORK_RECOVERED, recovered, at)


def list_stuck() -> Sequence[StuckWork]:
    """Return what stands still, the longest first."""
    return session.scalars(_open().order_by(StuckWork.since, StuckWork.id).limit(MOST)).all()


def count_stuck() -> int:
    """Return how much stands still."""
    return session.scalar(select(func.count()).select_from(_open().subquery())) or 0


def _open() -> Select[StuckWork]:
    return select(StuckWork).where(
        StuckWork.distributor_id == current_scope().distributor_id, StuckWork.closed_at.is_(None)
    )


def _found(at: datetime) -> Iterator[Found]:
    yield from _tasks(at)
    yield from _orders(at)
    yield from _mails(at)


def _tasks(at: datetime) -> Iterator[Found]:
    """Tasks nobody takes; and those that failed without anybody having been told, as no order stands behind them."""
    here = current_scope().distributor_id
    overdue = select(ProvisioningTask).where(
        ProvisioningTask.distributor_id == here,
        ProvisioningTask.status.in_(ON_THE_CLOCK),
        ProvisioningTask.next_attempt_at <= at - OVERDUE,
    )
    for task in session.scalars(
        overdue.order_by(ProvisioningTask.next_attempt_at).limit(MOST).execution_options(populate_existing=True)
    ):
        is_running = task.status is TaskStatus.RUNNING
        words = "the worker that had it is gone" if is_running else "no worker has taken it"
        yield Found(StuckKind.TASK_OVERDUE, task.id, task.next_attempt_at, f"{_name(task)}: {words}")
    failed = select(ProvisioningTask).where(
        ProvisioningTask.distributor_id == here,
        ProvisioningTask.status == TaskStatus.FAILED,
        ProvisioningTask.order_id.is_(None),
        ProvisioningTask.change_id.is_(None),
    )
    for task in session.scalars(failed.order_by(ProvisioningTask.id.desc()).limit(MOST)):
        yield Found(
            StuckKind.TASK_FAILED, task.id, task.finished_at or at, f"{_name(task)}: {task.message or 'failed'}"
        )


def _orders(at: datetime) -> Iterator[Found]:
    here = current_scope().distributor_id
    executing = (
        select(Order, OrderWork)
        .join(OrderWork, (OrderWork.distributor_id == here) & (OrderWork.order_id == Order.id))
        .where(
            Order.distributor_id == here,
            Order.status == OrderStatus.EXECUTING,
            OrderWork.state == WorkState.PENDING,
            OrderWork.created_at <= at - EXECUTING,
        )
        .order_by(OrderWork.created_at)
        .limit(MOST)
    )
    for order, work in session.execute(executing):
        words = work.message or "no worker has taken it"
        yield Found(StuckKind.ORDER_EXECUTING, order.id, work.created_at, f"{order.number} is still executing: {words}")
    scheduled = (
        select(Order)
        .where(Order.distributor_id == here, Order.status == OrderStatus.SCHEDULED, Order.run_failed_at.is_not(None))
        .order_by(Order.run_failed_at)
        .limit(MOST)
    )
    for order in session.scalars(scheduled):
        since = order.run_failed_at or at
        yield Found(StuckKind.ORDER_SCHEDULED, order.id, since, f"{order.number} could not be executed on its day")


def _mails(at: datetime) -> Iterator[Found]:
    statement = (
        select(OutboundMail)
        .where(
            OutboundMail.distributor_id == current_scope().distributor_id,
            OutboundMail.state == MailState.PENDING,
            OutboundMail.next_attempt_at <= at - MAIL_OVERDUE,
            or_(OutboundMail.lease_until.is_(None), OutboundMail.lease_until <= at),
            OutboundMail.template != MailTemplate.STUCK_WORK.value,
        )
        .order_by(OutboundMail.next_attempt_at)
        .limit(MOST)
    )
    for mail in session.scalars(statement):
        words = mail.template.replace("_", " ")
        yield Found(StuckKind.MAIL, mail.id, mail.next_attempt_at, f"A mail waits to be sent: {words}")


def _name(task: ProvisioningTask) -> str:
    return f"{task.kind.value.capitalize()} {task.request.get('product_name', '')}"


def _write_down(found: Sequence[Found], at: datetime) -> Sequence[Found]:
    """Keep what was not known yet; returns that. Of two that look at once, one writes an incident."""
    if not found:
        return []
    made = session.execute(
        insert(StuckWork)
        .values(
            [
                {
                    "distributor_id": current_scope().distributor_id,
                    "id": new_id(),
                    "kind": each.kind,
                    "target_id": each.target_id,
                    "since": each.since,
                    "text": each.text[:MAX_TEXT],
                    "noticed_at": at,
                    "told_at": at,
                }
                for each in found
            ]
        )
        .on_conflict_do_nothing()
        .returning(StuckWork.kind, StuckWork.target_id)
    )
    fresh = {(row.kind, row.target_id) for row in made}
    return [each for each in found if (each.kind, each.target_id) in fresh]


def _close(found: Sequence[Found], at: datetime) -> Sequence[Found]:
    """Close what does not stand still any more; returns what operators were told of and goes on again (CB-22).

    What stands still in another way, or has failed meanwhile, does not go on. Of two that look at once, one closes it.
    """
    standing = {(each.kind, each.target_id) for each in found}
    gone = [row for row in session.scalars(_open()) if (row.kind, row.target_id) not in standing]
    if not gone:
        return []
    closed = session.scalars(
        update(StuckWork)
        .where(
            StuckWork.distributor_id == current_scope().distributor_id,
            StuckWork.id.in_([row.id for row in gone]),
            StuckWork.closed_at.is_(None),
        )
        .values(closed_at=at)
        .returning(StuckWork.id)
    ).all()
    still = {each.target_id for each in found} | _failed_tasks([row.target_id for row in gone])
    return [
        Found(row.kind, row.target_id, row.since, row.text)
        for row in gone
        if row.id in closed and row.target_id not in still and row.kind is not StuckKind.ORDER_SCHEDULED
    ]


def _failed_tasks(ids: Sequence[UUID]) -> set[UUID]:
    return set(
        session.scalars(
            select(ProvisioningTask.id).where(
                ProvisioningTask.distributor_id == current_scope().distributor_id,
                ProvisioningTask.id.in_(ids),
                ProvisioningTask.status == TaskStatus.FAILED,
            )
        )
    )


def _matters(told: Sequence[Found]) -> str:
    """Return what stands still in words, the longest first, what reads alike once with its number."""
    alike = Counter(each.text for each in sorted(told, key=lambda each: each.since))
    named = [text if number == 1 else f"{text} ({number})" for text, number in [*alike.items()][:NAMED]]
    rest = sum([*alike.values()][NAMED:])
    return "; ".join([*named, f"and {rest} more"] if rest else named)


def _tell(template: MailTemplate, told: Sequence[Found], at: datetime) -> None:
    """One mail to each of the distributor's operators about everything that is new, or goes on again."""
    try:
        url = bss_url(current_scope().distributor_id, "/provisioning/stuck")
    except NoAddress:
        url = ""
    fields = {"count": str(len(told)), "matters": _matters(told), "queue_url": url}
    for user in people_with_right(OPERATES):
        queue_mail(
            template,
            to_email=user.email,
            to_name=user.full_name,
            sender_reseller_id=None,
            storefront_id=root_storefront_id(),
            fields=fields,
            about=None,  # the log names none of the matters
            at=at,
        )
