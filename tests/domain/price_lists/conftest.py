"""Price lists in the distributor's scope of the world."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tenants.context import scope
from tests.factories.world import World


@pytest.fixture
def at_distributor(world: World) -> Iterator[World]:
    with scope(world.scope):
        yield world
