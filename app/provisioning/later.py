"""Work a vendor has accepted and not finished: nobody waits for it, the task's clock brings it back for a look.

The 120 minutes of a task (decisions section 8) are for vendors that do not answer. What a vendor has accepted may take
as long as the vendor says, at most a week.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select

from app.core.db import session
from app.provisioning.models import ProvisioningTask, TaskStatus, VendorOperation
from app.provisioning.queries import held_task
from tenants.context import current_scope

FIRST_LOOK, LONGEST_PAUSE = timedelta(seconds=10), timedelta(minutes=5)
LONGEST_WAIT = timedelta(days=7)
MAX_DESCRIPTION = 500
NOT_FINISHED = "The vendor accepted this and did not finish it in the time it named"


@dataclass(frozen=True, slots=True)
class OperationUnderWay:
    """What was accepted: the service's reference, the vendor's word for the work, and until when it is looked at."""

    vendor_reference: str
    operation: str
    poll_until: datetime


@dataclass(frozen=True, slots=True)
class Accepted:
    """A vendor's answer that the work goes on there."""

    vendor_reference: str
    operation: str
    description: str
    again_in: timedelta | None
    for_at_most: timedelta | None


def operations_of(task_ids: Collection[UUID]) -> Mapping[UUID, OperationUnderWay]:
    """Return what is under way of some tasks."""
    if not task_ids:
        return {}
    rows = session.scalars(
        select(VendorOperation).where(
            VendorOperation.distributor_id == current_scope().distributor_id, VendorOperation.task_id.in_(task_ids)
        )
    )
    return {row.task_id: OperationUnderWay(row.vendor_reference, row.operation, row.poll_until) for row in rows}


def find_operation(task_id: UUID) -> VendorOperation | None:
    """Return what is under way of one task, for its page."""
    return session.scalar(
        select(VendorOperation).where(
            VendorOperation.distributor_id == current_scope().distributor_id, VendorOperation.task_id == task_id
        )
    )


def wait_at_vendor(task_id: UUID, lease_token: UUID, accepted: Accepted, *, at: datetime) -> bool:
    """Let go of a task whose work goes on at the vendor; False where another run holds it by now."""
    task = held_task(task_id, lease_token)
    if task is None:
        return False
    operation = find_operation(task_id)
    if operation is None:
        operation = VendorOperation(
            task_id=task_id,
            vendor_reference=accepted.vendor_reference,
            started_at=at,
            poll_until=at + min(accepted.for_at_most or LONGEST_WAIT, LONGEST_WAIT),
            looks=0,
        )
        session.add(operation)
    else:
        operation.looked_at, operation.looks = at, operation.looks + 1
    operation.operation, operation.description = accepted.operation, accepted.description[:MAX_DESCRIPTION]
    task.message = accepted.description[:MAX_DESCRIPTION] or None
    _come_back(task, operation, accepted.again_in, at)
    return True


def look_later(
    task_id: UUID, lease_token: UUID, *, reason: str, retry_after: timedelta | None, at: datetime
) -> bool | None:
    """Let go of a task at which the vendor could not be asked how far it is.

    None where another run holds it by now; False once the time the vendor named is over: it has failed.
    """
    task, operation = held_task(task_id, lease_token), find_operation(task_id)
    if task is None or operation is None:
        return None
    if at >= operation.poll_until:
        return False
    operation.looked_at, operation.looks = at, operation.looks + 1
    task.message = reason[:MAX_DESCRIPTION]
    _come_back(task, operation, retry_after, at)
    return True


def forget_operation(task_id: UUID) -> None:
    """The work is done, or has failed."""
    session.execute(
        delete(VendorOperation).where(
            VendorOperation.distributor_id == current_scope().distributor_id, VendorOperation.task_id == task_id
        )
    )


def _come_back(task: ProvisioningTask, operation: VendorOperation, again_in: timedelta | None, at: datetime) -> None:
    """Set the next look: when the vendor wants it, else after longer and longer pauses."""
    pause = min(FIRST_LOOK * 2 ** min(operation.looks, 10), LONGEST_PAUSE)
    if again_in is not None:
        pause = max(again_in, timedelta(seconds=1))
    task.status, task.next_attempt_at = (
        TaskStatus.AT_VENDOR,
        min(at + pause, max(operation.poll_until, at + FIRST_LOOK)),
    )
    task.lease_until = task.lease_token = None
    if operation.looks:
        task.attempts -= 1  # a look is no new attempt
