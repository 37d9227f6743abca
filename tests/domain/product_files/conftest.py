"""Product files as people write them, taken through upload, mapping, dry run and application."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import pytest

from app.audit.services import SYSTEM
from app.catalogue.product_files.fields import guessed
from app.catalogue.product_files.files import NewFile, confirm_file, map_columns, upload_file
from app.catalogue.product_files.models import FileChargeType, FileKind, ProductFile, RowOutcome
from app.catalogue.product_files.queries import columns_of, fields_of, get_file, list_rows
from app.core import db
from app.core.config import settings
from app.core.db import BoundSession, unit_of_work
from tenants.context import scope
from tests.factories.world import MONDAY_NOON, World, make_world
from workers.jobs.product_files import run_product_file

HEADER = ("Code", "Name", "Description", "Vendor", "List price P1M monthly", "Vendor cost P1M monthly")


@dataclass
class Importer:
    """Does what a person and a worker do."""

    world: World
    type_id: UUID

    def upload(
        self,
        rows: Sequence[Sequence[object]],
        header: Sequence[str] = HEADER,
        *,
        charge_type: FileChargeType = FileChargeType.RECURRING,
        kind: FileKind = FileKind.COMMON,
        type_id: UUID | None = None,
        currency: str = "EUR",
    ) -> UUID:
        text = io.StringIO()
        csv.writer(text).writerows([header, *rows])
        new = NewFile("products.csv", currency, kind, charge_type, type_id or self.type_id)
        with unit_of_work():
            return upload_file(io.BytesIO(text.getvalue().encode()), new, actor=SYSTEM, at=MONDAY_NOON).id

    def map(
        self,
        file_id: UUID,
        *,
        match_by: Sequence[str] = ("code",),
        mapping: Mapping[str, str] | None = None,
        is_published: bool = False,
    ) -> None:
        file = get_file(file_id)
        given = mapping if mapping is not None else guessed(fields_of(file), columns_of(file), {})
        with unit_of_work():
            map_columns(file_id, given, match_by=match_by, is_published=is_published, at=MONDAY_NOON)

    def work(self, file_id: UUID) -> ProductFile:
        run_product_file(str(file_id), distributor_id=str(self.world.id))
        db.session.expire_all()
        return get_file(file_id)

    def check(self, rows: Sequence[Sequence[object]], header: Sequence[str] = HEADER, **options) -> UUID:
        """Upload, map and dry-run; `match_by` and `is_published` go to the mapping."""
        chosen = {name: options.pop(name) for name in ("match_by", "is_published", "mapping") if name in options}
        file_id = self.upload(rows, header, **options)
        self.map(file_id, **chosen)
        self.work(file_id)
        return file_id

    def apply(self, file_id: UUID) -> ProductFile:
        with unit_of_work():
            confirm_file(file_id, actor=SYSTEM, at=MONDAY_NOON)
        return self.work(file_id)

    def run(self, rows: Sequence[Sequence[object]], header: Sequence[str] = HEADER, **options) -> ProductFile:
        """The whole way."""
        return self.apply(self.check(rows, header, **options))


def results(file_id: UUID) -> list[tuple[int, RowOutcome, str]]:
    """Return number, outcome and message of each row."""
    return [(row.row_number, row.outcome, row.message) for row in list_rows(file_id, limit=100)]


@pytest.fixture
def world(session: BoundSession) -> World:
    """The world, detached: jobs end with the session, the test still has to read it."""
    made = make_world(session)
    session.expunge_all()
    return made


@pytest.fixture(autouse=True)
def in_scope(world: World, tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The test speaks in the distributor's scope; files go to a folder of its own."""
    monkeypatch.setenv("MEDIA_PATH", str(tmp_path))
    settings.cache_clear()
    with scope(world.scope):
        yield world
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def importer(world: World) -> Importer:
    """A person who imports products of the world's type."""
    return Importer(world, world.product_type.id)
