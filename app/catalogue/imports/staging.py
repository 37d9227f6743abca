"""The rows of a sheet as rows of `import_rows`: copied in batches, then cleaned set-based.

COPY cannot write to a table with row security, so each batch goes through a temporary table of its transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import cast
from uuid import UUID

from psycopg import Connection as PsycopgConnection
from sqlalchemy import delete, insert, text

from app.catalogue.bulk import many_rows
from app.catalogue.errors import SheetRefused
from app.catalogue.imports.models import ImportIssue, ImportRow, ImportRun
from app.catalogue.imports.sheet import RowIssue, SheetRow, read_sheet
from app.core.db import session
from app.core.ids import new_id

BATCH_ROWS = 2000
COLUMNS = (
    "id", "row_number", "code", "code_key", "product_name", "product_slug", "description", "search_text", "group_name",
    "group_slug", "publisher", "unit_of_measure", "segment", "tags", "term", "cycle", "currency", "vendor_cost",
    "list_price", "term_vendor_cost", "term_list_price", "valid_from", "valid_to", "is_withdrawn",
)  # fmt: skip
_LIST = ", ".join(COLUMNS)

_CREATE_BATCH = text(
    f"CREATE TEMPORARY TABLE IF NOT EXISTS import_batch ON COMMIT DROP AS SELECT {_LIST} FROM import_rows WITH NO DATA"  # noqa: S608 - our own column names
)
_EMPTY_BATCH = text("TRUNCATE import_batch")
_COPY_BATCH = f"COPY import_batch ({_LIST}) FROM STDIN"
_TAKE_BATCH = text(
    f"INSERT INTO import_rows (distributor_id, run_id, {_LIST}) "  # noqa: S608 - our own column names
    f"SELECT :distributor_id, :run_id, {_LIST} FROM import_batch ORDER BY row_number"
)

# A product's rows must agree on its segment; of several rows with one key the first counts (CB-15).
_REPORT_REPEATED = text("""
    INSERT INTO import_issues (distributor_id, id, run_id, row_number, "column", code, message)
    SELECT distributor_id, id, run_id, row_number, name, issue, message
    FROM (
        SELECT r.distributor_id, r.id, r.run_id, r.row_number,
               CASE WHEN segment <> first_segment THEN 'Segment' ELSE 'SkuId' END AS name,
               CASE WHEN segment <> first_segment THEN 'segment_differs' ELSE 'duplicate' END AS issue,
               CASE WHEN segment <> first_segment
                    THEN format('Row %s puts this product into segment %s', product_row, first_segment)
                    ELSE format('Same product, term, billing plan and currency as row %s', first_row) END AS message,
               segment <> first_segment OR row_number <> first_row AS is_refused
        FROM (
            SELECT *, first_value(segment) OVER product AS first_segment, min(row_number) OVER product AS product_row,
                   min(row_number) OVER (PARTITION BY code_key, segment, term, cycle, currency) AS first_row
            FROM import_rows
            WHERE distributor_id = :distributor_id AND run_id = :run_id
            WINDOW product AS (PARTITION BY code_key ORDER BY row_number)
        ) r
    ) judged
    WHERE is_refused
""")
_DROP_REPEATED = text("""
    DELETE FROM import_rows r USING import_issues i
    WHERE r.distributor_id = :distributor_id AND r.run_id = :run_id
      AND i.distributor_id = r.distributor_id AND i.run_id = r.run_id AND i.id = r.id
""")
# What a product is called is said by its first row, or a sheet that disagrees with itself would change on every import.
_AGREE = text("""
    UPDATE import_rows r
    SET code = f.code, product_name = f.product_name, product_slug = f.product_slug, description = f.description,
        search_text = f.search_text, group_name = f.group_name, group_slug = f.group_slug, publisher = f.publisher,
        unit_of_measure = f.unit_of_measure, tags = f.tags
    FROM (
        SELECT DISTINCT ON (code_key) * FROM import_rows
        WHERE distributor_id = :distributor_id AND run_id = :run_id
        ORDER BY code_key, row_number
    ) f
    WHERE r.distributor_id = :distributor_id AND r.run_id = :run_id AND r.code_key = f.code_key AND r.id <> f.id
      AND (r.code, r.product_name, r.description, r.group_name, r.publisher, r.unit_of_measure, r.tags)
          IS DISTINCT FROM (f.code, f.product_name, f.description, f.group_name, f.publisher, f.unit_of_measure, f.tags)
