"""Doing at the vendor what tasks ask for. No transaction is open while a vendor is called."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from app.core.clock import utc_now
from app.core.db import nudge_after_commit, session, unit_of_work
from app.core.errors import DomainError
from app.core.queue import Nudge
from app.orders import execution_outcomes as outcomes
from app.orders.execution_records import Delivery, record_deliveries
from app.provisioning import claims, later
from app.provisioning.claims import ClaimedTask, RecordedCall, Release
from app.provisioning.jobs import PROVISION_BATCH, PROVISION_ORDER_ITEM
from app.provisioning.later import NOT_FINISHED, Accepted
from app.provisioning.models import TaskKind
from app.provisioning.queries import due_task_ids, get_task, next_task_after
from app.resellers.storefronts import fail_storefront, open_storefront
from tenants.context import current_scope
from workers.connectors.base import VendorResource
from workers.connectors.registry import CONNECTORS
from workers.runtime import scoped_job
from workers.vendor_calls import Busy, Done, KnownAccounts, Later, Outcome, Refused, UnderWay, call_vendor
from workers.vendor_slots import slots_kept

log = logging.getLogger(__name__)
BATCH = 50
RECORD_WITHIN = timedelta(seconds=2)
BATCH_CALLS_FOR = timedelta(minutes=5)  # then the rest is handed back: a lease is ten minutes
BUSY_PAUSE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a task's call, and what was said."""

    task: ClaimedTask
    outcome: Outcome
    calls: Sequence[RecordedCall]

    @property
    def is_plain(self) -> bool:
        """Whether it may be recorded together with others: a new service stands."""
        done = isinstance(self.outcome, Done) and not self.outcome.resource.needs_person
        return done and self.task.kind is TaskKind.CREATE and self.task.operation is None


@scoped_job(PROVISION_ORDER_ITEM)
def provision_order_item(task_id: UUID) -> None:
    """Do one provisioning task.

    Safe to run any number of times, at once or after a crash: only one run holds the lease, a finished task is left
    alone, and the vendor gets the task's id as its idempotency key.
    """
    with unit_of_work():
        task = claims.claim_task(task_id, at=utc_now())
    if task is not None:
        provision([task], KnownAccounts(), until=math.inf)


@scoped_job(PROVISION_BATCH)
def provision_batch(distributor_id: UUID) -> None:
    """Do the due tasks of the scope's distributor, 50 at a time; what is left after five minutes, the next job does."""
    until, accounts = time.monotonic() + BATCH_CALLS_FOR.total_seconds(), KnownAccounts()
    while time.monotonic() < until:
        with unit_of_work():
            tasks = claims.claim_due_tasks(at=utc_now(), limit=BATCH)
        provision(tasks, accounts, until=until)
        if len(tasks) < BATCH:
            return
    with unit_of_work():
        if due_task_ids(utc_now(), 1):
            nudge_after_commit(Nudge(PROVISION_BATCH, distributor_id, distributor_id))


def provision(tasks: Sequence[ClaimedTask], accounts: KnownAccounts, *, until: float) -> None:
    """Carry out claimed tasks and record what came of them, several together, seconds after the call at the latest.

    `until`, on the monotonic clock, is when the tasks not begun yet are handed back.
    """
    answers: list[Answer] = []
    record_by = time.monotonic() + RECORD_WITHIN.total_seconds()
    with slots_kept():
        for position, task in enumerate(tasks):
            if time.monotonic() > until:
                _hand_back(tasks[position:])
                break
            if task.kind is TaskKind.OPEN_STOREFRONT:
                _open(task)
            elif (answer := _answer(task, accounts)) is not None:
                answers.append(answer)
            if answers and time.monotonic() > record_by:
                _record_together(answers)
                answers, record_by = [], time.monotonic() + RECORD_WITHIN.total_seconds()
    _record_together(answers)


def _answer(task: ClaimedTask, accounts: KnownAccounts) -> Answer | None:
    calls: list[RecordedCall] = []
    try:
        return Answer(task, call_vendor(task, accounts, calls, connectors=CONNECTORS), calls)
    except Exception as error:  # a time-out of the job too: the task keeps its clock and its end after 120 minutes
        log.exception("task_broke_off", extra={"task_id": str(task.id)})
        _break_off(task, error, calls)
        return None


def _record_together(answers: Sequence[Answer]) -> None:
    """Record what is plain at once and the rest one by one; an answer that cannot be recorded does not harm others."""
    recorded: frozenset[UUID] = frozenset()
    plain = [_delivery(answer, answer.outcome) for answer in answers if answer.is_plain]
    if plain:
        try:
            with unit_of_work():
                recorded = record_deliveries(plain, at=utc_now())
        except Exception:  # one of them: it shows below which
            log.exception("not_recorded_together", extra={"task_ids": [str(each.task.id) for each in plain]})
    for answer in answers:
        if answer.task.id not in recorded:
            try:
                _record(answer.task, answer.outcome, answer.calls)
            except Exception as error:
                log.exception("task_not_recorded", extra={"task_id": str(answer.task.id)})
                _break_off(answer.task, error, answer.calls)


