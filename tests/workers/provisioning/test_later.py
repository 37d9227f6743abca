"""Tasks at vendors that accept work and finish it later, in front of a real broker (openbrokerapi)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from app.audit.services import SYSTEM
from app.core.config import settings
from app.core.db import unit_of_work
from app.core.queue import redis_connection
from app.core.secrets import encrypt
from app.orders.models import OrderStatus
from app.orders.repairs import retry
from app.provisioning.models import ProvisioningTask, ServiceManager, TaskStatus, VendorCall, VendorOperation
from app.subscriptions.models import Subscription, SubscriptionStatus, SubscriptionVendorLink, SyncStatus
from app.subscriptions.problems import find_problem
from tenants.context import scope
from tests.factories.execution import Wanted, alias_order, all_of, use_service_manager
from tests.fakes.broker import PASSWORD, USER, RunningBroker, running_broker
from workers import vendor_access
from workers.vendor_slots import slot_at, slots_kept


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningBroker]:
    with running_broker(is_slow=True) as running:
        allowed = replace(settings(), allowed_private_targets=frozenset({running.target}))
        monkeypatch.setattr(vendor_access, "settings", lambda: allowed)
        yield running


@pytest.fixture
def task(session, world, broker, run_order) -> ProvisioningTask:
    """One executed order's task, for a broker that sells the product."""
    manager = use_service_manager(session, world, kind="open_service_broker", base_url=broker.url)
    with scope(world.scope), unit_of_work():
        row = session.get_one(ServiceManager, (world.id, manager.id))
        row.application_id, row.api_key_encrypted = USER, encrypt(PASSWORD)
    placed = alias_order(session, world, [Wanted(world.seats, 5)], status=OrderStatus.EXECUTING)
    run_order(placed)
    with scope(world.scope), unit_of_work():
        (found,) = all_of(session, ProvisioningTask)
        found.request = {**found.request, "product_code": "WP-START"}
    return only(session, world, ProvisioningTask)


def only(session, world, model):
    with scope(world.scope):
        (found,) = all_of(session, model)
        session.expunge_all()
        session.commit()
        return found


def none_left(session, world, model) -> bool:
    with scope(world.scope):
        found = all_of(session, model)
        session.commit()
        return found == []


def test_accepted_work_is_let_go_and_looked_at_until_it_is_done(session, world, broker, task, run_task, clock):
    """CB-F67, CB-22: 202 is In progress at the vendor; nobody waits; the last look makes the subscription Active."""
    run_task(task)
    waiting = only(session, world, ProvisioningTask)
    assert (waiting.status, waiting.lease_token) == (TaskStatus.AT_VENDOR, None)
    assert waiting.next_attempt_at == clock.now + timedelta(seconds=10)
    assert only(session, world, VendorOperation).operation == "operation 1/ä"
    assert only(session, world, Subscription).status is SubscriptionStatus.PENDING_ACTIVATION

    run_task(task)  # too early: nothing is asked
    asked = len(broker.broker.seen)
    clock.forward(seconds=10)
    run_task(task)
    still = only(session, world, ProvisioningTask)
    assert (still.status, still.attempts) == (TaskStatus.AT_VENDOR, 1)
    assert still.next_attempt_at == clock.now + timedelta(seconds=20)
    assert len(broker.broker.seen) > asked

    broker.broker.finish()
    clock.forward(seconds=20)
    run_task(task)
    done = only(session, world, ProvisioningTask)
    assert (done.status, done.vendor_reference) == (TaskStatus.SUCCEEDED, str(task.id))
    subscription = only(session, world, Subscription)
    assert (subscription.status, subscription.sync_status) == (SubscriptionStatus.ACTIVE, SyncStatus.SYNCHRONISED)
    assert only(session, world, SubscriptionVendorLink).vendor_reference == str(task.id)
    assert none_left(session, world, VendorOperation)
    assert [each.method for each in broker.broker.seen if each.method != "GET"] == ["PUT"]


