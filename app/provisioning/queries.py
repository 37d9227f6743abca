"""Reads of tasks, vendor calls and service managers; all of them in the distributor's scope."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select

from app.core.db import session
from app.provisioning.errors import ServiceManagerNotFound, TaskNotFound
from app.provisioning.kinds import offers
from app.provisioning.models import ProvisioningTask, ServiceManager, TaskKind, TaskStatus, VendorCall
from app.subscriptions.models import SubscriptionVendorLink
from tenants.context import current_scope

OPEN = (TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.AT_VENDOR, TaskStatus.WAITING, TaskStatus.FAILED)
ON_THE_CLOCK = (TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.AT_VENDOR)  # `next_attempt_at` brings them back


def get_task(task_id: UUID) -> ProvisioningTask:
    """Return a task; raises TaskNotFound."""
    found = session.scalar(
        select(ProvisioningTask).where(
            ProvisioningTask.distributor_id == current_scope().distributor_id, ProvisioningTask.id == task_id
        )
    )
    if found is None:
        raise TaskNotFound(task_id)
    return found


def find_subject(task_id: UUID) -> UUID | None:
    """Return the subscription or asset that a task is about; None without such a task."""
    return session.scalar(
        select(ProvisioningTask.subject_id).where(
            ProvisioningTask.distributor_id == current_scope().distributor_id, ProvisioningTask.id == task_id
        )
    )


def get_task_for_update(task_id: UUID) -> ProvisioningTask:
    """Return a task as it stands, locked until the transaction ends; raises TaskNotFound."""
    found = session.scalar(
        select(ProvisioningTask)
        .where(ProvisioningTask.distributor_id == current_scope().distributor_id, ProvisioningTask.id == task_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise TaskNotFound(task_id)
    return found


def find_task_of_change(change_id: UUID, *, for_update: bool = False) -> ProvisioningTask | None:
    """Return the newest task that carries a subscription change out, locked if wanted; None where none does."""
    statement = (
        select(ProvisioningTask)
        .where(
            ProvisioningTask.distributor_id == current_scope().distributor_id, ProvisioningTask.change_id == change_id
        )
        .order_by(
            ProvisioningTask.status.in_(OPEN).desc(),
            ProvisioningTask.created_at.desc(),
            ProvisioningTask.sequence.desc(),
        )
        .limit(1)
        .execution_options(populate_existing=True)
    )
    return session.scalar(statement.with_for_update() if for_update else statement)


def held_task(task_id: UUID, lease_token: UUID) -> ProvisioningTask | None:
    """Return a task, locked, that the run with this token still holds."""
    return session.scalar(
        select(ProvisioningTask)
        .where(
            ProvisioningTask.distributor_id == current_scope().distributor_id,
            ProvisioningTask.id == task_id,
            ProvisioningTask.lease_token == lease_token,
            ProvisioningTask.status == TaskStatus.RUNNING,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def last_task_of(subject_id: UUID) -> ProvisioningTask | None:
    """Return the newest task about a subscription or asset."""
    return session.scalar(
        select(ProvisioningTask)
        .where(
            ProvisioningTask.distributor_id == current_scope().distributor_id,
            ProvisioningTask.subject_id == subject_id,
        )
        .order_by(ProvisioningTask.sequence.desc())
        .limit(1)
    )


def due(at: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """Say which tasks may be claimed: their time has come, or the lease of whoever had them is over."""
    return ProvisioningTask.status.in_(ON_THE_CLOCK) & (ProvisioningTask.next_attempt_at <= at)


def due_task_ids(at: datetime, limit: int) -> Sequence[UUID]:
    """Return tasks whose time has come, the longest waiting first."""
    return session.scalars(
        select(ProvisioningTask.id)
        .where(ProvisioningTask.distributor_id == current_scope().distributor_id, due(at))
        .order_by(ProvisioningTask.next_attempt_at, ProvisioningTask.id)
        .limit(limit)
    ).all()


def list_calls(task_id: UUID) -> Sequence[VendorCall]:
    """Return what was said to the vendor about a task, oldest first; secrets are masked."""
    return session.scalars(
        select(VendorCall)
        .where(VendorCall.distributor_id == current_scope().distributor_id, VendorCall.task_id == task_id)
        .order_by(VendorCall.at, VendorCall.id)
    ).all()


def list_service_managers() -> Sequence[ServiceManager]:
    """Return all service managers by name."""
    return session.scalars(
        select(ServiceManager)
        .where(ServiceManager.distributor_id == current_scope().distributor_id)
        .order_by(ServiceManager.name)
    ).all()


def get_service_manager(manager_id: UUID) -> ServiceManager:
    """Return a service manager; raises ServiceManagerNotFound."""
    found = session.scalar(
        select(ServiceManager).where(
            ServiceManager.distributor_id == current_scope().distributor_id, ServiceManager.id == manager_id
        )
    )
    if found is None:
        raise ServiceManagerNotFound(manager_id)
    return found


def next_task_after(subject_id: UUID, task_id: UUID) -> UUID | None:
    """Return the subject's oldest task that still waits for its turn."""
    return session.scalar(
        select(ProvisioningTask.id)
        .where(
            ProvisioningTask.distributor_id == current_scope().distributor_id,
            ProvisioningTask.subject_id == subject_id,
            ProvisioningTask.id != task_id,
            ProvisioningTask.status == TaskStatus.PENDING,
        )
        .order_by(ProvisioningTask.sequence)
        .limit(1)
    )


def find_service_manager(manager_id: UUID) -> ServiceManager | None:
    """Return a service manager, or None where there is none of that id."""
    return session.scalar(
        select(ServiceManager).where(
            ServiceManager.distributor_id == current_scope().distributor_id, ServiceManager.id == manager_id
        )
    )


def vendor_offers(subscription_id: UUID, kind: TaskKind) -> bool:
    """Whether the vendor of a subscription can be asked for this; in the distributor's scope, else nobody can tell: True."""
    here = current_scope().distributor_id
    manager_kind = session.scalar(
        select(ServiceManager.kind)
        .join(
            SubscriptionVendorLink,
            (SubscriptionVendorLink.distributor_id == here)
            & (SubscriptionVendorLink.service_manager_id == ServiceManager.id),
        )
        .where(ServiceManager.distributor_id == here, SubscriptionVendorLink.subscription_id == subscription_id)
    )
    return manager_kind is None or offers(manager_kind, kind)
