"""What operators do about stuck work: start a task again, record what people did, look at orders that stand still."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select

from app.accounts.models import Account
from app.audit.services import Actor
from app.catalogue.models import Product, ProductType
from app.changes.effects import NewChange
from app.changes.requests import submit_change
from app.core.db import session
from app.orders.execution_outcomes import task_retried, task_succeeded
from app.orders.models import DeliveryStatus, Order, OrderItem, OrderStatus, OrderWork, WorkState
from app.provisioning.errors import WrongTaskState
from app.provisioning.models import ProvisioningTask, TaskStatus
from app.provisioning.queries import last_task_of
from app.provisioning.services import finish_by_person, retry_task
from app.provisioning.worklist import TaskFilter, failed_ids
from app.subscriptions.models import SubscriptionChange
from tenants.context import current_scope

STANDS_STILL_AFTER = timedelta(minutes=15)  # GO-03: stuck work surfaces within 15 minutes
MOST = 50
MOST_RETRIED = 500


@dataclass(frozen=True, slots=True)
class Undelivered:
    """An item that people deliver, or may start (CB-21)."""

    order: Order
    item: OrderItem
    account_name: str
    is_by_hand: bool  # its type is not provisioned automatically


@dataclass(frozen=True, slots=True)
class StillOrder:
    """An order the workers could not work on."""

    order: Order
    work: OrderWork


def retry(task_id: UUID, *, actor: Actor, at: datetime) -> ProvisioningTask:
    """Start a failed task again and tell its buyer. Raises TaskNotFound, WrongTaskState."""
    task = retry_task(task_id, actor=actor, at=at)
    task_retried(task, at=at)
    return task


def edit_details(new: NewChange, *, actor: Actor, at: datetime) -> SubscriptionChange:
    """Put a service's details right; what has failed because of them is tried again with the new ones (CB-F70).

    Raises what `submit_change` raises.
    """
    change = submit_change(new, actor=actor, at=at)
    failed = last_task_of(new.subscription_id)
    if failed is not None and failed.status is TaskStatus.FAILED:
        retry(failed.id, actor=actor, at=at)
    return change


def retry_many(task_ids: Collection[UUID] | None, wanted: TaskFilter, *, actor: Actor, at: datetime) -> int:
    """Start chosen failed tasks again, or all failed ones of a filter (500 at most); returns how many.

    Tasks that did not fail, or were started again meanwhile, are left: twice is once.
    """
    started = 0
    for task_id in failed_ids(wanted, task_ids, limit=MOST_RETRIED):
        with suppress(WrongTaskState):
            retry(task_id, actor=actor, at=at)
            started += 1
    return started


def record_done(task_id: UUID, vendor_reference: str, *, actor: Actor, at: datetime) -> ProvisioningTask:
    """Record that a person did what a task asks for. Raises TaskNotFound, WrongTaskState, Invalid `required`, `length`."""
    task = finish_by_person(task_id, vendor_reference, actor=actor, at=at)
    task_succeeded(task, task.vendor_reference, at=at)
    return task


def list_still_orders(at: datetime) -> Sequence[StillOrder]:
    """Return orders whose work is a quarter of an hour overdue, the longest waiting first."""
    rows = session.execute(
        select(Order, OrderWork)
        .join(Order, (Order.distributor_id == OrderWork.distributor_id) & (Order.id == OrderWork.order_id))
        .where(
            OrderWork.distributor_id == current_scope().distributor_id,
            OrderWork.state == WorkState.PENDING,
            OrderWork.created_at <= at - STANDS_STILL_AFTER,
        )
        .order_by(OrderWork.created_at)
        .limit(MOST)
    )
    return [StillOrder(order, work) for order, work in rows]


def list_undelivered() -> Sequence[Undelivered]:
    """Return the items of orders In Progress that were not delivered yet, the oldest orders first."""
    rows = session.execute(
        _undelivered(select(Order, OrderItem, Account.name, ProductType.non_automatic))
        .order_by(Order.placed_at, OrderItem.position)
        .limit(MOST)
    )
    return [Undelivered(order, item, name, by_hand) for order, item, name, by_hand in rows]


def count_undelivered() -> int:
    """Return how many items wait for people."""
    return session.scalar(_undelivered(select(func.count(OrderItem.id)).select_from(Order))) or 0


def _undelivered(statement: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return (
        statement.join(OrderItem, (OrderItem.distributor_id == Order.distributor_id) & (OrderItem.order_id == Order.id))
        .join(Account, (Account.distributor_id == Order.distributor_id) & (Account.id == Order.account_id))
        .join(Product, (Product.distributor_id == Order.distributor_id) & (Product.id == OrderItem.product_id))
        .join(
            ProductType,
            (ProductType.distributor_id == Order.distributor_id) & (ProductType.id == Product.product_type_id),
        )
        .where(
            Order.distributor_id == current_scope().distributor_id,
            Order.status.in_((OrderStatus.IN_PROGRESS, OrderStatus.PARTIALLY_EXECUTED)),
            OrderItem.delivery_status == DeliveryStatus.PENDING,
        )
    )
