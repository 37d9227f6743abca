"""Work survives: killed workers, an emptied or absent Redis, a database that restarts (GO-02). Real processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import select, update

from app.billing.models import Invoice
from app.core import db
from app.core.clock import utc_now
from app.core.db import nudge_after_commit, unit_of_work
from app.core.queue import Nudge
from app.core.secrets import encrypt
from app.local import databases, services
from app.orders.jobs import PROCESS_ORDER_WORK
from app.orders.models import Order, OrderStatus, OrderWork
from app.provisioning.models import ProvisioningTask, ServiceManager, TaskStatus
from app.subscriptions.models import Subscription, SubscriptionStatus
from tenants.context import scope
from tests.factories.execution import Placed, Wanted, root_order, use_service_manager
from tests.factories.world import World
from tests.fakes.demo_vendor import API_KEY
from tests.workers.processes.machine import Machine, eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]


@pytest.fixture(autouse=True)
def _vendor_is_registered(running, machine: Machine, world: World) -> None:
    with scope(world.scope):
        known = db.session.scalar(select(ServiceManager))
        if known is None:
            use_service_manager(
                db.session, world, kind="service_manager", base_url=f"{machine.vendor.url}/api", has_precheck=False
            )
            known = db.session.scalars(select(ServiceManager)).one()
            known.application_id, known.api_key_encrypted = "galleria-tests", encrypt(API_KEY)
            db.session.commit()
    db.session.remove()


def place(world: World) -> Placed:
    """Commit an order and nudge the workers, as a checkout does."""
    placed = root_order(db.session, world, [Wanted(world.seats, 2, "10.00")])
    with scope(world.scope), unit_of_work():
        nudge_after_commit(Nudge(PROCESS_ORDER_WORK, placed.work.id, world.id))
    db.session.expunge_all()
    db.session.remove()
    return placed


def read(world: World, statement):
    with scope(world.scope):
        try:
            return db.session.scalars(statement).all()
        finally:
            db.session.expunge_all()
            db.session.commit()


def subscription_of(world: World, placed: Placed) -> Subscription | None:
    found = read(world, select(Subscription).where(Subscription.order_item_id == placed.items[0].id))
    assert len(found) <= 1
    return found[0] if found else None


def is_active(world: World, placed: Placed) -> bool:
    found = subscription_of(world, placed)
    return found is not None and found.status is SubscriptionStatus.ACTIVE


def end_leases(world: World, order_id: UUID) -> None:
    """Let ten minutes pass for what this order holds."""
    with scope(world.scope), unit_of_work():
        db.session.execute(
            update(ProvisioningTask)
            .where(ProvisioningTask.order_id == order_id, ProvisioningTask.status == TaskStatus.RUNNING)
            .values(next_attempt_at=utc_now(), lease_until=utc_now())
        )
        db.session.execute(update(OrderWork).where(OrderWork.order_id == order_id).values(next_attempt_at=utc_now()))
    db.session.remove()


def is_done_once(machine: Machine, world: World, placed: Placed, services_before: int) -> bool:
    """One subscription, one task, one invoice here; one service at the vendor."""
    tasks = read(world, select(ProvisioningTask).where(ProvisioningTask.order_id == placed.id))
    invoices = read(world, select(Invoice).where(Invoice.order_id == placed.id))
    (order,) = read(world, select(Order).where(Order.id == placed.id))
    return (
        is_active(world, placed)
        and [task.status for task in tasks] == [TaskStatus.SUCCEEDED]
        and len(invoices) == 1
        and order.status is OrderStatus.EXECUTED
        and services_at(machine) == services_before + 1
    )


def services_here(world: World, placed: Placed) -> bool:
    """Whether the order has been executed: what it makes stands, perhaps not at the vendor yet."""
    return subscription_of(world, placed) is not None


@contextmanager
def holding(machine: Machine, table: str, row_id: UUID) -> Iterator[Callable[[], bool]]:
    """Keep a row locked for the block; the answer tells whether a worker waits for it."""
    url = services.superuser_url(machine.known)
    database = databases.with_database(url, machine.backing.databases.owner.rpartition("/")[2])
    with (
        psycopg.connect(databases.plain_url(database)) as owner,
        psycopg.connect(databases.plain_url(database), autocommit=True) as watch,
    ):
        statement = sql.SQL("SELECT FROM {} WHERE id = %s FOR NO KEY UPDATE").format(sql.Identifier(table))
        owner.execute(statement, (row_id,))

        def somebody_waits() -> bool:
            blocked = watch.execute(
                "SELECT 1 FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))", (owner.info.backend_pid,)
            )
            return blocked.fetchone() is not None

        yield somebody_waits
        owner.rollback()


def services_at(machine: Machine) -> int:
    return len(machine.vendor.state()["services"])


def test_killing_every_worker_in_the_middle_of_a_job_loses_nothing_and_doubles_nothing(machine, world):
    """CB-F72: kill -9 while the vendor is at work; after the lease one service, one subscription, one invoice."""
    before = services_at(machine)
    machine.vendor.behave("slow", seconds=3, count=2)
    machine.start_workers()
    placed = place(world)
    eventually(lambda: machine.vendor.state()["waiting"], 30, "the vendor was not called")
    machine.kill_children()
    (task,) = read(world, select(ProvisioningTask).where(ProvisioningTask.order_id == placed.id))
    assert task.status is TaskStatus.RUNNING
    end_leases(world, placed.id)
    eventually(lambda: is_active(world, placed), 60, machine.words)
    assert is_done_once(machine, world, placed, before)
    assert "worker_ended" in machine.words()
    assert machine.stop_workers() == 0


def test_killing_every_worker_between_the_vendors_answer_and_the_commit(machine, world):
    """The vendor has done it, nothing here knows: the next run finds it there instead of doing it again."""
    before = services_at(machine)
    machine.vendor.behave("slow", seconds=2, count=2)
    machine.start_workers()
    placed = place(world)
    eventually(lambda: services_here(world, placed) and machine.vendor.state()["waiting"], 30, machine.words)
    with holding(machine, "orders", placed.id) as somebody_waits:
        eventually(somebody_waits, 30, "no worker came to record the answer")
        machine.kill_children()
    assert services_at(machine) == before + 1
    (task,) = read(world, select(ProvisioningTask).where(ProvisioningTask.order_id == placed.id))
    assert (task.status, task.vendor_reference) == (TaskStatus.RUNNING, None)
    end_leases(world, placed.id)
    eventually(lambda: is_active(world, placed), 60, machine.words)
    assert is_done_once(machine, world, placed, before)


def test_killing_every_worker_in_the_middle_of_an_execution(machine, world):
    """Half an execution is none: subscriptions, charge and invoice come with one commit."""
    before = services_at(machine)
    machine.start_workers()
    with holding(machine, "accounts", world.direct.id) as somebody_waits:
        placed = place(world)
        eventually(somebody_waits, 30, "no worker came to execute the order")
        machine.kill_children()
    assert subscription_of(world, placed) is None
    assert read(world, select(Invoice).where(Invoice.order_id == placed.id)) == []
    end_leases(world, placed.id)
    eventually(lambda: is_active(world, placed), 60, machine.words)
    assert is_done_once(machine, world, placed, before)


@pytest.mark.parametrize("mood", ["timeout_after", "twice", "fail"])
def test_a_vendor_that_loses_answers_repeats_them_or_is_down_does_it_once(machine, world, mood):
    before = services_at(machine)
    machine.start_workers()
    machine.vendor.behave(mood, count=2)
    placed = place(world)

    def hours_pass() -> bool:
        with scope(world.scope), unit_of_work():
            db.session.execute(
                update(ProvisioningTask)
                .where(
                    ProvisioningTask.order_id == placed.id,
                    ProvisioningTask.status == TaskStatus.PENDING,
                    ProvisioningTask.next_attempt_at > utc_now(),
                )
                .values(next_attempt_at=utc_now())
            )
        db.session.remove()
        return is_active(world, placed)

    eventually(hours_pass, 60, machine.words)
    assert is_done_once(machine, world, placed, before)


def test_an_emptied_redis_loses_no_order(machine, world):
    before = services_at(machine)
    placed = place(world)
    machine.empty_queue()
    end_leases(world, placed.id)
    machine.start_workers()
    eventually(lambda: is_active(world, placed), 60, machine.words)
    assert is_done_once(machine, world, placed, before)


def test_an_order_placed_while_redis_is_away_is_executed_when_it_is_back(machine, world):
    before = services_at(machine)
    machine.start_workers()
    machine.stop_queue()
    placed = place(world)
    assert subscription_of(world, placed) is None
    machine.start_queue()
    end_leases(world, placed.id)
    eventually(lambda: is_active(world, placed), 90, machine.words)
    assert is_done_once(machine, world, placed, before)


def test_a_database_restart_in_the_middle_loses_nothing_and_doubles_nothing(machine, world):
    before = services_at(machine)
    machine.vendor.behave("slow", seconds=4, count=1)
    machine.start_workers()
    placed = place(world)
    eventually(lambda: machine.vendor.state()["waiting"], 30, "the vendor was not called")
    machine.restart_database()
    eventually(lambda: not machine.vendor.state()["waiting"], 30, "the vendor still waits")
    end_leases(world, placed.id)
    eventually(lambda: is_active(world, placed), 90, machine.words)
    assert is_done_once(machine, world, placed, before)
    later = place(world)
    eventually(lambda: is_active(world, later), 60, machine.words)


def test_the_workers_end_cleanly_and_leave_no_process_behind(machine, world):
    machine.start_workers()
    pids = machine.children()
    assert len(pids) >= 5
    assert machine.stop_workers() == 0
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []
