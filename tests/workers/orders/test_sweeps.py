from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core import db
from app.core.db import BoundSession
from app.core.ids import new_id
from app.core.queue import Nudge
from app.notifications.models import MailState, OutboundMail
from app.orders.execution import start_attempt
from app.orders.jobs import COUNT_POPULAR, PROCESS_ORDER_WORK
from app.orders.models import IdempotencyKey, OrderWork, WorkState
from app.provisioning.jobs import PROVISION_BATCH, PROVISION_ORDER_ITEM
from app.provisioning.models import ProvisioningTask, TaskKind, TaskStatus
from tenants.context import current_scope, scope
from tenants.models import DistributorState
from tests.factories.execution import Wanted, all_of, root_order
from tests.factories.world import MONDAY_NOON, World, make_world
from workers.jobs import orders, sweeps
from workers.schedule import PERIODIC, Periodic, Scheduler

LATER = MONDAY_NOON + timedelta(minutes=1)


@pytest.fixture
def session(connection):
    """The session of the moment: a tick ends with the one it had."""
    return db.session


@pytest.fixture
def world(session) -> World:
    made = make_world(session)
    session.expunge_all()
    return made


@pytest.fixture
def nudges(monkeypatch: pytest.MonkeyPatch) -> list[Nudge]:
    """What would have gone to Redis."""
    sent: list[Nudge] = []
    monkeypatch.setattr(db, "send_nudges", sent.extend)
    return sent


@pytest.fixture
def tick(world, nudges) -> Callable[..., Sequence[Nudge]]:
    """Look after everything once, at an instant; returns the nudges it sent, but that of a day's first look."""

    def run(at=LATER) -> Sequence[Nudge]:
        nudges.clear()
        Scheduler(clock=lambda: at).tick()
        return [nudge for nudge in nudges if nudge.job is not COUNT_POPULAR]

    return run


def add_tasks(session, world, count: int, **columns) -> list[ProvisioningTask]:
    with scope(world.scope):
        tasks = [
            ProvisioningTask(
                **{
                    "kind": TaskKind.CREATE, "subject_id": new_id(), "request": {}, "next_attempt_at": MONDAY_NOON,
                    "created_at": MONDAY_NOON, **columns,
                }
            )
            for _ in range(count)
        ]  # fmt: skip
        session.add_all(tasks)
        session.flush()
        ids = [task.id for task in tasks]
        session.commit()
        session.expunge_all()
    return ids


def test_an_order_whose_nudge_was_lost_is_found(session, world, tick):
    placed = root_order(session, world, [Wanted(world.seats, 1, "10.00")])
    assert [(nudge.job, nudge.row_id) for nudge in tick()] == [(PROCESS_ORDER_WORK, placed.work.id)]


def test_what_was_committed_just_now_is_left_to_its_own_nudge(session, world, tick):
    root_order(session, world, [Wanted(world.seats, 1, "10.00")])
    assert tick(MONDAY_NOON + timedelta(seconds=5)) == []


def test_an_order_somebody_works_on_comes_back_only_when_its_clock_says_so(session, world, tick):
    placed = root_order(session, world, [Wanted(world.seats, 1, "10.00")])
    with scope(world.scope):
        assert start_attempt(placed.work.id, at=LATER)
        session.commit()
        assert not start_attempt(placed.work.id, at=LATER)
        session.commit()
        session.expunge_all()
    assert tick(LATER) == []
    assert [nudge.row_id for nudge in tick(LATER + timedelta(minutes=2))] == [placed.work.id]


def test_an_order_that_failed_for_days_is_still_taken(session, world):
    placed = root_order(session, world, [Wanted(world.seats, 1, "10.00")])
    with scope(world.scope):
        (work,) = all_of(session, OrderWork)
        work.attempts = 500
        session.commit()
        assert start_attempt(placed.work.id, at=LATER)
        assert work.next_attempt_at == LATER + timedelta(minutes=60)


