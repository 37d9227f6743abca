"""What a delivery, a delay or a failure does to the order item, its subscription and the people who wait for it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.accounts.queries import find_account
from app.changes import outcomes as change_outcomes
from app.changes.trials import trial_task_succeeded
from app.core.db import session
from app.orders.deliveries import move_delivery
from app.orders.execution_events import BY_A_PERSON, FAILED, READY, RETRY, TRY_AGAIN, add_event
from app.orders.execution_mails import mail_provisioning_failed, mail_ready
from app.orders.execution_rows import lock_order
from app.orders.late_deliveries import before_delivery
from app.orders.machine import Move, advance
from app.orders.models import DeliveryStatus, Order, OrderItem, OrderStatus
from app.orders.statuses import tell_status
from app.provisioning.models import ProvisioningTask, TaskKind
from app.provisioning.parts import parts_failed, parts_retried, parts_succeeded
from app.provisioning.pictures import from_json
from app.provisioning.recovery import failure_told, tell_recovered
from app.provisioning.repairs import repair_succeeded
from app.subscriptions.assets import asset_failed, asset_stands
from app.subscriptions.owner_mails import mail_asset_ready
from app.subscriptions.problems import clear_problem, note_problem
from app.subscriptions.queries import find_asset_by_item, find_subscription_for_update
from app.subscriptions.services import activate, change_quantity, mark_failed, mark_pending
from app.subscriptions.vendor_links import end_link
from tenants.context import current_scope


def deliver(
    order: Order,
    item: OrderItem,
    *,
    at: datetime,
    service_manager_id: UUID | None = None,
    vendor_reference: str | None = None,
) -> None:
    """Record that an item's service stands: activate what it made, tell its buyer. A second call changes nothing."""
    if item.delivery_status is DeliveryStatus.DELIVERED:
        return
    if item.delivery_status is DeliveryStatus.FAILED:
        clear_problem(item.id)
    move_delivery(order, item, DeliveryStatus.DELIVERED, at=at)
    add_event(order, "delivered", READY, at=at, item=item)
    session.flush()
    if item.subscription_id is None:
        _activate_asset(item, at=at)
        return
    subscription = activate(
        item.subscription_id, at=at, service_manager_id=service_manager_id, vendor_reference=vendor_reference
    )
    is_new = subscription.order_item_id == item.id  # else more licences for a running one
    if is_new and subscription.plan_edition is None:  # a plan's welcome says more
        mail_ready(subscription, item.product_name, at=at)


def task_succeeded(task: ProvisioningTask, vendor_reference: str | None, *, at: datetime) -> None:
    """Take over what a task achieved: quantity, activation, the item's delivery; who was told that it failed hears of it."""
    tell_recovered(task, at=at)
    if task.kind is TaskKind.CANCEL:
        end_link(task.subject_id, at=at)
    if task.change_id is not None:
        change_outcomes.change_succeeded(task, vendor_reference, at=at)
        return
    if task.kind is TaskKind.UPDATE:
        before_delivery(task.subject_id, task.order_item_id, at=at)
        change_quantity(task.subject_id, from_json(task.request).quantity, at=at)
    order, item = _order_and_item(task)
    is_part = item is not None and item.subscription_id not in (None, task.subject_id)  # a component's, or an add-on's
    if (is_part or task.request.get("add_ons")) and not parts_succeeded(task, vendor_reference, at=at):
        return  # other components of the bundle are still awaited
    if order is None or item is None:
        if not repair_succeeded(task, vendor_reference, at=at):
            trial_task_succeeded(task, vendor_reference, at=at)
        return
    was_failed = item.delivery_status is DeliveryStatus.FAILED
    deliver(
        order,
        item,
        at=at,
        service_manager_id=task.service_manager_id,
        vendor_reference=None if is_part else vendor_reference,
    )
    if was_failed and order.status is OrderStatus.PARTIALLY_EXECUTED and _all_made(order):
        advance(order, Move.FINISH)
        tell_status(order, at=at)


def task_delayed(task: ProvisioningTask, next_attempt_at: datetime | None, *, at: datetime) -> None:
    """Tell the buyer once per delay when it is tried again, and that there is nothing to do."""
    if task.change_id is not None:
        change_outcomes.change_delayed(task, at=at)
    order, item = _order_and_item(task)
    if order is not None and item is not None:
        add_event(order, "retry", RETRY, at=at, item=item, next_attempt_at=next_attempt_at)


def task_waits_for_person(task: ProvisioningTask, *, at: datetime) -> None:
    """Tell the buyer that people do the work."""
    if task.change_id is not None:
        change_outcomes.change_waits_for_person(task, at=at)
    order, item = _order_and_item(task)
    if order is not None and item is not None:
        add_event(order, "by_a_person", BY_A_PERSON, at=at, item=item)


def task_failed(task: ProvisioningTask, reason: str, *, at: datetime) -> None:
    """Record a refusal or the end of all tries: staff reads why, the buyer a softened line; operators get a mail."""
    if task.change_id is not None:
        change_outcomes.change_failed(task, reason, at=at)
        failure_told(task, at=at)
        return
    subscription = find_subscription_for_update(task.subject_id)
    if subscription is not None:
        mark_failed(subscription.id, reason)
        parts_failed(task, subscription, reason)
    else:
        asset_failed(task.subject_id)
    order, item = _order_and_item(task)
    if order is None or item is None:
        return
    is_ours = task.kind is TaskKind.OPEN_STOREFRONT  # in our words; a vendor's are not for the order's readers
    move_delivery(order, item, DeliveryStatus.FAILED, at=at, reason=reason[:500] if is_ours else None)
    note_problem(item.id, reason)
    if task.kind is TaskKind.OPEN_STOREFRONT and order.status is OrderStatus.EXECUTED:
        advance(order, Move.FAIL_PART)
        tell_status(order, at=at)
    add_event(order, "failed", FAILED, at=at, item=item)
    account = find_account(order.account_id) if order.account_id else None
    mail_provisioning_failed(order, item, account.name if account else "", reason, task.id, at=at)
    failure_told(task, at=at)


def task_retried(task: ProvisioningTask, *, at: datetime) -> None:
    """Say that a failed task was started again by an operator."""
    if task.change_id is not None:
        change_outcomes.change_retried(task, at=at)
        return
    subscription = find_subscription_for_update(task.subject_id)
    if subscription is not None:
        mark_pending(subscription.id)
        parts_retried(task, subscription)
    order, item = _order_and_item(task)
    if order is not None and item is not None:
        clear_problem(item.id)
        move_delivery(order, item, DeliveryStatus.PROVISIONING, at=at)
        add_event(order, "provisioning", TRY_AGAIN, at=at, item=item)


def _order_and_item(task: ProvisioningTask) -> tuple[Order | None, OrderItem | None]:
    if task.order_id is None or task.order_item_id is None:
        return None, None
    order = lock_order(task.order_id)
    item = session.scalar(
        select(OrderItem)
        .where(OrderItem.distributor_id == order.distributor_id, OrderItem.id == task.order_item_id)
        .execution_options(populate_existing=True)
    )
    return order, item


def _activate_asset(item: OrderItem, *, at: datetime) -> None:
    asset = find_asset_by_item(item.id)
    if asset is not None:
        asset_stands(asset)
        mail_asset_ready(asset, at=at)


def _all_made(order: Order) -> bool:
    statuses = session.scalars(
        select(OrderItem.delivery_status).where(
            OrderItem.distributor_id == current_scope().distributor_id, OrderItem.order_id == order.id
        )
    ).all()
    return not {DeliveryStatus.FAILED, DeliveryStatus.PENDING} & set(statuses)
