"""The life of a run: one at a time, alive by its heartbeat, stoppable, and remembered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import product as pairs

import pytest
from sqlalchemy import func, select

from app.audit.services import SYSTEM, Actor
from app.catalogue.models import Product
from app.catalogue.vendor_runs.errors import VendorRunAtWork, VendorRunIsOver
from app.catalogue.vendor_runs.machine import AT_WORK, MOVES, RunEvent, after
from app.catalogue.vendor_runs.models import VendorRun, VendorRunEntry, VendorRunState
from app.catalogue.vendor_runs.queries import get_run
from app.catalogue.vendor_runs.runs import KEPT, cancel_run, claim_run, fail_silent_runs, start_run
from app.core.db import BoundSession, unit_of_work
from app.provisioning.models import ServiceManager
from tests.factories.world import MONDAY_NOON, World
from tests.workers.vendor_runs.conftest import FeedConnector
from workers.jobs.vendor_catalogue import fail_silent_vendor_runs, read_vendor_definition


def test_a_second_start_is_refused_and_names_the_running_one(
    session: BoundSession, manager: ServiceManager, starter: Actor
) -> None:
    """CB-F42 (partly): starting a vendor run returns at once; a second start is a conflict with the running one."""
    with unit_of_work():
        first = start_run(manager.id, manager.name, actor=starter, at=MONDAY_NOON)
    with pytest.raises(VendorRunAtWork, match=starter.name) as refused, unit_of_work():
        start_run(manager.id, manager.name, actor=SYSTEM, at=MONDAY_NOON)
    assert refused.value.run_id == first.id
    assert session.scalar(select(func.count()).select_from(VendorRun)) == 1


def test_the_database_itself_keeps_runs_apart(
    session: BoundSession, manager: ServiceManager, starter: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loser of a race hears of the winner too."""
    from app.catalogue.vendor_runs import runs  # noqa: PLC0415 - patched here

    with unit_of_work():
        first = start_run(manager.id, manager.name, actor=starter, at=MONDAY_NOON)
    real, answers = runs.run_at_work, iter([None])
    monkeypatch.setattr(runs, "run_at_work", lambda manager_id: next(answers, real(manager_id)))
    with pytest.raises(VendorRunAtWork) as refused, unit_of_work():
        start_run(manager.id, manager.name, actor=SYSTEM, at=MONDAY_NOON)
    assert refused.value.run_id == first.id
    assert session.scalar(select(func.count()).select_from(VendorRun)) == 1


def test_a_silent_run_fails_after_ten_minutes_and_can_be_restarted(
    session: BoundSession, manager: ServiceManager, starter: Actor
) -> None:
    """CB-15: a run without heartbeat for 10 min becomes Failed and may be restarted."""
    with unit_of_work():
        first = start_run(manager.id, manager.name, actor=starter, at=MONDAY_NOON)
        claim_run(first.id, at=MONDAY_NOON)
    with unit_of_work():
        assert fail_silent_runs(at=MONDAY_NOON + timedelta(minutes=10)) == 0
    later = MONDAY_NOON + timedelta(minutes=10, seconds=1)
    with unit_of_work():
        second = start_run(manager.id, manager.name, actor=starter, at=later)
    session.expire_all()
    assert (get_run(first.id).state, get_run(second.id).state) == (VendorRunState.FAILED, VendorRunState.QUEUED)
    assert "interrupted" in (get_run(first.id).message or "")


def test_the_sweep_gives_up_silent_runs(session: BoundSession, manager: ServiceManager, starter: Actor) -> None:
    with unit_of_work():
        run = start_run(manager.id, manager.name, actor=starter, at=MONDAY_NOON)
        claim_run(run.id, at=MONDAY_NOON)
    with unit_of_work():
        fail_silent_vendor_runs(MONDAY_NOON + timedelta(minutes=11))
    session.expire_all()
    assert get_run(run.id).state is VendorRunState.FAILED


def test_a_canceled_run_stops_its_worker(
    in_scope: World, session: BoundSession, manager: ServiceManager, starter: Actor, vendor: FeedConnector
) -> None:
    with unit_of_work():
        run_id = start_run(manager.id, manager.name, actor=starter, at=MONDAY_NOON).id

    def cancel() -> None:
        with unit_of_work():
            cancel_run(run_id, actor=starter, at=MONDAY_NOON)

    vendor.meanwhile = cancel
    read_vendor_definition(str(run_id), distributor_id=str(in_scope.id))

    session.expire_all()
    assert get_run(run_id).state is VendorRunState.CANCELED
    assert session.scalar(select(func.count()).where(Product.external_id.is_not(None))) == 0
    with pytest.raises(VendorRunIsOver), unit_of_work():
        cancel_run(run_id, actor=starter, at=MONDAY_NOON)


def test_a_job_that_comes_twice_asks_the_vendor_once(
    in_scope: World, vendor: FeedConnector, read: Callable[[], VendorRun]
) -> None:
    run = read()
    read_vendor_definition(str(run.id), distributor_id=str(in_scope.id))
    assert vendor.calls == 1


def test_the_last_fifty_runs_are_kept(
    session: BoundSession, manager: ServiceManager, starter: Actor, vendor: FeedConnector, read: Callable[[], VendorRun]
) -> None:
    del vendor
    oldest = read().id
    for minute in range(1, KEPT + 2):
        session.add(
            VendorRun(
                service_manager_id=manager.id,
                manager_name=manager.name,
                state=VendorRunState.COMPLETED,
                heartbeat_at=MONDAY_NOON,
                created_at=MONDAY_NOON + timedelta(minutes=minute),
            )
        )
    session.commit()
    with unit_of_work():
        start_run(manager.id, manager.name, actor=starter, at=MONDAY_NOON + timedelta(hours=3))
    session.expire_all()
    assert session.scalar(select(func.count()).select_from(VendorRun)) == KEPT
    assert session.scalar(select(func.count()).where(VendorRun.id == oldest)) == 0
    assert session.scalar(select(func.count()).where(VendorRunEntry.run_id == oldest)) == 0


def test_every_move_is_in_the_table() -> None:
    """CB-15: what has ended stays as it ended."""
    possible = {(state, event): after(state, event) for state, event in pairs(VendorRunState, RunEvent)}
    assert {key: state for key, state in possible.items() if state is not None} == dict(MOVES)
    assert all(state in AT_WORK for state, _ in MOVES)
