"""Commits carry what they changed to whoever listens, on connections of their own."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from decimal import Decimal

import pytest
from sqlalchemy import update

from app.core import db
from app.pricing.models import MarkupLevel, MarkupRule, PriceListEntry
from tenants.changes import ChangeClock
from tenants.context import scope
from tests.committed import committed_database
from tests.factories.world import MONDAY_NOON, World, make_world

PATIENCE_SECONDS = 20


class Ear(ChangeClock):
    """A listening process that says what it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: queue.SimpleQueue[str] = queue.SimpleQueue()

    def note(self, payload: str) -> None:
        super().note(payload)
        self.heard.put(payload)


@pytest.fixture
def world(database: None) -> Iterator[World]:
    with committed_database():
        yield make_world(db.session())


@pytest.fixture
def ear(world: World) -> Iterator[Ear]:
    listening = Ear()
    listening.is_wanted = True
    bound = db.BoundSession.bound_to
    assert bound is not None
    listening.listen_to(bound.engine.url.render_as_string(hide_password=False))
    assert listening.wait_until_heard(PATIENCE_SECONDS)
    yield listening
    listening.stop()


def rule(world: World, percent: str) -> None:
    with scope(world.tech.scope):
        db.session.add(
            MarkupRule(
                reseller_id=world.tech.id, level=MarkupLevel.DEFAULT, percent=Decimal(percent), created_at=MONDAY_NOON
            )
        )
        db.session.flush()


def test_a_commit_is_heard_by_another_process_with_its_scope(world: World, ear: Ear) -> None:
    before = ear.mark(world.id, world.tech.id), ear.mark(world.id, world.cloudia.id)
    assert None not in before
    rule(world, "20")
    db.session.commit()
    assert ear.heard.get(timeout=PATIENCE_SECONDS) == f"{world.id} {world.tech.id}"
    after = ear.mark(world.id, world.tech.id), ear.mark(world.id, world.cloudia.id)
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_a_rollback_is_not_heard(world: World, ear: Ear) -> None:
    rule(world, "20")
    db.session.rollback()
    with scope(world.scope):
        db.session.execute(update(PriceListEntry).values(price=Decimal(11)))
        db.session.commit()
    assert ear.heard.get(timeout=PATIENCE_SECONDS) == str(world.id)
    assert ear.heard.empty()


def test_nothing_is_kept_when_the_listener_has_ended(world: World, ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ear.mark(world.id, world.tech.id) is not None
    monkeypatch.setattr("tenants.changes.SILENCE_SECONDS", 0.0)
    assert ear.mark(world.id, world.tech.id) is None
