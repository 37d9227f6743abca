"""The operator's list of tasks: what is stuck stands first, whatever else is asked for."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, case, func, select

from app.core.db import session
from app.provisioning.models import ProvisioningTask, ServiceManager, TaskStatus
from app.provisioning.queries import ON_THE_CLOCK
from tenants.context import current_scope

TAKEN_BY_NOW = timedelta(minutes=3)


class Stage(enum.Enum):
    """Where a task stands, as operators sort their day."""

    STUCK = "stuck"  # failed, or waits for a person: somebody must act
    AT_VENDOR = "at_vendor"  # accepted there and not finished; looked at again by itself
    RETRYING = "retrying"  # tried and not done; comes back by itself
    WAITING = "waiting"  # not tried yet, or running
    DONE = "done"


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """What to list. `search` looks into product, account, the vendor's reference and message."""

    search: str = ""
    stage: Stage | None = None
    manager_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task in the list."""

    task: ProvisioningTask
    manager_name: str | None

    @property
    def product_name(self) -> str:
        """What is to be provisioned."""
        return str(self.task.request.get("product_name", ""))

    @property
    def account_name(self) -> str:
        """For whom."""
        return str((self.task.request.get("account") or {}).get("name", ""))


class MustAct(enum.Enum):
    """Whose turn it is."""

    NOBODY = "nobody"  # it is done, or goes on by itself
    VENDOR = "vendor"
    OPERATOR = "operator"  # repair the cause and retry, or do it by hand
    ADMINISTRATOR = "administrator"  # no worker has taken it for too long


STATUS = ProvisioningTask.status
STAGES = {
    Stage.STUCK: STATUS.in_((TaskStatus.FAILED, TaskStatus.WAITING)),
    Stage.AT_VENDOR: STATUS == TaskStatus.AT_VENDOR,
    Stage.RETRYING: (STATUS == TaskStatus.PENDING) & (ProvisioningTask.attempts > 0),
    Stage.WAITING: (STATUS == TaskStatus.RUNNING) | ((STATUS == TaskStatus.PENDING) & (ProvisioningTask.attempts == 0)),
    Stage.DONE: STATUS.in_((TaskStatus.SUCCEEDED, TaskStatus.CANCELED)),
}
URGENCY = case(*((condition, place) for place, condition in enumerate(STAGES.values())), else_=len(STAGES))


def stage_of(task: ProvisioningTask) -> Stage:
    """Return where a task stands."""
    if task.status in (TaskStatus.FAILED, TaskStatus.WAITING):
        return Stage.STUCK
    if task.status in (TaskStatus.SUCCEEDED, TaskStatus.CANCELED):
        return Stage.DONE
    if task.status is TaskStatus.AT_VENDOR:
        return Stage.AT_VENDOR
    return Stage.RETRYING if task.status is TaskStatus.PENDING and task.attempts else Stage.WAITING


def list_tasks(wanted: TaskFilter, *, offset: int = 0, limit: int | None = 25) -> Sequence[TaskRow]:
    """Return tasks, those that need somebody first, then the newest; `limit` None is for exports."""
    statement = (
        _found(wanted).order_by(URGENCY, ProvisioningTask.created_at.desc(), ProvisioningTask.id.desc()).offset(offset)
    )
    if limit is not None:
        statement = statement.limit(limit)
    return [TaskRow(task, manager_name) for task, manager_name in session.execute(statement)]


def count_tasks(wanted: TaskFilter) -> int:
    """Return how many tasks the filter finds."""
    return session.scalar(select(func.count()).select_from(_found(wanted).subquery())) or 0


def count_by_stage() -> Mapping[Stage, int]:
    """Return how many tasks stand where."""
    distributor_id = current_scope().distributor_id
    rows = session.execute(
        select(URGENCY.label("place"), func.count())
        .where(ProvisioningTask.distributor_id == distributor_id)
        .group_by("place")
    )
    stages = list(STAGES)
    counted = {stages[place]: count for place, count in rows if place < len(stages)}
    return {stage: counted.get(stage, 0) for stage in Stage}


def is_overdue(task: ProvisioningTask, at: datetime) -> bool:
    """Whether a task should have been tried by now: workers are down, or busy."""
    return task.status in ON_THE_CLOCK and task.next_attempt_at < at


def who_must_act(task: ProvisioningTask, at: datetime) -> MustAct:
    """Return whose turn it is (GO-10)."""
    if task.status in (TaskStatus.FAILED, TaskStatus.WAITING):
        return MustAct.OPERATOR
    if task.status in ON_THE_CLOCK and task.next_attempt_at < at - TAKEN_BY_NOW:
        return MustAct.ADMINISTRATOR
    return MustAct.VENDOR if task.status is TaskStatus.AT_VENDOR else MustAct.NOBODY


def failed_ids(wanted: TaskFilter, task_ids: Collection[UUID] | None, *, limit: int) -> Sequence[UUID]:
    """Return chosen tasks that have failed, or all failed ones the filter finds, the oldest first."""
    found = _found(wanted).where(STATUS == TaskStatus.FAILED).with_only_columns(ProvisioningTask.id)
    if task_ids is not None:
        found = found.where(ProvisioningTask.id.in_(task_ids))
    return session.scalars(found.order_by(ProvisioningTask.created_at, ProvisioningTask.id).limit(limit)).all()


def _found(wanted: TaskFilter) -> Select[ProvisioningTask, str | None]:
    statement = (
        select(ProvisioningTask, ServiceManager.name)
        .outerjoin(
            ServiceManager,
            (ServiceManager.distributor_id == ProvisioningTask.distributor_id)
            & (ServiceManager.id == ProvisioningTask.service_manager_id),
        )
        .where(ProvisioningTask.distributor_id == current_scope().distributor_id)
    )
    if words := wanted.search.strip().lower():
        texts = (
            ProvisioningTask.request["product_name"].astext,
            ProvisioningTask.request["account"]["name"].astext,
            ProvisioningTask.vendor_reference,
            ProvisioningTask.message,
        )
        matches = [func.lower(text).contains(words, autoescape=True) for text in texts]
        statement = statement.where(matches[0] | matches[1] | matches[2] | matches[3])
    if wanted.manager_id is not None:
        statement = statement.where(ProvisioningTask.service_manager_id == wanted.manager_id)
    if wanted.stage is not None:
        statement = statement.where(STAGES[wanted.stage])
    return statement
