"""Work on a bundle is work on each of its components, at each one's own vendor (CB-11)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from app.provisioning.complete_pictures import complete_picture, service_manager_of
from app.provisioning.models import ProvisioningTask, TaskKind
from app.provisioning.services import NewTask, request_provisioning
from app.subscriptions.bundles import list_components, sync_with_components
from app.subscriptions.models import Subscription, SubscriptionStatus, SyncStatus
from app.subscriptions.services import mark_pending

ENDED = (SubscriptionStatus.CANCELED, SubscriptionStatus.EXPIRED)


def ask_components(
    bundle: Subscription,
    kind: TaskKind,
    *,
    quantity: int | None = None,
    order_id: UUID | None = None,
    order_item_id: UUID | None = None,
    change_id: UUID | None = None,
    at: datetime,
) -> list[ProvisioningTask]:
    """Ask for the same with each component that a machine provisions and that has not ended; one task each.

    `quantity` is the bundle's new total. The caller holds the bundle's lock and nudges. Empty: there is nobody to ask.
    """
    tasks = []
    for component in list_components(bundle.id):
        manager_id = service_manager_of(component.product_id)
        is_asked = component.sync_status is not SyncStatus.NOT_REQUIRED and manager_id is not None
        if not is_asked or component.status in ENDED:
            continue
        total = (bundle.quantity if quantity is None else quantity) * (component.quantity_per_parent or 1)
        mark_pending(component.id)
        tasks.append(
            request_provisioning(
                NewTask(
                    kind=kind,
                    subject_id=component.id,
                    picture=replace(complete_picture(component), quantity=total),
                    service_manager_id=manager_id,
                    order_id=order_id,
                    order_item_id=order_item_id,
                    change_id=change_id,
                ),
                at=at,
            )
        )
    sync_with_components(bundle)
    return tasks
