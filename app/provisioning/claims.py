"""Running a task at most once at a time: claim it, call the vendor without a transaction, record the outcome.

`next_attempt_at` is the only clock. A claim moves it past the lease, so a killed worker's task comes back by itself;
the lease token lets only the run that holds the task write its outcome.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.core.db import session
from app.core.ids import new_id
from app.provisioning.access import ManagerAccess, access_of
from app.provisioning.claim_statements import CLAIM_DUE, CLAIM_ONE, MANAGERS
from app.provisioning.later import OperationUnderWay, operations_of
from app.provisioning.models import ProvisioningTask, ServiceManager, TaskKind, TaskStatus, VendorCall
from app.provisioning.pictures import ResourcePicture, from_json
from app.provisioning.queries import held_task
from tenants.context import current_scope

LEASE = timedelta(minutes=10)
RETRY_OFFSETS = tuple(timedelta(minutes=m) for m in (1, 6, 21, 51, 111, 120))  # 1, 5, 15, 30, 60 min apart
GIVE_UP_AFTER = timedelta(minutes=120)  # after the first attempt (decisions section 8)
MAX_MESSAGE = 500


@dataclass(frozen=True, slots=True)
class ClaimedTask:
    """A task this run holds, with all that a connector must know."""

    id: UUID
    lease_token: UUID
    kind: TaskKind
    subject_id: UUID
    order_id: UUID | None
    order_item_id: UUID | None
    may_be_done: bool  # an earlier run may have reached the vendor: ask there first
    picture: ResourcePicture
    manager: ManagerAccess | None
    account_reference: str | None  # what the vendor calls the account; None: not synchronised yet
    reseller_reference: str | None
    vendor_reference: str | None  # what the vendor calls the service
    operation: OperationUnderWay | None = None  # accepted there by an earlier run: look how far it is


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One call to a vendor as it is stored, secrets masked."""

    at: datetime
    operation: str
    url: str
    request_body: str
    status_code: int | None
    response_body: str
    duration_ms: int


class Release(enum.Enum):
    """What became of a task that could not be finished now."""

    LATER = "later"
    FAILED = "failed"  # its 120 minutes are over
    LOST = "lost"  # another run holds it


def claim_task(task_id: UUID, *, at: datetime, lease: timedelta = LEASE) -> ClaimedTask | None:
    """Take a task for one run, or None: done, not due, held by another run, or behind an earlier task of its subject."""
    claimed = _claim(task_id, at=at, lease=lease, limit=1)
    return claimed[0] if claimed else None


def claim_due_tasks(*, at: datetime, limit: int, lease: timedelta = LEASE) -> Sequence[ClaimedTask]:
    """Take up to `limit` due tasks of the scope's distributor, the longest waiting first."""
    return _claim(None, at=at, lease=lease, limit=limit)


def complete_task(task_id: UUID, lease_token: UUID, *, vendor_reference: str, message: str, at: datetime) -> bool:
    """Record that the vendor did it; False where another run holds the task by now."""
    task = held_task(task_id, lease_token)
    if task is None:
        return False
    _finish(task, TaskStatus.SUCCEEDED, message, at)
    task.vendor_reference = vendor_reference or task.vendor_reference
    return True


def fail_task(task_id: UUID, lease_token: UUID, *, reason: str, at: datetime) -> bool:
    """Record that the vendor refused: trying again unchanged is of no use. False where another run holds the task."""
    task = held_task(task_id, lease_token)
    if task is None:
        return False
    _finish(task, TaskStatus.FAILED, reason, at)
    return True


def wait_for_person(task_id: UUID, lease_token: UUID, *, message: str) -> bool:
    """Record that a person has to do the work and tell us; False where another run holds the task."""
    task = held_task(task_id, lease_token)
    if task is None:
        return False
    task.status, task.message, task.lease_until, task.lease_token = TaskStatus.WAITING, message, None, None
    return True


