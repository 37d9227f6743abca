"""Rows of a usage file, typed: AccountCode, Subscription, Resource, Quantity, Start date, End date (CB-13)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from app.catalogue.errors import SheetRefused
from app.catalogue.product_files.tables import Sheet, TableRow, rows_of, sheets_of

MOST_ROWS = 50_000
MOST_QUANTITY = Decimal("99999999999.9999")
LARGEST_STEP = Decimal("0.0001")
YES = frozenset({"yes", "y", "true", "1", "x"})
COLUMNS = {  # ours -> how a header may spell it, without spaces and capitals
    "account": ("accountcode", "account"),
    "subscription": ("subscription", "subscriptioncode"),
    "resource": ("resource",),
    "quantity": ("quantity",),
    "first_day": ("startdate", "start", "from"),
    "last_day": ("enddate", "end", "to"),
    "correction": ("correction",),
}
NEEDED = ("account", "resource", "quantity", "first_day", "last_day")
WORDS = {
    "account": "AccountCode",
    "resource": "Resource",
    "quantity": "Quantity",
    "first_day": "Start date",
    "last_day": "End date",
}


@dataclass(frozen=True, slots=True)
class UsageRow:
    """A row as it stands in the file; `problem` says what cannot be read of it."""

    number: int
    account: str
    subscription: str
    resource: str
    quantity: Decimal | None
    first_day: date | None
    last_day: date | None
    is_correction: bool
    problem: str


def sheet_of(path: Path) -> Sheet:
    """Return the sheet with the usage: the first that has all columns. Raises SheetRefused naming what is missing."""
    sheets = [sheet for sheet in sheets_of(path) if sheet.columns]
    for sheet in sheets:
        if not _missing(sheet.columns):
            return sheet
    missing = ", ".join(WORDS[name] for name in _missing(sheets[0].columns))
    raise SheetRefused("columns_missing", f"The first row of the file lacks these columns: {missing}")


def count_rows(path: Path, sheet: Sheet) -> int:
    """Return how many rows there are. Raises SheetRefused beyond 50 000, and for none."""
    count = sum(1 for _ in rows_of(path, sheet.name, most=MOST_ROWS))
    if not count:
        raise SheetRefused("no_rows", "The file has a header but no rows")
    return count


def read_rows(path: Path, sheet: Sheet) -> Iterator[UsageRow]:
    """Read the rows of a checked file."""
    names = _names(sheet.columns)
    for row in rows_of(path, sheet.name, most=MOST_ROWS):
        yield _row(row, names)


def _row(row: TableRow, names: Mapping[str, str]) -> UsageRow:
    def cell(name: str) -> str:
        return row.cells.get(names[name], "") if name in names else ""

    is_correction = cell("correction").casefold() in YES
    quantity, first_day, last_day = _quantity(cell("quantity")), _day(cell("first_day")), _day(cell("last_day"))
    problem = ""
    if not cell("account"):
        problem = "AccountCode is empty"
    elif not cell("resource"):
        problem = "Resource is empty"
    elif quantity is None:
        problem = "Quantity is no number, or has more than 4 decimals"
    elif quantity < 0 and not is_correction:
        problem = "Quantity is below 0"
    elif first_day is None or last_day is None:
        problem = "Start date or end date is no day such as 2026-03-31"
    elif last_day < first_day:
        problem = "The end date lies before the start date"
    return UsageRow(
        row.number,
        cell("account")[:40],
        cell("subscription")[:40],
        cell("resource")[:64],
        quantity,
        first_day,
        last_day,
        is_correction,
        problem,
    )


def _quantity(text: str) -> Decimal | None:
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    if not found.is_finite() or abs(found) > MOST_QUANTITY or found != found.quantize(LARGEST_STEP):
        return None
    return found


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _names(columns: Sequence[str]) -> dict[str, str]:
    plain = {"".join(column.casefold().replace("_", " ").rstrip("*").split()): column for column in columns}
    return {
        name: next(plain[spelling] for spelling in spellings if spelling in plain)
        for name, spellings in COLUMNS.items()
        if any(spelling in plain for spelling in spellings)
    }


def _missing(columns: Sequence[str]) -> list[str]:
    found = _names(columns)
    return [name for name in NEEDED if name not in found]
