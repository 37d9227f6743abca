"""Future requests that are sent to the vendor at once, with their day, and taken back there (CB-24, ADR 29).

Where a service manager does not take them, where nobody is to be asked, and for bundles, whose components have vendors of
their own, the billing run asks on the day.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import select

from app.changes.effects import Effect
from app.core.db import session
from app.provisioning.complete_pictures import complete_picture, service_manager_of
from app.provisioning.kinds import offers
from app.provisioning.models import ProvisioningTask, ServiceManager, TaskKind
from app.provisioning.pictures import ResourcePicture
from app.provisioning.queries import OPEN
from app.provisioning.services import NewTask, nudge_tasks, request_provisioning
from app.subscriptions.bundles import list_components
from app.subscriptions.machine import SyncStep, move_sync
from app.subscriptions.models import ChangeTiming, Subscription, SubscriptionChange
from app.subscriptions.vendor_links import stands_at_vendor
from tenants.context import current_scope


def is_told_ahead(effect: Effect, subscription: Subscription, change: SubscriptionChange) -> bool:
    """Whether the vendor hears of a change now that is to happen with the next period."""
    return (
        effect.is_told_ahead
        and change.timing is ChangeTiming.PERIOD_END
        and effect.needs_vendor(subscription, change)
        and stands_at_vendor(subscription.id)
        and not list_components(subscription.id)
        and _takes_future_requests(subscription)
    )


def announce(effect: Effect, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
    """Ask the vendor to have the service as it shall be from the day on."""
    picture = replace(effect.picture(subscription, change), effective_on=change.effective_on)
    _ask(TaskKind.SCHEDULE, subscription, change, picture=picture, at=at)


def take_back(subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
    """Ask the vendor to forget what was announced, once. Needs the distributor's scope, the subscription locked."""
    if _is_asked(change):
        return
    picture = replace(complete_picture(subscription), effective_on=change.effective_on)
    _ask(TaskKind.WITHDRAW, subscription, change, picture=picture, at=at)


def has_begun(subscription: Subscription, change: SubscriptionChange) -> bool:
    """Whether the period a change is for is open already: the vendor, which answers now, has it from now on."""
    return subscription.period_from is not None and subscription.period_from >= change.effective_on


def _ask(
    kind: TaskKind, subscription: Subscription, change: SubscriptionChange, *, picture: ResourcePicture, at: datetime
) -> None:
    task = request_provisioning(
        NewTask(
            kind=kind,
            subject_id=subscription.id,
            picture=picture,
            service_manager_id=service_manager_of(subscription.product_id),
            order_id=None,
            order_item_id=None,
            change_id=change.id,
        ),
        at=at,
    )
    move_sync(subscription, SyncStep.ASKED)
    nudge_tasks([task])


def _is_asked(change: SubscriptionChange) -> bool:
    found = session.scalar(
        select(ProvisioningTask.id)
        .where(
            ProvisioningTask.distributor_id == current_scope().distributor_id,
            ProvisioningTask.change_id == change.id,
            ProvisioningTask.kind == TaskKind.WITHDRAW,
            ProvisioningTask.status.in_(OPEN),
        )
        .limit(1)
    )
    return found is not None


def _takes_future_requests(subscription: Subscription) -> bool:
    manager_id = service_manager_of(subscription.product_id)
    if manager_id is None:
        return False
    manager = session.get_one(ServiceManager, (current_scope().distributor_id, manager_id))
    return manager.takes_future_requests and offers(manager.kind, TaskKind.SCHEDULE)
