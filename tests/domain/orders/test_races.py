"""Two at the same moment, on two connections and committed data."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from app.audit.services import Actor
from app.billing.models import Invoice
from app.core import db
from app.core.db import unit_of_work
from app.core.errors import DomainError
from app.orders.approval import approve_order
from app.orders.models import Order, OrderStatus, OrderWork
from app.provisioning.models import ProvisioningTask
from app.subscriptions.models import Subscription
from tenants.context import scope
from tests.committed import committed_database
from tests.factories.execution import Wanted, alias_order, all_of, root_order, use_service_manager
from tests.factories.world import MONDAY_NOON, World, make_world
from workers.jobs.orders import process_order_work


@pytest.fixture
def world(database: None) -> Iterator[World]:
    with committed_database():
        made = make_world(db.session())
        db.session.expunge_all()
        yield made


def at_once(*runs: Callable[[], object]) -> list[str]:
    """Run all in threads of their own, starting together; return how each ended."""
    together = threading.Barrier(len(runs))

    def run(each: Callable[[], object]) -> str:
        try:
            together.wait(timeout=10)
            each()
        except DomainError as refusal:
            return refusal.code
        finally:
            db.session.remove()
        return "done"

    db.session.remove()
    with ThreadPoolExecutor(len(runs)) as pool:
        return sorted(future.result(timeout=60) for future in [pool.submit(run, each) for each in runs])


def job(world: World, work_id) -> Callable[[], None]:
    return lambda: process_order_work(str(work_id), distributor_id=str(world.id))


def test_two_parallel_approvals_start_one_provisioning_job(world):
    """RS-F78: of two approvals at once one wins, the other is told already_decided; one task exists."""
    use_service_manager(db.session, world)
    placed = alias_order(db.session, world, [Wanted(world.seats, 5)])
    approver = Actor(world.tech.admin.id, world.tech.admin.full_name)
    here = world.tech.scope

    def approve() -> None:
        with scope(here), unit_of_work():
            approve_order(placed.number, approver=approver, at=MONDAY_NOON)

    assert at_once(approve, approve) == ["already_decided", "done"]
    with scope(world.scope):
        works = [work.id for work in all_of(db.session, OrderWork) if work.kind == "execute"]
        db.session.commit()
    assert len(works) == 1
    assert at_once(*[job(world, works[0])] * 3) == ["done", "done", "done"]
    with scope(world.scope):
        assert len(all_of(db.session, ProvisioningTask)) == 1
        assert len(all_of(db.session, Subscription)) == 1
        assert len(all_of(db.session, Invoice)) == 1


def test_two_orders_cannot_both_take_the_last_of_the_credit(world):
    """SF-F56 (partly): the check holds the payer's account, so of two orders at once one is executed."""
    with scope(world.scope):
        db.session.merge(world.direct).credit_limit = Decimal("50.00")
        db.session.commit()
    orders = [root_order(db.session, world, [Wanted(world.seats, 4, "10.00")]) for _ in range(2)]
    assert at_once(*[job(world, placed.work.id) for placed in orders]) == ["done", "done"]
    with scope(world.scope):
        statuses = sorted(order.status.value for order in all_of(db.session, Order))
        assert statuses == [OrderStatus.EXECUTED.value, OrderStatus.SUBMITTED.value]
        assert len(all_of(db.session, Invoice)) == 1


def test_invoices_issued_at_once_are_numbered_without_gaps(world):
    orders = [root_order(db.session, world, [Wanted(world.seats, 1, "10.00")]) for _ in range(3)]
    others = [alias_order(db.session, world, [Wanted(world.seats, 1)], status=OrderStatus.EXECUTING) for _ in range(3)]
    at_once(*[job(world, placed.work.id) for placed in (*orders, *others)])
    with scope(world.scope):
        numbers = sorted(invoice.number for invoice in all_of(db.session, Invoice))
    assert numbers == [f"INV-2026-{number:06d}" for number in range(1, 7)]
