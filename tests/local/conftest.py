from __future__ import annotations

import pytest

from app.local import state, surroundings


@pytest.fixture
def free_port():
    """A port where nobody listens."""
    return surroundings.free_ports(1)[0]


@pytest.fixture
def known_state():
    return state.generate()
