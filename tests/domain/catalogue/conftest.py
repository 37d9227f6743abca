"""Imports as the worker runs them, in the distributor's scope of the world."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

import pytest
from sqlalchemy import Connection
from sqlalchemy.orm import scoped_session

from app.audit.services import SYSTEM
from app.catalogue.imports import runs
from app.catalogue.imports.models import ImportRun
from app.catalogue.imports.upload import upload_sheet
from app.core import db
from app.core.config import settings
from app.core.db import BoundSession, unit_of_work
from tenants.context import scope
from tests.factories.world import MONDAY_NOON, World
from workers.jobs.imports import run_import


@pytest.fixture
def session(connection: Connection) -> scoped_session[BoundSession]:
    """Whatever session the thread has at the moment: a job closes the one it ran in."""
    return db.session


@pytest.fixture
def at_distributor(world: World) -> Iterator[World]:
    with scope(world.scope):
        yield world


@pytest.fixture(autouse=True)
def media(tmp_path, monkeypatch):
    """Uploaded files of a test go away with it."""
    monkeypatch.setenv("MEDIA_PATH", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    settings.cache_clear()


def job(run: ImportRun) -> ImportRun:
    """Run the worker's job once and return the run as it stands afterwards."""
    run_import(str(run.id), distributor_id=str(run.distributor_id))
    return runs.get_run(run.id)


@pytest.fixture
def check_sheet(at_distributor: World) -> Callable[[BinaryIO], ImportRun]:
    """Upload a sheet and let the worker check it."""

    def upload_and_check(stream: BinaryIO) -> ImportRun:
        with unit_of_work():
            run = upload_sheet(stream, "sheet.csv", actor=SYSTEM, at=MONDAY_NOON)
        return job(run)

    return upload_and_check


@pytest.fixture
def import_sheet(check_sheet) -> Callable[..., ImportRun]:
    """Upload, check, confirm and apply a sheet."""

    def whole_way(stream: BinaryIO, *segments: str) -> ImportRun:
        run = check_sheet(stream)
        with unit_of_work():
            runs.confirm_import(run.id, segments=segments or ("Commercial",), actor=SYSTEM, at=MONDAY_NOON)
        return job(run)

    return whole_way
