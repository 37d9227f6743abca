"""Doing at the vendor what tasks ask for. No transaction is open while a vendor is called.

What came of it is written down by `workers.answers`.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from uuid import UUID

from app.core.clock import utc_now
from app.core.db import nudge_after_commit, session, unit_of_work
from app.core.errors import DomainError
from app.core.queue import Nudge
from app.orders import execution_outcomes as outcomes
from app.provisioning import claims
from app.provisioning.claims import ClaimedTask, RecordedCall
from app.provisioning.jobs import PROVISION_BATCH, PROVISION_ORDER_ITEM
from app.provisioning.models import TaskKind
from app.provisioning.queries import due_task_ids, get_task
from app.resellers.storefronts import fail_storefront, open_storefront
from workers.answers import Answer, break_off, record, release
from workers.beside import Work, beside
from workers.connectors.registry import CONNECTORS
from workers.runtime import scoped_job
from workers.vendor_calls import KnownAccounts, call_vendor
from workers.vendor_slots import slots_kept

log = logging.getLogger(__name__)
FIRST, LEAST, MOST = 20, 5, 200  # tasks taken at once: to begin with, from slow vendors, from fast ones
RECORD_WITHIN, RECORD_MOST = timedelta(seconds=2), 100  # answers are written down so soon, so many together
BATCH_CALLS_FOR = timedelta(minutes=5)  # then the rest is handed back: a lease is ten minutes


@scoped_job(PROVISION_ORDER_ITEM)
def provision_order_item(task_id: UUID) -> None:
    """Do one provisioning task.

    Safe to run any number of times, at once or after a crash: only one run holds the lease, a finished task is left
    alone, and the vendor gets the task's id as its idempotency key.
    """
    with unit_of_work():
        task = claims.claim_task(task_id, at=utc_now())
    if task is not None:
        with slots_kept():
            _provision([task], KnownAccounts(), until=math.inf, do=_at_once)


@scoped_job(PROVISION_BATCH)
def provision_batch(distributor_id: UUID) -> None:
    """Do the due tasks of the scope's distributor, some at a time; what is left after five minutes, the next job does.

    As many are taken as their vendors do in two seconds, so that other workers find some too. While they are asked for,
    what came of those before is written down.
    """
    until, accounts, most = time.monotonic() + BATCH_CALLS_FOR.total_seconds(), KnownAccounts(), FIRST
    with beside() as do, slots_kept():
        while time.monotonic() < until:
            with unit_of_work():
                tasks = claims.claim_due_tasks(at=utc_now(), limit=most)
            began = time.monotonic()
            _provision(tasks, accounts, until=until, do=do)
            if len(tasks) < most:
                return
            most = at_this_pace(most, time.monotonic() - began)
    with unit_of_work():
        if due_task_ids(utc_now(), 1):
            nudge_after_commit(Nudge(PROVISION_BATCH, distributor_id, distributor_id))


def at_this_pace(done: int, seconds: float) -> int:
    """How many tasks to take at once after so many took so long: what is done until they are to be recorded.

    At most twice as many, or those before would be recorded long before the next are.
    """
    in_time = int(done * RECORD_WITHIN.total_seconds() / max(seconds, 0.001))
    return min(MOST, 2 * done, max(LEAST, in_time))


def _provision(
    tasks: Sequence[ClaimedTask], accounts: KnownAccounts, *, until: float, do: Callable[[Work], None]
) -> None:
    """Carry out claimed tasks and record what came of them, several together, seconds after the call at the latest.

    `until`, on the monotonic clock, is when the tasks not begun yet are handed back; `do` does the recording.
    """
    answers: list[Answer] = []
    record_by = time.monotonic() + RECORD_WITHIN.total_seconds()
    for position, task in enumerate(tasks):
        if time.monotonic() > until:
            _hand_back(tasks[position:])
            break
        if task.kind is TaskKind.OPEN_STOREFRONT:
            _open(task)
        elif (answer := _answer(task, accounts)) is not None:
            answers.append(answer)
        if answers and (len(answers) == RECORD_MOST or time.monotonic() > record_by):
            do(partial(record, answers, at=utc_now()))
            answers, record_by = [], time.monotonic() + RECORD_WITHIN.total_seconds()
    if answers:
        do(partial(record, answers, at=utc_now()))


def _at_once(work: Work) -> None:
    work()


def _answer(task: ClaimedTask, accounts: KnownAccounts) -> Answer | None:
    calls: list[RecordedCall] = []
    try:
        return Answer(task, call_vendor(task, accounts, calls, connectors=CONNECTORS), calls)
    except Exception as error:  # a time-out of the job too: the task keeps its clock and its end after 120 minutes
        log.exception("task_broke_off", extra={"task_id": str(task.id)})
        break_off(task, error, calls, at=utc_now())
        return None


def _hand_back(tasks: Sequence[ClaimedTask]) -> None:
    with unit_of_work():
        for left in tasks:
            claims.hand_back(left.id, left.lease_token, at=utc_now())


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
            release(task, f"{type(error).__name__}: {error}", None, at=at)