def test_accepted_work_may_take_longer_than_two_hours_but_not_longer_than_the_plan_says(
    session, world, broker, task, run_task, clock
):
    """CB-22: the plan's maximum_polling_duration (a day) is the end, not the 120 minutes."""
    run_task(task)
    broker.is_down = True  # from now on nothing is said about how far it is
    looks = 0
    while only(session, world, ProvisioningTask).status is TaskStatus.AT_VENDOR:
        clock.forward(minutes=30)
        run_task(task)
        looks += 1
    failed = only(session, world, ProvisioningTask)
    assert (failed.status, looks) == (TaskStatus.FAILED, 48)
    assert "did not finish" in (failed.message or "")
    assert none_left(session, world, VendorOperation)
    assert only(session, world, Subscription).sync_status is SyncStatus.FAILED


def test_work_that_failed_there_is_failed_here_and_can_be_tried_again(session, world, broker, task, run_task, clock):
    """CB-F69: what a failed creation left is removed, and Retry leads to Synchronised with one service."""
    run_task(task)
    broker.broker.finish(well=False)
    clock.forward(seconds=10)
    run_task(task)
    failed = only(session, world, ProvisioningTask)
    assert (failed.status, failed.message) == (TaskStatus.FAILED, "No room in the data centre")
    with scope(world.scope):
        assert find_problem(failed.subject_id) == "No room in the data centre"
        session.commit()

    with scope(world.scope), unit_of_work():
        retry(task.id, actor=SYSTEM, at=clock.now)
    run_task(task)
    broker.broker.finish()
    clock.forward(seconds=10)
    run_task(task)
    assert only(session, world, ProvisioningTask).status is TaskStatus.SUCCEEDED
    assert list(broker.broker.instances) == [str(task.id)]


def test_answers_that_were_lost_leave_one_instance(session, world, broker, task, run_task, clock):
    """CB-F72: the broker accepted, the answer was lost; the next try is answered with the same work."""
    broker.trouble = "lose"
    run_task(task)
    assert only(session, world, ProvisioningTask).status is TaskStatus.PENDING
    clock.forward(minutes=1)
    run_task(task)
    broker.broker.finish()
    clock.forward(seconds=10)
    run_task(task)
    assert only(session, world, ProvisioningTask).status is TaskStatus.SUCCEEDED
    assert (list(broker.broker.instances), broker.broker.operations) == ([str(task.id)], 1)


def test_calls_of_a_run_that_broke_off_are_kept(session, world, broker, task, run_task, monkeypatch):
    """CB-22: what was said until then stands in the log."""

    def broken(*_args: object, **_more: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr("workers.connectors.open_service_broker.OpenServiceBrokerConnector.create", broken)
    run_task(task)
    assert only(session, world, ProvisioningTask).status is TaskStatus.PENDING
    call = only(session, world, VendorCall)
    assert (call.task_id, call.operation, call.status_code) == (task.id, "v2/catalog", 200)


def test_no_more_calls_at_once_than_the_service_manager_may_get(session, world, broker, task, run_task, clock):
    """CB-22: parallel calls: a task beyond the limit waits for its turn, and it counts as no attempt."""
    with scope(world.scope), unit_of_work():
        (manager,) = all_of(session, ServiceManager)
        manager.max_parallel_calls = 1
        manager_id: UUID = manager.id
    with slot_at(manager_id, 1, seconds=30) as taken:
        assert taken
        run_task(task)
    waiting = only(session, world, ProvisioningTask)
    assert (waiting.status, waiting.attempts) == (TaskStatus.PENDING, 0)
    assert (waiting.next_attempt_at, broker.broker.seen) == (clock.now + timedelta(seconds=5), [])

    clock.forward(seconds=5)
    run_task(task)
    assert only(session, world, ProvisioningTask).status is TaskStatus.AT_VENDOR
    with slot_at(manager_id, 1, seconds=30) as free:
        assert free


def test_calls_that_follow_each_other_share_a_slot_and_give_it_back(database):
    manager_id = uuid4()
    with slots_kept():
        for _ in range(3):
            with slot_at(manager_id, 1, seconds=30) as has_slot:
                assert has_slot
            assert redis_connection().exists(f"vendor-slot:{manager_id}:0")
    assert not redis_connection().exists(f"vendor-slot:{manager_id}:0")
