"""Writing down what came of tasks at their vendors: plain deliveries together, all else one by one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.core.db import nudge_after_commit, unit_of_work
from app.core.errors import DomainError
from app.core.queue import Nudge
from app.orders import execution_outcomes as outcomes
from app.orders.execution_records import Delivery, record_deliveries
from app.provisioning import claims, later
from app.provisioning.claims import ClaimedTask, RecordedCall, Release
from app.provisioning.jobs import PROVISION_ORDER_ITEM
from app.provisioning.later import NOT_FINISHED, Accepted
from app.provisioning.models import TaskKind
from app.provisioning.queries import get_task, next_task_after
from app.resellers.storefronts import fail_storefront
from tenants.context import current_scope
from workers.connectors.base import VendorResource
from workers.vendor_calls import Busy, Done, Later, Outcome, Refused, UnderWay

log = logging.getLogger(__name__)
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


def record(answers: Sequence[Answer], *, at: datetime) -> None:
    """Record what is plain at once and the rest one by one; an answer that cannot be recorded does not harm others."""
    recorded: frozenset[UUID] = frozenset()
    plain = [_delivery(answer, answer.outcome) for answer in answers if answer.is_plain]
    if plain:
        try:
            with unit_of_work():
                recorded = record_deliveries(plain, at=at)
        except Exception:  # one of them: it shows below which
            log.exception("not_recorded_together", extra={"task_ids": [str(each.task.id) for each in plain]})
    for answer in answers:
        if answer.task.id not in recorded:
            try:
                _record_one(answer, at=at)
            except Exception as error:
                log.exception("task_not_recorded", extra={"task_id": str(answer.task.id)})
                break_off(answer.task, error, answer.calls, at=at)


def _delivery(answer: Answer, outcome: Outcome) -> Delivery:
    assert isinstance(outcome, Done)
    return Delivery(answer.task, outcome.resource.reference, outcome.resource.message, answer.calls)


def break_off(task: ClaimedTask, error: Exception, calls: Sequence[RecordedCall], *, at: datetime) -> None:
    """Let go of a task whose run broke off; what was said to the vendor until then is kept."""
    with unit_of_work():
        claims.record_calls(task.id, task.manager.id if task.manager else None, calls)
        release(task, f"{type(error).__name__}: {error}", None, at=at)


def _record_one(answer: Answer, *, at: datetime) -> None:
    """Write down what came of a task, unless another run holds it by now."""
    task = answer.task
    with unit_of_work():
        claims.record_calls(task.id, task.manager.id if task.manager else None, answer.calls)
        match answer.outcome:
            case Done(resource):
                _finish(task, resource, at=at)
            case Refused(reason):
                _fail(task, reason, at=at)
            case UnderWay(resource):
                later.wait_at_vendor(task.id, task.lease_token, _accepted(resource), at=at)
            case Busy():
                claims.hand_back(task.id, task.lease_token, at=at + BUSY_PAUSE)
            case Later(reason, retry_after):
                release(task, reason, retry_after, at=at)


def _finish(task: ClaimedTask, resource: VendorResource, *, at: datetime) -> None:
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


def _fail(task: ClaimedTask, reason: str, *, at: datetime) -> None:
    if claims.fail_task(task.id, task.lease_token, reason=reason, at=at):
        outcomes.task_failed(get_task(task.id), reason, at=at)
        if task.operation is not None:
            later.forget_operation(task.id)


def release(task: ClaimedTask, reason: str, retry_after: timedelta | None, *, at: datetime) -> None:
    """Let go of a task that could not be finished now: later again, or failed where its time is over."""
    if task.operation is not None:  # accepted work has the vendor's own time, not the 120 minutes
        goes_on = later.look_later(task.id, task.lease_token, reason=reason, retry_after=retry_after, at=at)
        if goes_on is False:
            _fail(task, NOT_FINISHED, at=at)
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
