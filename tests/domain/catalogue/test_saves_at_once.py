"""Two people who save the same record at the same moment, on connections of their own and committed data (CB-00)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.audit.services import SYSTEM
from app.catalogue.groupings import GroupDetails, get_group, update_group
from app.catalogue.units import RECURRING, choose_units, units_version
from app.core import db
from app.core.db import unit_of_work
from tenants.context import scope
from tenants.settings import DistributorSettings, distributor_settings_for_change
from tests.committed import committed_database
from tests.domain.orders.test_races import at_once
from tests.factories.world import MONDAY_NOON, World, make_world

ENDS = ["done", "stale_version"]


@pytest.fixture
def world(database: None) -> Iterator[World]:
    with committed_database():
        made = make_world(db.session())
        db.session.expunge_all()
        yield made


def test_of_two_saves_of_one_version_one_is_kept(world: World) -> None:
    """CB-00: the row is locked before its version is compared, so that one of them alone is not stale."""

    def rename(name: str) -> None:
        with scope(world.scope), unit_of_work():
            update_group(world.group.id, GroupDetails(name), version=1, actor=SYSTEM, at=MONDAY_NOON)

    assert at_once(lambda: rename("First"), lambda: rename("Second")) == ENDS
    with scope(world.scope):
        group = get_group(world.group.id)
        assert (group.name in {"First", "Second"}, group.version) == (True, 2)


def test_of_two_first_saves_of_settings_one_is_kept(world: World) -> None:
    """CB-00: settings that were never saved have no row to lock, and are not written over either."""
    opened = units_version(DistributorSettings())

    def choose(number: int) -> None:
        with scope(world.scope), unit_of_work():
            choose_units(RECURRING[:number], None, version=opened, actor=SYSTEM, at=MONDAY_NOON)

    assert at_once(lambda: choose(20), lambda: choose(30)) == ENDS
    with scope(world.scope):
        assert len(distributor_settings_for_change().units) in {20, 30}