def test_a_job_that_breaks_off_keeps_its_reason_and_its_order(session, world, monkeypatch):
    placed = root_order(session, world, [Wanted(world.seats, 1, "10.00")])
    monkeypatch.setattr(orders, "utc_now", lambda: LATER)

    def broken(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(orders, "process_work", broken)
        with pytest.raises(RuntimeError):
            orders.process_order_work(str(placed.work.id), distributor_id=str(world.id))
    with scope(world.scope):
        (work,) = all_of(session, OrderWork)
        assert (work.state, work.attempts, work.message) == (WorkState.PENDING, 1, "RuntimeError: out of memory")
        session.commit()
    monkeypatch.setattr(orders, "utc_now", lambda: LATER + timedelta(minutes=2))
    orders.process_order_work(str(placed.work.id), distributor_id=str(world.id))
    with scope(world.scope):
        assert all_of(session, OrderWork)[0].state is WorkState.DONE


def test_tasks_whose_lease_ran_out_are_found(session, world, tick):
    (lost,) = add_tasks(session, world, 1, status=TaskStatus.RUNNING, attempts=1)
    add_tasks(session, world, 1, status=TaskStatus.RUNNING, attempts=1, next_attempt_at=LATER + timedelta(minutes=9))
    add_tasks(session, world, 1, status=TaskStatus.FAILED, attempts=1)
    found = [nudge.row_id for nudge in tick() if nudge.job == PROVISION_ORDER_ITEM]  # the failed one is only told of
    assert found == [lost]


def test_many_tasks_make_one_batch(session, world, tick):
    add_tasks(session, world, 6)
    assert [(nudge.job, nudge.row_id) for nudge in tick()] == [(PROVISION_BATCH, world.id)]


def test_mails_are_found_by_their_own_clock(session, world, tick):
    with scope(world.scope):
        for at, state in (
            (MONDAY_NOON, MailState.PENDING),
            (LATER + timedelta(hours=1), MailState.PENDING),
            (MONDAY_NOON, MailState.SENT),
        ):
            session.add(
                OutboundMail(
                    template="test", to_email="a@b.example", fields={}, state=state, next_attempt_at=at, created_at=at
                )
            )
        session.commit()
        session.expunge_all()
    assert [nudge.job.path for nudge in tick()] == ["workers.jobs.mail.send_mail"]


def test_each_distributor_is_looked_after_and_a_suspended_one_is_not(session, world, tick):
    other = make_world(session, name="Sudwind", host="cloud.sudwind.example")
    session.expunge_all()
    orders_of = [root_order(session, each, [Wanted(each.seats, 1, "10.00")]) for each in (world, other)]
    assert {nudge.distributor_id for nudge in tick()} == {world.id, other.id}
    with scope(other.scope):
        session.merge(other.distributor).state = DistributorState.SUSPENDED
        session.commit()
        session.expunge_all()
    assert [nudge.row_id for nudge in tick()] == [orders_of[0].work.id]


def test_what_goes_wrong_at_one_distributor_does_not_hold_up_the_others(session, world):
    other = make_world(session, name="Sudwind", host="cloud.sudwind.example")
    session.expunge_all()
    seen = []

    def look(_at) -> None:
        seen.append(current_scope().distributor_id)
        raise LookupError("broken")

    Scheduler(periodic=[Periodic(timedelta(seconds=1), look)], clock=lambda: LATER).tick()
    assert set(seen) == {world.id, other.id}


def test_nothing_is_looked_after_more_often_than_it_says(session, world):
    seen = []
    now = [LATER]
    scheduler = Scheduler(periodic=[Periodic(timedelta(seconds=30), seen.append)], clock=lambda: now[0])
    for seconds in (0, 29, 30, 31, 60):
        now[0] = LATER + timedelta(seconds=seconds)
        scheduler.tick()
    assert seen == [LATER, LATER + timedelta(seconds=30), LATER + timedelta(seconds=60)]


def test_every_periodic_job_stands_in_the_list_once():
    names = [each.name for each in PERIODIC]
    assert len(names) == len(set(names))


def test_answers_to_submits_are_forgotten_after_a_day(world: World, session: BoundSession) -> None:
    for hours in (23, 25):
        with scope(world.scope):
            session.add(
                IdempotencyKey(
                    client="client",
                    route="checkout",
                    key=f"key-{hours}",
                    request_digest="",
                    answer={},
                    created_at=MONDAY_NOON - timedelta(hours=hours),
                )
            )
    with scope(world.scope):
        sweeps.forget_finished(MONDAY_NOON)
        assert session.scalars(select(IdempotencyKey.key)).all() == ["key-23"]
