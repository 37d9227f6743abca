"""Giving up a sale whose provisioning never succeeded: credited in full, whatever the refund policy (CB-20, CB-F74)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from app.accounts.models import Account
from app.accounts.queries import get_account_for_update
from app.audit.services import Actor, record
from app.billing.charges import NewCharge, add_charge
from app.billing.documents import bill
from app.billing.models import Charge, ChargeKind
from app.core.db import session
from app.core.errors import Conflict
from app.orders.deliveries import move_delivery
from app.orders.errors import OrderItemNotFound
from app.orders.execution_events import add_event
from app.orders.execution_rows import lock_order
from app.orders.machine import Move, advance
from app.orders.models import DeliveryStatus, Order, OrderItem, OrderStatus
from app.orders.queries import get_order, list_items
from app.orders.statuses import tell_status
from app.provisioning.models import ProvisioningTask, TaskStatus
from app.resellers.aliases import release_alias
from app.subscriptions.machine import Step, SyncStep, move, move_sync
from app.subscriptions.models import AssetStatus, Subscription, SubscriptionRole, SubscriptionStatus, SyncStatus
from app.subscriptions.periods import Period
from app.subscriptions.problems import clear_problem
from app.subscriptions.queries import find_asset_by_item, find_subscription_for_update
from app.subscriptions.services import add_event as add_subscription_event
from tenants.context import current_scope
from tenants.days import distributors_day

GIVEN_UP = "{name} could not be set up and was taken off the order; it is not charged."
ABANDONABLE = frozenset({DeliveryStatus.PROVISIONING, DeliveryStatus.FAILED})
AT_WORK = frozenset({TaskStatus.RUNNING, TaskStatus.AT_VENDOR})


class CannotAbandon(Conflict):
    """The item stands, or somebody is at it; `why` is for staff."""

    code = "cannot_abandon"


def abandon_item(number: str, item_id: UUID, *, actor: Actor, at: datetime) -> OrderItem:
    """Give up an item that was started and never delivered: no task, no service, its charges credited 100 %.

    Raises OrderNotFound, OrderItemNotFound, and CannotAbandon for what was delivered, given up before, or is being worked
    on at this moment. Needs the distributor's scope.
    """
    order_id = _order_of(number, item_id)
    tasks = _lock_tasks(item_id)  # tasks before orders, as everywhere
    order = lock_order(order_id)
    item = session.get_one(OrderItem, (order.distributor_id, item_id), populate_existing=True)
    if item.delivery_status not in ABANDONABLE:
        raise CannotAbandon(
            f"{item.product_name} is {item.delivery_status.value}: only what never came can be given up"
        )
    if any(task.status in AT_WORK for task in tasks):
        raise CannotAbandon(f"A worker is setting {item.product_name} up: wait until it has ended")
    if any(task.status is TaskStatus.SUCCEEDED for task in tasks):
        raise CannotAbandon(f"A part of {item.product_name} stands at its vendor: cancel the subscription instead")
    payer = get_account_for_update(order.payer_id)
    for task in tasks:
        if task.status in (TaskStatus.PENDING, TaskStatus.WAITING, TaskStatus.FAILED):
            task.status, task.finished_at = TaskStatus.CANCELED, at
    subscription = _end_service(item, at=at)
    _credit(item, subscription, payer, at=at)
    release_alias(item.id)
    move_delivery(order, item, DeliveryStatus.CANCELED, at=at)
    add_event(order, "abandoned", GIVEN_UP, at=at, item=item)
    if order.status is OrderStatus.PARTIALLY_EXECUTED and not _is_open(order):
        advance(order, Move.FINISH)
        tell_status(order, at=at)
    record("order.item_abandoned", actor=actor, at=at, target_kind="order", target_id=order.id,
           after={"item": item.product_name})  # fmt: skip
    session.flush()
    return item


def _order_of(number: str, item_id: UUID) -> UUID:
    """Return the order an item stands in: that of the number, or one of its sub-orders."""
    found = next((item for item in list_items(get_order(number).id) if item.id == item_id), None)
    if found is None:
        raise OrderItemNotFound(item_id)
    return found.order_id


def _lock_tasks(item_id: UUID) -> Sequence[ProvisioningTask]:
    return session.scalars(
        select(ProvisioningTask)
        .where(
            ProvisioningTask.distributor_id == current_scope().distributor_id,
            ProvisioningTask.order_item_id == item_id,
        )
        .order_by(ProvisioningTask.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def _end_service(item: OrderItem, *, at: datetime) -> Subscription | None:
    """End what the item made; returns its subscription, None for an asset or for licences added to a running one."""
    asset = find_asset_by_item(item.id)
    if asset is not None and asset.status is AssetStatus.PENDING_ACTIVATION:
        asset.status = AssetStatus.CANCELED
    if item.subscription_id is None:
        return None
    subscription = find_subscription_for_update(item.subscription_id)
    if subscription is None:
        return None
    if subscription.order_item_id != item.id:  # it goes on with the licences it had
        _leave_as_it_is(subscription)
        return None
    if subscription.role is SubscriptionRole.ADD_ON:
        _leave_as_it_is(subscription)
    for each in (subscription, *_parts_of(subscription)):
        if each.status is SubscriptionStatus.PENDING_ACTIVATION:
            move(each, Step.ABANDONED)
            add_subscription_event(each, "abandoned", "Given up before it was activated; credited in full", at=at)
    return subscription


def _leave_as_it_is(subscription: Subscription) -> None:
    """What was refused is not wanted any more: of a running subscription, of its parts, of an add-on's parent."""
    parent = find_subscription_for_update(subscription.parent_id) if subscription.parent_id is not None else None
    for each in (subscription, *_parts_of(subscription), *([parent] if parent is not None else [])):
        if each.sync_status is SyncStatus.FAILED:
            move_sync(each, SyncStep.GIVEN_UP)
            clear_problem(each.id)


