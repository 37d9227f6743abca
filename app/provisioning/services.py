"""The verbs of provisioning: ask for work, and what an operator does about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from app.accounts.queries import find_account
from app.audit.services import Actor, record
from app.core.db import nudge_after_commit, session
from app.core.errors import Invalid
from app.core.queue import Nudge
from app.provisioning.errors import WrongTaskState
from app.provisioning.jobs import PROVISION_BATCH, PROVISION_ORDER_ITEM
from app.provisioning.models import OF_A_LATER_DAY, ProvisioningTask, TaskKind, TaskStatus
from app.provisioning.pictures import ResourcePicture, company_picture, from_json, to_json
from app.provisioning.queries import get_task_for_update, last_task_of
from tenants.context import current_scope

BATCH_FROM = 5  # so many tasks at once go to one job instead of one each
MAX_REFERENCE = 200


@dataclass(frozen=True, slots=True)
class NewTask:
    """Work for a connector about one subject: a subscription or an asset."""

    kind: TaskKind
    subject_id: UUID
    picture: ResourcePicture
    service_manager_id: UUID | None
    order_id: UUID | None
    order_item_id: UUID | None
    change_id: UUID | None = None  # the subscription change it carries out


def request_provisioning(new: NewTask, *, at: datetime) -> ProvisioningTask:
    """Write the task down; nothing is called here. An item's task of one kind is asked for once.

    Tell the workers with `nudge_tasks`. The caller holds a lock on the order or the subject.
    """
    found = _task_of_item(new)
    if found is not None:
        return found
    sequence = session.scalar(
        select(func.coalesce(func.max(ProvisioningTask.sequence), 0) + 1).where(
            ProvisioningTask.distributor_id == current_scope().distributor_id,
            ProvisioningTask.subject_id == new.subject_id,
        )
    )
    task = ProvisioningTask(
        kind=new.kind,
        subject_id=new.subject_id,
        sequence=sequence or 1,
        order_id=new.order_id,
        order_item_id=new.order_item_id,
        change_id=new.change_id,
        service_manager_id=new.service_manager_id,
        request=to_json(new.picture),
        next_attempt_at=at,
        created_at=at,
    )
    session.add(task)
    session.flush()
    return task


def asked_quantity(subject_id: UUID, current: int) -> int:
    """Return the quantity a subject will have once all its waiting tasks are done."""
    last = last_task_of(subject_id)
    if last is None or last.status in (TaskStatus.SUCCEEDED, TaskStatus.CANCELED) or last.kind in OF_A_LATER_DAY:
        return current
    return from_json(last.request).quantity


def nudge_tasks(tasks: Sequence[ProvisioningTask]) -> None:
    """Tell the workers after the commit: a job for each of a few tasks, one job for many."""
    distributor_id = current_scope().distributor_id
    if len(tasks) >= BATCH_FROM:
        nudge_after_commit(Nudge(PROVISION_BATCH, distributor_id, distributor_id))
        return
    for task in tasks:
        nudge_after_commit(Nudge(PROVISION_ORDER_ITEM, task.id, distributor_id))


def retry_task(task_id: UUID, *, actor: Actor, at: datetime) -> ProvisioningTask:
    """Let a failed task start over, with the accounts' details of today and another 120 minutes of tries.

    Its id, the idempotency key at the vendor, stays. Raises TaskNotFound, WrongTaskState.
    """
    task = get_task_for_update(task_id)
    if task.status is not TaskStatus.FAILED:
        raise WrongTaskState(task.id, task.status)
    task.status, task.next_attempt_at, task.first_attempt_at = TaskStatus.PENDING, at, None
    task.finished_at = None
    task.request = to_json(_with_todays_accounts(from_json(task.request)))
    record("provisioning_task.retried", actor=actor, at=at, target_kind="provisioning_task", target_id=task.id)
    nudge_tasks([task])
    return task


def finish_by_person(task_id: UUID, vendor_reference: str, *, actor: Actor, at: datetime) -> ProvisioningTask:
    """Record that a person did what a task asks for, and what the service is called at its vendor.

    Raises TaskNotFound, WrongTaskState, Invalid `required`, `length`.
    """
    reference = vendor_reference.strip()
    if not reference:
        raise Invalid.field("vendor_reference", "required", "Enter what the service is called at the vendor")
    if len(reference) > MAX_REFERENCE:
        raise Invalid.field("vendor_reference", "length", f"Use at most {MAX_REFERENCE} characters")
    task = get_task_for_update(task_id)
    if task.status not in (TaskStatus.WAITING, TaskStatus.FAILED):
        raise WrongTaskState(task.id, task.status)
    task.status, task.vendor_reference, task.finished_at = TaskStatus.SUCCEEDED, reference, at
    record(
        "provisioning_task.done_by_person", actor=actor, at=at, target_kind="provisioning_task", target_id=task.id,
        after={"vendor_reference": reference},
    )  # fmt: skip
    return task


def _task_of_item(new: NewTask) -> ProvisioningTask | None:
    if new.order_item_id is None:
        return None
    return session.scalar(
        select(ProvisioningTask).where(
            ProvisioningTask.distributor_id == current_scope().distributor_id,
            ProvisioningTask.subject_id == new.subject_id,
            ProvisioningTask.order_item_id == new.order_item_id,
            ProvisioningTask.kind == new.kind,
        )
    )


def _with_todays_accounts(picture: ResourcePicture) -> ResourcePicture:
    account = find_account(picture.account.account_id)
    reseller = find_account(picture.reseller.account_id) if picture.reseller else None
    return replace(
        picture,
        account=company_picture(account) if account else picture.account,
        reseller=company_picture(reseller) if reseller else picture.reseller,
    )