def _delivery(answer: Answer, outcome: Outcome) -> Delivery:
    assert isinstance(outcome, Done)
    return Delivery(answer.task, outcome.resource.reference, outcome.resource.message, answer.calls)


def _break_off(task: ClaimedTask, error: Exception, calls: Sequence[RecordedCall]) -> None:
    """Let go of a task whose run broke off; what was said to the vendor until then is kept."""
    with unit_of_work():
        claims.record_calls(task.id, task.manager.id if task.manager else None, calls)
        _release(task, f"{type(error).__name__}: {error}", None)


def _hand_back(tasks: Sequence[ClaimedTask]) -> None:
    with unit_of_work():
        for left in tasks:
            claims.hand_back(left.id, left.lease_token, at=utc_now())


def _record(task: ClaimedTask, outcome: Outcome, calls: Sequence[RecordedCall]) -> None:
    """Write down what came of a task, unless another run holds it by now."""
    at = utc_now()
    with unit_of_work():
        claims.record_calls(task.id, task.manager.id if task.manager else None, calls)
        match outcome:
            case Done(resource):
                _finish(task, resource)
            case Refused(reason):
                _fail(task, reason)
            case UnderWay(resource):
                later.wait_at_vendor(task.id, task.lease_token, _accepted(resource), at=at)
            case Busy():
                claims.hand_back(task.id, task.lease_token, at=at + BUSY_PAUSE)
            case Later(reason, retry_after):
                _release(task, reason, retry_after)


def _finish(task: ClaimedTask, resource: VendorResource) -> None:
    at = utc_now()
    if resource.needs_person:
        if claims.wait_for_person(task.id, task.lease_token, message=resource.message):
            outcomes.task_waits_for_person(get_task(task.id), at=at)
        return
    reference, message = resource.reference, resource.message
    if claims.complete_task(task.id, task.lease_token, vendor_reference=reference, message=message, at=at):
        outcomes.task_succeeded(get_task(task.id), reference, at=at)
        _nudge_following(task)
        if task.operation is not None:
            later.forget_operation(task.id)


def _accepted(resource: VendorResource) -> Accepted:
    assert resource.progress is not None
    progress = resource.progress
    return Accepted(resource.reference, progress.operation, resource.message, progress.again_in, progress.for_at_most)


def _fail(task: ClaimedTask, reason: str) -> None:
    at = utc_now()
    if claims.fail_task(task.id, task.lease_token, reason=reason, at=at):
        outcomes.task_failed(get_task(task.id), reason, at=at)
        if task.operation is not None:
            later.forget_operation(task.id)


def _release(task: ClaimedTask, reason: str, retry_after: timedelta | None) -> None:
    at = utc_now()
    if task.operation is not None:  # accepted work has the vendor's own time, not the 120 minutes
        goes_on = later.look_later(task.id, task.lease_token, reason=reason, retry_after=retry_after, at=at)
        if goes_on is False:
            _fail(task, NOT_FINISHED)
        return
    released, again_at = claims.release_task(task.id, task.lease_token, reason=reason, at=at, retry_after=retry_after)
    if released is Release.LATER:
        outcomes.task_delayed(get_task(task.id), again_at, at=at)
    elif released is Release.FAILED:
        outcomes.task_failed(get_task(task.id), reason, at=at)
        if task.kind is TaskKind.OPEN_STOREFRONT:
            with suppress(DomainError):
                fail_storefront(task.subject_id, reason=reason, at=at)


def _nudge_following(task: ClaimedTask) -> None:
    """Work on one subject is done strictly in order: the next task has waited for this one."""
    following = next_task_after(task.subject_id, task.id)
    if following is not None:
        nudge_after_commit(Nudge(PROVISION_ORDER_ITEM, following, current_scope().distributor_id))


def _open(task: ClaimedTask) -> None:
    """Open a reseller's storefront: our own worker is the vendor (RS-09). All of it, or nothing and again later."""
    at = utc_now()
    try:
        with unit_of_work():
            with session.begin_nested():
                open_storefront(task.subject_id, at=at)
            if claims.complete_task(task.id, task.lease_token, vendor_reference="", message="Storefront opened", at=at):
                outcomes.task_succeeded(get_task(task.id), None, at=at)
    except DomainError as refusal:
        with unit_of_work():
            if claims.fail_task(task.id, task.lease_token, reason=str(refusal), at=at):
                outcomes.task_failed(get_task(task.id), str(refusal), at=at)
                with suppress(DomainError):
                    fail_storefront(task.subject_id, reason=str(refusal), at=at)
    except Exception as error:
        log.exception("storefront_not_opened", extra={"task_id": str(task.id)})
        with unit_of_work():
            _release(task, f"{type(error).__name__}: {error}", None)
