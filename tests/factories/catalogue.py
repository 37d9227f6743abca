"""Price sheets for tests: the shipped sample, and made-up ones in the same shape."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

SAMPLE_SHEET = Path(__file__).resolve().parents[2] / "app" / "local" / "demo_data" / "vendor_price_sheet_us.csv"
HEADER = (
    "ChangeIndicator", "ProductTitle", "ProductId", "SkuId", "SkuTitle", "Publisher", "SkuDescription", "UnitOfMeasure",
    "TermDuration", "BillingPlan", "Market", "Currency", "UnitPrice", "PricingTierRangeMin", "PricingTierRangeMax",
    "EffectiveStartDate", "EffectiveEndDate", "Tags", "ERP Price", "Segment",
)  # fmt: skip


def sheet_row(**cells: str) -> dict[str, str]:
    """Return one good row of a price sheet, with some cells replaced. Column names with a space: ERP_Price."""
    row = {
        "ChangeIndicator": "Unchanged",
        "ProductTitle": "Backup Cloud",
        "ProductId": "BKP1",
        "SkuId": "0001",
        "SkuTitle": "Backup Cloud Small",
        "Publisher": "Acronym Software",
        "SkuDescription": "Nightly copies.",
        "UnitOfMeasure": "",
        "TermDuration": "P1Y",
        "BillingPlan": "Monthly",
        "Market": "US",
        "Currency": "USD",
        "UnitPrice": "57.6",
        "PricingTierRangeMin": "",
        "PricingTierRangeMax": "",
        "EffectiveStartDate": "3/1/2025 12:00:00 AM",
        "EffectiveEndDate": "12/31/9999 11:59:59 PM",
        "Tags": "License;Commercial",
        "ERP Price": "72",
        "Segment": "Commercial",
    }
    row.update({name.replace("_", " "): value for name, value in cells.items()})
    return row


def sheet_lines(rows: Iterable[Mapping[str, str]], header: Iterable[str] = HEADER) -> Iterator[str]:
    """Write rows as lines of CSV, one at a time."""
    names = list(header)
    for cells in _with_header(names, rows):
        buffer = io.StringIO()
        csv.DictWriter(buffer, names, extrasaction="ignore", quoting=csv.QUOTE_ALL).writerow(cells)
        yield buffer.getvalue()


def _with_header(names: list[str], rows: Iterable[Mapping[str, str]]) -> Iterator[Mapping[str, str]]:
    yield dict(zip(names, names, strict=True))
    yield from rows


def sheet_file(*rows: Mapping[str, str]) -> io.BytesIO:
    """Return rows as an uploaded file."""
    return io.BytesIO("".join(sheet_lines(list(rows))).encode())
