"""Imports on several connections, where commits are real."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import pytest
from sqlalchemy import Engine, create_engine, func, select

from app.audit.services import SYSTEM
from app.catalogue.imports import runs
from app.catalogue.imports.models import ImportRun, ImportState
from app.catalogue.imports.upload import upload_sheet
from app.catalogue.models import Product
from app.core import db
from app.core.config import settings
from app.core.db import unit_of_work
from tenants.context import scope
from tenants.scoping import scope_statements
from tests.committed import committed_database
from tests.factories.catalogue import SAMPLE_SHEET
from tests.factories.world import MONDAY_NOON, World, make_world
from workers.jobs.imports import run_import


@pytest.fixture
def world(database: None, tmp_path, monkeypatch) -> Iterator[World]:
    monkeypatch.setenv("MEDIA_PATH", str(tmp_path))
    settings.cache_clear()
    with committed_database():
        made = make_world(db.session())
        db.session.expunge_all()
        db.session.remove()
        yield made
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def bulk_role(world: World) -> Iterator[Engine]:
    """Everything the test does from here on is done by the database role of imports; yields the ordinary one's engine."""
    ordinary = db.BoundSession.bound_to
    assert isinstance(ordinary, Engine)
    url = urlsplit(os.environ["DATABASE_URL_BULK"])._replace(path=f"/{ordinary.url.database}")
    engine = create_engine(urlunsplit(url))
    db.BoundSession.bound_to = engine
    yield ordinary
    db.session.remove()
    db.BoundSession.bound_to = ordinary
    engine.dispose()


def uploaded(world: World) -> ImportRun:
    with scope(world.scope), SAMPLE_SHEET.open("rb") as stream, unit_of_work():
        return upload_sheet(stream, "sheet.csv", actor=SYSTEM, at=MONDAY_NOON)


def confirmed(world: World) -> ImportRun:
    run = uploaded(world)
    run_import(str(run.id), distributor_id=str(world.id))
    with scope(world.scope), unit_of_work():
        runs.confirm_import(run.id, segments=["Commercial"], actor=SYSTEM, at=MONDAY_NOON)
    return run


def ended(world: World, run: ImportRun) -> tuple[ImportRun, int | None]:
    db.session.remove()
    with scope(world.scope):
        products = db.session.scalar(select(func.count()).select_from(Product).where(Product.vendor_name.is_not(None)))
        return runs.get_run(run.id), products


def test_progress_is_seen_by_others_while_a_sheet_is_applied(world: World, bulk_role: Engine, monkeypatch) -> None:
    run = confirmed(world)
    seen = []

    def look() -> None:
        with bulk_role.connect() as other:
            other.exec_driver_sql(scope_statements(world.scope), execution_options={"no_parameters": True})
            statement = select(ImportRun.state, ImportRun.rows_done, ImportRun.rows_total).where(ImportRun.id == run.id)
            seen.append(tuple(other.execute(statement).one()))

    real = runs.note_applied

    def noted(claim, done, *, at) -> None:
        look()
        real(claim, done, at=at)

    monkeypatch.setattr(runs, "note_applied", noted)
    run_import(str(run.id), distributor_id=str(world.id))

    assert seen == [(ImportState.APPLYING, done, 464) for done in (0, 100, 200, 300, 400)]
    finished, products = ended(world, run)
    assert (finished.state, finished.rows_done, products) == (ImportState.COMPLETED, 464, 116)


@pytest.mark.parametrize("is_confirmed", [False, True])
def test_of_two_workers_at_once_one_does_the_work(world: World, *, is_confirmed: bool) -> None:
    run = confirmed(world) if is_confirmed else uploaded(world)
    together = threading.Barrier(2)

    def work() -> None:
        together.wait(timeout=10)
        run_import(str(run.id), distributor_id=str(world.id))

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)

    finished, products = ended(world, run)
    assert finished.rows_created == 464
    if is_confirmed:
        assert (finished.state, finished.attempts, products) == (ImportState.COMPLETED, 1, 116)
    else:
        assert (finished.state, products) == (ImportState.READY, 0)