def _parts_of(subscription: Subscription) -> Sequence[Subscription]:
    return session.scalars(
        select(Subscription)
        .where(Subscription.distributor_id == subscription.distributor_id, Subscription.parent_id == subscription.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def _credit(item: OrderItem, subscription: Subscription | None, payer: Account, *, at: datetime) -> None:
    """Take back what is left of each charge; what was credited before is not credited again."""
    here = current_scope().distributor_id
    of_item = Charge.order_item_id == item.id
    charges = session.scalars(
        select(Charge).where(
            Charge.distributor_id == here,
            Charge.account_id == payer.id,
            Charge.net_amount > 0,
            of_item if subscription is None else of_item | (Charge.subscription_id == subscription.id),
        )
    ).all()
    keys = []
    for charge in charges:
        credited = session.scalar(
            select(func.coalesce(func.sum(Charge.net_amount), 0)).where(
                Charge.distributor_id == here, Charge.credits_id == charge.id
            )
        )
        left = charge.net_amount + (credited or 0)
        if left <= 0:
            continue
        key = f"abandonment:{charge.id}"
        has_period = charge.period_from is not None and charge.period_to is not None
        add_charge(
            payer,
            NewCharge(
                source_key=key,
                kind=ChargeKind.ABANDONMENT,
                description=f"Never set up: {charge.description}"[:300],
                quantity=charge.quantity,
                unit_cost=charge.unit_cost,
                net_amount=-left,
                currency=charge.currency,
                period=Period(charge.period_from, charge.period_to) if has_period else None,  # type: ignore[arg-type]
                subscription_id=charge.subscription_id,
                product_id=charge.product_id,
                order_item_id=item.id,
                end_customer_id=charge.end_customer_id,
                credits_id=charge.id,
            ),
            at=at,
        )
        keys += [charge.source_key, key]
    bill(payer, keys, on=distributors_day(at), at=at)


def _is_open(order: Order) -> bool:
    open_ones = (DeliveryStatus.PENDING, DeliveryStatus.FAILED)
    return any(item.delivery_status in open_ones for item in list_items(order.id))
