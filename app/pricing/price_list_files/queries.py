"""Reads of files of price list lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, and_, func, select

from app.catalogue.models import Product
from app.core.db import session
from app.pricing.price_list_files.errors import ListFileNotFound
from app.pricing.price_list_files.models import LineOutcome, PriceListFile, PriceListFileRow
from tenants.context import current_scope

EXPORT_CHUNK = 500


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row with the product it names, where there is one."""

    row: PriceListFileRow
    product_name: str | None


def get_file(price_list_id: UUID, file_id: UUID) -> PriceListFile:
    """Return a file of a list; raises ListFileNotFound."""
    found = session.scalar(_files(price_list_id).where(PriceListFile.id == file_id))
    if found is None:
        raise ListFileNotFound(file_id)
    return found


def list_files(price_list_id: UUID) -> Sequence[PriceListFile]:
    """Return a list's files that are kept, the latest first."""
    return session.scalars(
        _files(price_list_id).order_by(PriceListFile.created_at.desc(), PriceListFile.id.desc())
    ).all()


def list_rows(file_id: UUID, *, outcome: LineOutcome | None, limit: int, offset: int = 0) -> Sequence[ShownRow]:
    """Return a page of a file's rows as they stand in it."""
    return [ShownRow(*row) for row in session.execute(_rows(file_id, outcome).limit(limit).offset(offset))]


def export_rows(file_id: UUID, *, outcome: LineOutcome | None) -> Iterator[ShownRow]:
    """Return every row of the filter, some hundred at a time."""
    for row in session.execute(_rows(file_id, outcome).execution_options(yield_per=EXPORT_CHUNK)):
        yield ShownRow(*row)


def count_outcomes(file_id: UUID) -> Mapping[LineOutcome, int]:
    """Return how many rows of a file do, or did, what."""
    rows = session.execute(
        select(PriceListFileRow.outcome, func.count())
        .where(PriceListFileRow.distributor_id == current_scope().distributor_id, PriceListFileRow.file_id == file_id)
        .group_by(PriceListFileRow.outcome)
    )
    found = dict(rows.all())
    return {outcome: found.get(outcome, 0) for outcome in LineOutcome}


def _files(price_list_id: UUID) -> Select[PriceListFile]:
    return select(PriceListFile).where(
        PriceListFile.distributor_id == current_scope().distributor_id, PriceListFile.price_list_id == price_list_id
    )


def _rows(file_id: UUID, outcome: LineOutcome | None) -> Select[PriceListFileRow, str | None]:
    of_row = and_(Product.distributor_id == PriceListFileRow.distributor_id, Product.id == PriceListFileRow.product_id)
    statement = (
        select(PriceListFileRow, Product.name)
        .outerjoin(Product, of_row)
        .where(PriceListFileRow.distributor_id == current_scope().distributor_id, PriceListFileRow.file_id == file_id)
        .order_by(PriceListFileRow.row_number)
    )
    return statement if outcome is None else statement.where(PriceListFileRow.outcome == outcome)