def release_task(
    task_id: UUID, lease_token: UUID, *, reason: str, at: datetime, retry_after: timedelta | None = None
) -> tuple[Release, datetime | None]:
    """Give a task back after a transport error: again 1, 6, 21, 51, 111 and 120 minutes after the first attempt.

    Returns what became of it and when it is tried again. After 120 minutes it has failed. `retry_after` is the
    vendor's wish; it may delay a try, never past the end.
    """
    task = held_task(task_id, lease_token)
    if task is None:
        return Release.LOST, None
    first = task.first_attempt_at or at
    if at >= first + GIVE_UP_AFTER:
        _finish(task, TaskStatus.FAILED, reason, at)
        return Release.FAILED, None
    following = next(first + offset for offset in RETRY_OFFSETS if first + offset > at)
    if retry_after is not None:
        following = min(max(following, at + retry_after), first + GIVE_UP_AFTER)
    task.status, task.next_attempt_at, task.message = TaskStatus.PENDING, following, reason[:MAX_MESSAGE]
    task.lease_until, task.lease_token = None, None
    return Release.LATER, following


def hand_back(task_id: UUID, lease_token: UUID, *, at: datetime) -> None:
    """Give a task back that this run did not get to: due again at that instant."""
    task = held_task(task_id, lease_token)
    if task is not None:
        task.status, task.next_attempt_at = TaskStatus.PENDING, at
        task.attempts -= 1
        if task.attempts == 0:
            task.first_attempt_at = None
        task.lease_until, task.lease_token = None, None


def record_calls(task_id: UUID | None, manager_id: UUID | None, calls: Sequence[RecordedCall]) -> None:
    """Store what was said to a vendor; kept 90 days."""
    session.add_all(
        VendorCall(
            task_id=task_id,
            service_manager_id=manager_id,
            at=call.at,
            operation=call.operation,
            url=call.url,
            request_body=call.request_body,
            status_code=call.status_code,
            response_body=call.response_body,
            duration_ms=call.duration_ms,
        )
        for call in calls
    )


def _claim(task_id: UUID | None, *, at: datetime, lease: timedelta, limit: int) -> list[ClaimedTask]:
    """Take a task, or the longest waiting ones; who holds the run's token may write what came of them."""
    session.flush()
    token = new_id()
    given = {"here": current_scope().distributor_id, "at": at, "most": limit}
    given |= {"lease_token": token, "lease_until": at + lease}
    connection = session.connection()
    if task_id is None:
        rows = connection.execute(CLAIM_DUE, given).all()
    else:
        rows = connection.execute(CLAIM_ONE, {**given, "task_id": task_id}).all()
    managers = {row.manager_id: _manager(row) for row in rows if row.manager_id is not None}
    operations = operations_of([row.id for row in rows if row.attempts > 1])
    return [_claimed(row, token, managers.get(row.service_manager_id), operations.get(row.id)) for row in rows]


def _manager(row: Row[Any]) -> ManagerAccess:
    return access_of(ServiceManager(**{column.name: getattr(row, f"manager_{column.name}") for column in MANAGERS.c}))


def _claimed(
    row: Row[Any], token: UUID, manager: ManagerAccess | None, operation: OperationUnderWay | None
) -> ClaimedTask:
    return ClaimedTask(
        id=row.id,
        lease_token=token,
        kind=row.kind,
        subject_id=row.subject_id,
        order_id=row.order_id,
        order_item_id=row.order_item_id,
        may_be_done=row.attempts > 1,
        picture=from_json(row.request),
        manager=manager,
        account_reference=row.account_reference,
        reseller_reference=row.reseller_reference,
        vendor_reference=row.service_reference or row.vendor_reference,  # a task may name what no subscription has
        operation=operation,
    )


def _finish(task: ProvisioningTask, status: TaskStatus, message: str, at: datetime) -> None:
    task.status, task.message, task.finished_at = status, message[:MAX_MESSAGE] or None, at
    task.lease_until, task.lease_token = None, None
