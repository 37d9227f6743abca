"""Doing at once what workers would do: the demo is complete when the seed ends.

Jobs are named by path in each domain's jobs.py; the seed finds them there, as the queue does.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.billing.jobs import BILL_PAYER
from app.changes.renewals import payers_with_due
from app.core.clock import utc_now
from app.core.db import session, unit_of_work
from app.core.queue import Job
from app.orders.execution import process_work
from app.orders.jobs import PROCESS_ORDER_WORK
from app.orders.models import OrderWork, WorkState
from app.provisioning.jobs import PROVISION_ORDER_ITEM
from app.provisioning.models import ProvisioningTask, TaskStatus
from tenants.context import distributor_scope, scope
from tenants.days import distributors_day

MOST_ROUNDS = 20


def run(job: Job, row_id: UUID, distributor_id: UUID) -> None:
    """Run one job here and now."""
    module, _, name = job.path.rpartition(".")
    function: Any = getattr(import_module(module), name)
    session.remove()
    function(str(row_id), distributor_id=str(distributor_id))


def run_past_orders(distributor_id: UUID) -> None:
    """Work on orders as of the instant each was placed or approved, so that they stand where they would by now."""
    with scope(distributor_scope(distributor_id)):
        waiting = session.execute(
            select(OrderWork.id, OrderWork.created_at)
            .where(OrderWork.distributor_id == distributor_id, OrderWork.state == WorkState.PENDING)
            .order_by(OrderWork.created_at, OrderWork.id)
        ).all()
        session.rollback()
        for work_id, placed_at in waiting:
            with unit_of_work():
                process_work(work_id, at=placed_at)


def bill_until_today(distributor_id: UUID) -> None:
    """Renew what has run for months, each on its day."""
    with scope(distributor_scope(distributor_id)):
        payers = payers_with_due(distributors_day(utc_now()))
        session.rollback()
    for payer_id in payers:
        run(BILL_PAYER, payer_id, distributor_id)


def run_due_work(distributor_id: UUID) -> None:
    """Run order works and provisioning tasks that are due, and what follows from them."""
    for _ in range(MOST_ROUNDS):
        with scope(distributor_scope(distributor_id)):
            now = utc_now()
            works = session.scalars(
                select(OrderWork.id).where(
                    OrderWork.distributor_id == distributor_id,
                    OrderWork.state == WorkState.PENDING,
                    OrderWork.next_attempt_at <= now,
                )
            ).all()
            tasks = session.scalars(
                select(ProvisioningTask.id)
                .where(
                    ProvisioningTask.distributor_id == distributor_id,
                    ProvisioningTask.status == TaskStatus.PENDING,
                    ProvisioningTask.next_attempt_at <= now,
                )
                .order_by(ProvisioningTask.created_at)
            ).all()
            session.rollback()
        if not works and not tasks:
            return
        for work_id in works:
            run(PROCESS_ORDER_WORK, work_id, distributor_id)
        for task_id in tasks:
            run(PROVISION_ORDER_ITEM, task_id, distributor_id)
