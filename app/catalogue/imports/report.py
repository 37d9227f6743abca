"""What became of every row of a sheet, as a CSV file to download."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence

from sqlalchemy import text

from app.catalogue.imports.models import ImportRun
from app.catalogue.imports.upload import media_file
from app.core.db import session

HEADER = (
    "Row", "Result", "Product code", "Product", "Segment", "Term", "Billing plan", "Currency", "Vendor cost before",
    "Vendor cost", "List price before", "List price", "Column", "Problem",
)  # fmt: skip

_ROWS = text("""
    SELECT row_number, CASE WHEN price_outcome = 'unchanged' AND product_outcome = 'changed' THEN 'changed'
                            ELSE price_outcome END AS result,
           code, product_name, segment, term, cycle, currency, old_vendor_cost, vendor_cost, old_list_price, list_price,
           NULL AS name, NULL AS message
    FROM import_rows WHERE distributor_id = :distributor_id AND run_id = :run_id
    UNION ALL
    SELECT row_number, 'failed', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, "column", message
    FROM import_issues WHERE distributor_id = :distributor_id AND run_id = :run_id
    ORDER BY row_number
""")


def report_rows(run: ImportRun) -> Iterator[Sequence[object]]:
    """Read the result of each row from the staged rows and issues, a thousand at a time."""
    parameters = {"distributor_id": run.distributor_id, "run_id": run.id}
    yield from session.execute(_ROWS, parameters, execution_options={"yield_per": 1000})


def write_report(run: ImportRun) -> str:
    """Write the report beside the uploaded sheet and return its path relative to the media folder."""
    relative = run.file_path.removesuffix(".csv") + ".report.csv"
    target = media_file(relative)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    with part.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(HEADER)
        writer.writerows(report_rows(run))
    part.replace(target)
    return relative
