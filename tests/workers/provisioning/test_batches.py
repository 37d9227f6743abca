"""Several batches of one job, on committed data: while one is asked for, the one before is written down."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest

from app.core import db
from app.provisioning.models import ProvisioningTask, TaskStatus
from app.subscriptions.models import Subscription, SubscriptionStatus
from tenants.context import scope
from tests.committed import committed_database
from tests.factories.execution import Wanted, all_of, root_order, use_service_manager
from tests.factories.world import World, make_world
from workers.jobs import orders, provisioning

TASKS = 10


@pytest.fixture
def waiting(database: None, clock) -> Iterator[World]:
    """A world with eight tasks that wait for their vendor, in a database where commits are real."""
    with committed_database():
        world = make_world(db.session())
        use_service_manager(db.session(), world)
        placed = root_order(db.session(), world, [Wanted(world.seats, n, "10.00") for n in range(1, TASKS + 1)])
        orders.process_order_work(str(placed.work.id), distributor_id=str(world.id))
        yield world


def states(world: World) -> Sequence[TaskStatus]:
    with scope(world.scope):
        return [task.status for task in all_of(db.session(), ProvisioningTask)]


def three_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST", "LEAST", "MOST"):
        monkeypatch.setattr(provisioning, name, 3)


def test_batches_that_overlap_lose_and_double_nothing(waiting, vendor, monkeypatch):
    three_at_a_time(monkeypatch)
    threads: list[str] = []
    record = provisioning.record

    def told(answers, **more):
        threads.append(threading.current_thread().name.split("_")[0])
        record(answers, **more)

    monkeypatch.setattr(provisioning, "record", told)
    provisioning.provision_batch(str(waiting.id), distributor_id=str(waiting.id))
    assert states(waiting) == [TaskStatus.SUCCEEDED] * TASKS
    with scope(waiting.scope):
        assert {each.status for each in all_of(db.session(), Subscription)} == {SubscriptionStatus.ACTIVE}
    assert (vendor.calls, len(vendor.resources)) == (TASKS, TASKS)
    assert threads == ["beside"] * 4


def test_answers_are_recorded_while_the_rest_of_their_batch_is_asked_for(waiting, vendor, monkeypatch):
    monkeypatch.setattr(provisioning, "RECORD_MOST", 4)
    together: list[int] = []
    record = provisioning.record

    def told(answers, **more):
        together.append(len(answers))
        record(answers, **more)

    monkeypatch.setattr(provisioning, "record", told)
    provisioning.provision_batch(str(waiting.id), distributor_id=str(waiting.id))
    assert sorted(together, reverse=True) == [4, 4, 2]
    assert states(waiting) == [TaskStatus.SUCCEEDED] * TASKS


def test_what_cannot_be_recorded_beside_ends_the_job_and_comes_back(waiting, vendor, clock, monkeypatch):
    three_at_a_time(monkeypatch)

    def broken(_answers, **_more):
        raise ConnectionError("the database is away")

    with monkeypatch.context() as patched:
        patched.setattr(provisioning, "record", broken)
        with pytest.raises(ConnectionError):
            provisioning.provision_batch(str(waiting.id), distributor_id=str(waiting.id))
    asked = vendor.calls
    assert 3 <= asked < TASKS
    assert TaskStatus.SUCCEEDED not in states(waiting)
    clock.forward(minutes=11)  # past the lease
    provisioning.provision_batch(str(waiting.id), distributor_id=str(waiting.id))
    assert states(waiting) == [TaskStatus.SUCCEEDED] * TASKS
    assert len(vendor.resources) == TASKS


@pytest.mark.parametrize(
    ("done", "seconds", "taken_next"),
    [
        pytest.param(20, 0.004, 40, id="a vendor that answers at once"),
        pytest.param(150, 0.02, 200, id="for some time"),
        pytest.param(200, 8.0, 50, id="one that slows down"),
        pytest.param(20, 2.0, 20, id="as fast as they are recorded"),
        pytest.param(20, 60.0, 5, id="a slow one"),
        pytest.param(5, 0.0, 10, id="no time at all"),
    ],
)
def test_as_many_tasks_are_taken_as_their_vendors_do_in_two_seconds(done, seconds, taken_next):
    assert provisioning.at_this_pace(done, seconds) == taken_next
