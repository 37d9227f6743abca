"""Closing what is still wanted of a subscription that has ended."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.changes.machine import ChangeStep, advance
from app.changes.queries import open_changes
from app.core.db import session
from app.provisioning.models import ProvisioningTask, TaskStatus
from app.subscriptions.machine import SyncStep, move_sync
from app.subscriptions.models import ChangeStatus, Subscription, SubscriptionChange, SyncStatus
from app.subscriptions.problems import clear_problem
from tenants.context import current_scope

AT_WORK = (ChangeStatus.PROCESSING, ChangeStatus.WITHDRAWING)  # the vendor's answer closes it


def void_changes(subscription: Subscription, *, at: datetime, but: UUID | None = None) -> None:
    """Close requests nobody can fulfil any more; call it when a subscription is canceled or expires (CB-29).

    What the vendor has refused of it is given up, so that it does not stand in the way of the end there.
    """
    for found in open_changes(subscription.id):
        if found.id == but or found.status in AT_WORK:
            continue
        if found.status is ChangeStatus.FAILED:
            _give_up_tasks(found, at=at)
            if subscription.sync_status is SyncStatus.FAILED:
                move_sync(subscription, SyncStep.GIVEN_UP)
                clear_problem(subscription.id)
        advance(found, ChangeStep.VOID)
        found.completed_at = at
        session.flush()


def _give_up_tasks(change: SubscriptionChange, *, at: datetime) -> None:
    """Tasks are locked before subscriptions elsewhere: one that somebody works on at this moment is passed over."""
    for task in session.scalars(
        select(ProvisioningTask)
        .where(
            ProvisioningTask.distributor_id == current_scope().distributor_id,
            ProvisioningTask.change_id == change.id,
            ProvisioningTask.status == TaskStatus.FAILED,
        )
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ):
        task.status, task.finished_at = TaskStatus.CANCELED, at
