"""What a vendor's answer about a part means: the add-ons in a picture, and the components of a bundle (CB-11, CB-27)."""

from __future__ import annotations

from datetime import datetime

from app.provisioning.models import ProvisioningTask, TaskKind
from app.provisioning.pictures import from_json
from app.subscriptions.add_ons import set_sync, take_over
from app.subscriptions.bundles import STANDING, sync_with_components, take_over_component
from app.subscriptions.models import Subscription, SubscriptionRole, SyncStatus
from app.subscriptions.queries import find_subscription_for_update
from app.subscriptions.services import activate


def parts_succeeded(task: ProvisioningTask, vendor_reference: str | None, *, at: datetime) -> bool:
    """Take over what a task achieved for add-ons or for a component; False: others of its bundle are still awaited."""
    subject = find_subscription_for_update(task.subject_id)
    if subject is None:
        return True
    picture = from_json(task.request)
    if subject.role is not SubscriptionRole.COMPONENT:
        take_over(subject, {each.product_id: _stands(each.action, each.quantity) for each in picture.add_ons}, at=at)
        return True
    is_canceled = task.kind is TaskKind.CANCEL
    if not is_canceled:
        activate(subject.id, at=at, service_manager_id=task.service_manager_id, vendor_reference=vendor_reference)
    bundle = take_over_component(
        subject,
        is_canceled=is_canceled,
        quantity=picture.quantity,
        raises_bundle=task.kind is TaskKind.UPDATE and task.change_id is None,
        at=at,
    )
    return bundle.sync_status in STANDING


def parts_failed(task: ProvisioningTask, subject: Subscription, reason: str) -> None:
    """Record with a bundle, or with the add-ons a task was about, that the vendor refused."""
    _set_parts(task, subject, SyncStatus.FAILED, reason)


def parts_retried(task: ProvisioningTask, subject: Subscription) -> None:
    """Record with a bundle, or with the add-ons a task is about, that it is tried again."""
    _set_parts(task, subject, SyncStatus.PENDING, "")


def _set_parts(task: ProvisioningTask, subject: Subscription, status: SyncStatus, reason: str) -> None:
    if subject.role is SubscriptionRole.COMPONENT:
        bundle = find_subscription_for_update(subject.parent_id) if subject.parent_id else None
        if bundle is not None:
            sync_with_components(bundle)
        return
    changed = {each.product_id for each in from_json(task.request).add_ons if each.action != "none"}
    set_sync(subject.id, changed, status, reason=reason)


def _stands(action: str, quantity: int) -> int:
    return 0 if action == "cancel" else quantity
