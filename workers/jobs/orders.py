"""Executing orders: credit, subscriptions, charges, invoice and tasks, in one transaction of the distributor's scope."""

from __future__ import annotations

from uuid import UUID

from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.orders.execution import note_failure, process_work, start_attempt
from app.orders.jobs import PROCESS_ORDER_WORK, RUN_SCHEDULED_ORDER
from app.orders.scheduled_runs import run_scheduled
from workers.runtime import scoped_job


@scoped_job(PROCESS_ORDER_WORK)
def process_order_work(work_id: UUID) -> None:
    """Do what one work row asks about its order.

    Safe to run any number of times, at once or after a crash: the row is taken by one run, done once, and comes back
    by its own clock if a run breaks off.
    """
    with unit_of_work():
        is_taken = start_attempt(work_id, at=utc_now())
    if not is_taken:
        return
    try:
        with unit_of_work():
            process_work(work_id, at=utc_now())
    except Exception as error:
        with unit_of_work():
            note_failure(work_id, f"{type(error).__name__}: {error}")
        raise


@scoped_job(RUN_SCHEDULED_ORDER)
def run_scheduled_order(order_id: UUID) -> None:
    """Execute one scheduled order whose time has come; a second run finds nothing to do."""
    with unit_of_work():
        run_scheduled(order_id, at=utc_now())
