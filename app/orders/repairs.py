"""What operators do about stuck work: start a task again, record what people did, look at orders that stand still."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from app.audit.services import Actor
from app.core.db import session
from app.orders.execution_outcomes import task_retried, task_succeeded
from app.orders.models import Order, OrderWork, WorkState
from app.provisioning.models import ProvisioningTask
from app.provisioning.services import finish_by_person, retry_task
from tenants.context import current_scope

STANDS_STILL_AFTER = timedelta(minutes=15)  # GO-03: stuck work surfaces within 15 minutes
MOST = 50


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
