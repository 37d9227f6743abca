"""Reads of product files for BSS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from sqlalchemy import Select, func, select

from app.catalogue.models import ProductType
from app.catalogue.product_files.errors import ProductFileNotFound
from app.catalogue.product_files.fields import Field, fields_for
from app.catalogue.product_files.models import ProductFile, ProductFileRow, RowOutcome
from app.core.db import session
from app.core.ids import parse_id
from tenants.context import current_scope

EXPORT_CHUNK = 1000


def get_file(file_id: UUID) -> ProductFile:
    """Return a file; raises ProductFileNotFound."""
    found = session.scalar(files().where(ProductFile.id == file_id))
    if found is None:
        raise ProductFileNotFound(file_id)
    return found


def list_files(*, limit: int, offset: int = 0) -> Sequence[ProductFile]:
    """Return one page of the distributor's files, the latest first."""
    newest = files().order_by(ProductFile.created_at.desc(), ProductFile.id.desc())
    return session.scalars(newest.limit(limit).offset(offset)).all()


def count_files() -> int:
    """Return how many files there are."""
    return session.scalar(files().with_only_columns(func.count())) or 0


def columns_of(file: ProductFile) -> tuple[str, ...]:
    """Return the columns of the chosen sheet."""
    return next((tuple(each["columns"]) for each in file.sheets if each["name"] == file.sheet), ())


def fields_of(file: ProductFile) -> Sequence[Field]:
    """Return the fields its columns may fill."""
    return fields_for(file.charge_type, default_type(file))


def default_type(file: ProductFile) -> ProductType | None:
    """Return the type of rows that name none."""
    type_id = parse_id(str(file.defaults.get("product_type_id") or ""))
    return session.get(ProductType, (file.distributor_id, type_id)) if type_id is not None else None


def remembered_mapping() -> dict[str, str]:
    """Return how columns were mapped the last time."""
    newest = files().where(ProductFile.mapping != {}).order_by(ProductFile.created_at.desc()).limit(1)
    found = session.scalar(newest)
    return dict(found.mapping) if found is not None else {}


def list_rows(
    file_id: UUID, *, outcome: RowOutcome | None = None, limit: int, offset: int = 0
) -> Sequence[ProductFileRow]:
    """Return one page of a file's rows."""
    return session.scalars(_rows(file_id, outcome).limit(limit).offset(offset)).all()


def count_rows(file_id: UUID, *, outcome: RowOutcome | None = None) -> int:
    """Return how many rows a filter finds."""
    return session.scalar(_rows(file_id, outcome).order_by(None).with_only_columns(func.count())) or 0


def export_rows(file_id: UUID, *, outcome: RowOutcome | None = None) -> Iterator[ProductFileRow]:
    """Read the result of each row."""
    yield from session.scalars(_rows(file_id, outcome), execution_options={"yield_per": EXPORT_CHUNK})


def files() -> Select[ProductFile]:
    """Say which are the distributor's files."""
    return select(ProductFile).where(ProductFile.distributor_id == current_scope().distributor_id)


def _rows(file_id: UUID, outcome: RowOutcome | None) -> Select[ProductFileRow]:
    statement = select(ProductFileRow).where(
        ProductFileRow.distributor_id == current_scope().distributor_id, ProductFileRow.file_id == file_id
    )
    if outcome is not None:
        statement = statement.where(ProductFileRow.outcome == outcome)
    return statement.order_by(ProductFileRow.row_number)
