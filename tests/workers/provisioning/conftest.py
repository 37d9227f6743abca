from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from app.core import db
from app.provisioning.kinds import KINDS, ManagerKind
from tests.factories.world import MONDAY_NOON, World, make_world
from tests.fakes.connector import FakeConnector
from workers.jobs import adoption, orders, provisioning, reconciliation


@pytest.fixture
def session(connection):
    """The session of the moment: a job ends with the one it had."""
    return db.session


@pytest.fixture
def world(session) -> World:
    """The world, detached: jobs end with the session, the test still has to read it."""
    made = make_world(session)
    session.expunge_all()
    return made


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> FakeConnector:
    """A vendor in memory behind service managers of kind "fake"."""
    fake = FakeConnector()
    for module in (provisioning, reconciliation):
        monkeypatch.setattr(module, "CONNECTORS", {**module.CONNECTORS, "fake": fake.as_factory})
    monkeypatch.setitem(KINDS, "fake", ManagerKind("In memory", KINDS["service_manager"].capabilities))
    return fake


class Clock:
    """The workers' clock, moved by hand."""

    def __init__(self) -> None:
        self.now = MONDAY_NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **length: float) -> None:
        self.now += timedelta(**length)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    for module in (adoption, orders, provisioning, reconciliation):
        monkeypatch.setattr(module, "utc_now", moved)
    return moved


@pytest.fixture
def run_order(world, clock) -> Callable:
    """Run the execution job of an order."""

    def run(placed) -> None:
        orders.process_order_work(str(placed.work.id), distributor_id=str(world.id))

    return run


@pytest.fixture
def run_task(world, clock) -> Callable:
    """Run the job of one task."""

    def run(task) -> None:
        provisioning.provision_order_item(str(task.id), distributor_id=str(world.id))

    return run
