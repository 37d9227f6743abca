from __future__ import annotations

import pytest

from tests.factories.world import World, make_world


@pytest.fixture
def world(session) -> World:
    """The world, detached: a refusal rolls back and would expire what the test still has to read."""
    made = make_world(session)
    session.expunge_all()
    return made
