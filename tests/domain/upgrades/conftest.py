from __future__ import annotations

import pytest

from app.catalogue.models import Product, RelationKind
from tests.domain.changes.conftest import clock, desk, session, world
from tests.factories.parts import make_sibling, relate

__all__ = ("clock", "desk", "session", "world")


@pytest.fixture
def premium(session, desk) -> Product:
    """What seats may become: 15.00 a month."""
    product = make_sibling(session, desk.world, "Contoso Mail Premium", "15.00")
    relate(session, desk.world, RelationKind.UPGRADE, desk.world.seats, product)
    return product
