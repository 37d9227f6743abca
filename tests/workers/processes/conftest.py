from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.core import db
from tests.factories.world import World, make_world
from tests.workers.processes.machine import Machine, machine_of_its_own


@pytest.fixture(scope="module")
def running(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Machine, World]]:
    with machine_of_its_own(tmp_path_factory.mktemp("vendor")) as machine:
        world = make_world(db.session())
        db.session.expunge_all()
        db.session.remove()
        yield machine, world


@pytest.fixture
def machine(running: tuple[Machine, World]) -> Iterator[Machine]:
    """The machine, with a well-behaved vendor and no workers yet."""
    own, _ = running
    own.vendor.behave("ok", count=None)  # what it has made stays: we remember its accounts
    own.empty_queue()
    yield own
    db.session.remove()
    if own.workers is not None:
        own.stop_workers()


@pytest.fixture
def world(running: tuple[Machine, World]) -> World:
    """Committed once for all tests of the module."""
    return running[1]