""")
# Two segments may sell a group under one name; a taken slug gets the code appended later.


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of a sheet, at most BATCH_ROWS: the readable ones and the refused ones' issues."""

    rows: Sequence[SheetRow]
    issues: Sequence[RowIssue]
    rows_refused: int

    @property
    def rows_read(self) -> int:
        """How many rows of the sheet it stands for."""
        return len(self.rows) + self.rows_refused


def batches_of(lines: Iterable[str], size: int = BATCH_ROWS) -> Iterator[Batch]:
    """Read a sheet in batches; only one batch is in memory at a time."""
    results = read_sheet(lines)
    while found := list(islice(results, size)):
        refused = [result for result in found if not isinstance(result, SheetRow)]
        yield Batch(
            rows=[result for result in found if isinstance(result, SheetRow)],
            issues=[issue for issues in refused for issue in issues],
            rows_refused=len(refused),
        )


def batches_of_file(path: Path) -> Iterator[Batch]:
    """Read a stored sheet in batches. Raises SheetRefused, also where the file has gone."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            yield from batches_of(lines)
    except FileNotFoundError as error:
        raise SheetRefused("file_gone", "The uploaded file is no longer there. Upload it again.") from error
    except UnicodeDecodeError as error:
        raise SheetRefused("encoding", "The file is not UTF-8") from error


def forget_rows(run: ImportRun) -> None:
    """Delete what is staged for a run."""
    session.execute(delete(ImportRow).where(ImportRow.distributor_id == run.distributor_id, ImportRow.run_id == run.id))


def forget_issues(run: ImportRun) -> None:
    """Delete the issues of a run, before it is checked once more."""
    session.execute(
        delete(ImportIssue).where(ImportIssue.distributor_id == run.distributor_id, ImportIssue.run_id == run.id)
    )


def stage(run: ImportRun, batch: Batch) -> None:
    """Write one batch: COPY into a temporary table, one INSERT … SELECT into the staged rows."""
    if batch.rows:
        session.execute(_CREATE_BATCH)
        session.execute(_EMPTY_BATCH)
        driver = cast("PsycopgConnection", session.connection().connection.driver_connection)
        with driver.cursor() as cursor, cursor.copy(_COPY_BATCH) as copy:
            for row in batch.rows:
                copy.write_row(_cells(row))
        session.execute(_TAKE_BATCH, {"distributor_id": run.distributor_id, "run_id": run.id})
    if batch.issues:
        session.execute(insert(ImportIssue), [_issue(run.id, issue) for issue in batch.issues])


def settle(run: ImportRun) -> None:
    """Refuse rows that repeat or contradict an earlier one, and let a product's rows agree on its name."""
    parameters = {"distributor_id": run.distributor_id, "run_id": run.id}
    with many_rows():
        for statement in (_REPORT_REPEATED, _DROP_REPEATED, _AGREE):
            session.execute(statement, parameters)


def _cells(row: SheetRow) -> tuple[object, ...]:
    return (
        new_id(), row.row_number, row.code, row.code.lower(), row.product_name, row.product_slug, row.description,
        row.search_text, row.group_name, row.group_slug, row.publisher, row.unit_of_measure, row.segment,
        list(row.tags), row.term.value, row.cycle.value, row.currency, row.vendor_cost, row.list_price,
        row.term_vendor_cost, row.term_list_price, row.valid_from, row.valid_to, row.is_withdrawn,
    )  # fmt: skip


def _issue(run_id: UUID, issue: RowIssue) -> dict[str, object]:
    return {
        "run_id": run_id,
        "row_number": issue.row_number,
        "column": issue.column,
        "code": issue.code,
        "message": issue.message,
    }
