"""The work of one change at vendors, step by step: most have one step, a bundle one per component (CB-11, CB-25).

The next step is asked for when the one before is confirmed, so a refusal leaves what follows untouched. What a change
asks for is found anew each time: a step is done when a task of the change about the same thing has succeeded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.core.db import session
from app.provisioning.complete_pictures import complete_picture, service_manager_of
from app.provisioning.models import ProvisioningTask, TaskKind, TaskStatus
from app.provisioning.parts import parts_failed, parts_retried, parts_succeeded
from app.provisioning.pictures import ResourcePicture
from app.provisioning.services import NewTask, nudge_tasks, request_provisioning
from app.subscriptions.bundles import list_components, sync_with_components
from app.subscriptions.machine import Step, SyncStep, move, move_sync
from app.subscriptions.models import (
    Subscription,
    SubscriptionChange,
    SubscriptionRole,
    SubscriptionStatus,
    SyncStatus,
)
from app.subscriptions.problems import clear_problem, note_problem
from app.subscriptions.queries import find_subscription_for_update
from app.subscriptions.services import mark_failed, mark_pending
from app.subscriptions.vendor_links import link_vendor
from tenants.context import current_scope

ENDED = (SubscriptionStatus.CANCELED, SubscriptionStatus.EXPIRED)


@dataclass(frozen=True, slots=True)
class VendorStep:
    """One thing to be done at one vendor."""

    kind: TaskKind
    subject: Subscription
    picture: ResourcePicture


def steps_for(subscription: Subscription, kind: TaskKind, picture: ResourcePicture) -> Sequence[VendorStep]:
    """Return the one step of a service, or the same for each component of a bundle that has not ended (CB-11)."""
    components = list_components(subscription.id)
    if not components:
        return (VendorStep(kind, subscription, picture),)
    return [
        VendorStep(
            kind, each, replace(complete_picture(each), quantity=picture.quantity * (each.quantity_per_parent or 1))
        )
        for each in components
        if each.sync_status is not SyncStatus.NOT_REQUIRED and each.status not in ENDED
    ]


def ask_next(
    steps: Sequence[VendorStep], subscription: Subscription, change: SubscriptionChange, *, at: datetime
) -> bool:
    """Ask for the first step that is not done yet; False: all are."""
    done = _done(change.id)
    step = next((each for each in steps if (each.subject.id, each.kind) not in done), None)
    if step is None:
        return False
    task = request_provisioning(
        NewTask(
            kind=step.kind,
            subject_id=step.subject.id,
            picture=step.picture,
            service_manager_id=service_manager_of(step.subject.product_id),
            order_id=None,
            order_item_id=None,
            change_id=change.id,
        ),
        at=at,
    )
    move_sync(subscription, SyncStep.ASKED)
    if step.subject.id != subscription.id:
        mark_pending(step.subject.id)
    nudge_tasks([task])
    return True


def kind_asked(change_id: UUID, subject_id: UUID) -> TaskKind | None:
    """Return what a change has asked a vendor for about a subject already; None: nothing yet."""
    return session.scalar(
        select(ProvisioningTask.kind)
        .where(
            ProvisioningTask.distributor_id == current_scope().distributor_id,
            ProvisioningTask.change_id == change_id,
            ProvisioningTask.subject_id == subject_id,
        )
        .order_by(ProvisioningTask.sequence.desc())
        .limit(1)
    )


def step_succeeded(
    task: ProvisioningTask, subscription: Subscription, vendor_reference: str | None, *, at: datetime
) -> None:
    """Take over what a vendor did: for the subscription itself, a component of it, or another one it moves into."""
    subject = subscription if task.subject_id == subscription.id else find_subscription_for_update(task.subject_id)
    if subject is None:
        return
    if subject.role is SubscriptionRole.COMPONENT and subject is not subscription:
        parts_succeeded(task, vendor_reference, at=at)
        return
    if vendor_reference and task.kind is not TaskKind.CANCEL:
        link_vendor(subject, task.service_manager_id, vendor_reference)
    if subject is not subscription:
        move_sync(subject, SyncStep.CONFIRMED)
        clear_problem(subject.id)


def step_failed(task: ProvisioningTask, subscription: Subscription, reason: str) -> None:
    """Keep the vendor's words with what it refused, and with the subscription whose change waits for it."""
    note_problem(subscription.id, reason)
    if task.subject_id == subscription.id:
        parts_failed(task, subscription, reason)
        return
    mark_failed(task.subject_id, reason)
    if list_components(subscription.id):
        sync_with_components(subscription)


def step_retried(task: ProvisioningTask, subscription: Subscription) -> None:
    """Say that the vendor is asked again."""
    clear_problem(subscription.id)
    if task.subject_id == subscription.id:
        parts_retried(task, subscription)
    else:
        mark_pending(task.subject_id)


def give_up_step(task: ProvisioningTask, subscription: Subscription) -> None:
    """Leave what the vendor refused about a component, or another subscription of the change, as it stands there."""
    subject = find_subscription_for_update(task.subject_id) if task.subject_id != subscription.id else None
    if subject is not None and subject.sync_status is SyncStatus.FAILED:
        move_sync(subject, SyncStep.GIVEN_UP)
        clear_problem(subject.id)


def undo_steps(subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
    """Ask the vendors to put back what was done before one of them refused, and nobody wants the change any more."""
    for subject_id, kind in sorted(_done(change.id), key=lambda each: str(each[0])):
        subject = subscription if subject_id == subscription.id else find_subscription_for_update(subject_id)
        if subject is None or kind not in (TaskKind.CREATE, TaskKind.UPDATE):
            continue
        undo = TaskKind.CANCEL if kind is TaskKind.CREATE else TaskKind.UPDATE
        task = request_provisioning(
            NewTask(
                kind=undo,
                subject_id=subject.id,
                picture=complete_picture(subject, quantity=subject.quantity),
                service_manager_id=service_manager_of(subject.product_id),
                order_id=None,
                order_item_id=None,
            ),
            at=at,
        )
        nudge_tasks([task])
    waiting = find_subscription_for_update(change.target_subscription_id) if change.target_subscription_id else None
    if waiting is not None and waiting.status is SubscriptionStatus.PENDING_ACTIVATION:
        move(waiting, Step.ABANDONED)
        waiting.canceled_at = at
        change.target_subscription_id = None
    session.flush()


def settle_component(component: Subscription) -> None:
    """Give a bundle its sync status after one of its components was reprovisioned alone."""
    if component.role is SubscriptionRole.COMPONENT and component.parent_id is not None:
        bundle = find_subscription_for_update(component.parent_id)
        if bundle is not None:
            session.flush()
            sync_with_components(bundle)


def _done(change_id: UUID) -> set[tuple[UUID, TaskKind]]:
    rows = session.execute(
        select(ProvisioningTask.subject_id, ProvisioningTask.kind).where(
            ProvisioningTask.distributor_id == current_scope().distributor_id,
            ProvisioningTask.change_id == change_id,
            ProvisioningTask.status == TaskStatus.SUCCEEDED,
        )
    )
    return {(row.subject_id, row.kind) for row in rows}
