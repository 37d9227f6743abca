"""Reading the tables people upload: XLSX and CSV, row by row, formulas as their values (CB-13, CB-14).

A file is judged by what is in it, not by its name. Nothing is held as a whole but an XLSX file's shared texts, and that
file may unpack to a bounded size only.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from app.catalogue.errors import SheetRefused

MAX_BYTES = 5 * 1024 * 1024
MAX_UNPACKED = 200 * 1024 * 1024
MAX_COLUMNS = 200
MAX_CELL = 5000
CSV_SHEET = "CSV"
ZIP, OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
WRONG_TYPE = "Upload an Excel workbook (.xlsx) or a CSV file in UTF-8"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of a file and the names in its first row; no names, no header."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row below the header: its number in the file (1 is the header) and its cells by column."""

    number: int
    cells: dict[str, str]


def sheets_of(path: Path) -> Sequence[Sheet]:
    """Return the sheets of a file. Raises SheetRefused for a wrong type, a damaged file, and one without any header."""
    with _opened(path) as tables:
        found = [Sheet(name, _header(next(rows, ()))) for name, rows in tables]
    if not any(sheet.columns for sheet in found):
        raise SheetRefused("no_header", "The first row of the file must hold the names of the columns")
    for sheet in found:
        if len(set(map(str.casefold, sheet.columns))) < len(sheet.columns):
            raise SheetRefused("column_twice", f"Two columns of “{sheet.name[:60]}” have the same name")
    return found


def rows_of(path: Path, sheet: str, *, most: int) -> Iterator[TableRow]:
    """Read the rows of a sheet, passing over empty ones. Raises SheetRefused beyond `most` rows, or where it is gone."""
    with _opened(path) as tables:
        for name, rows in tables:
            if name == sheet:
                yield from _rows(rows, most)
                return
    raise SheetRefused("sheet_gone", "The file has no such sheet")


def _rows(rows: Iterator[Sequence[object]], most: int) -> Iterator[TableRow]:
    columns = _header(next(rows, ()))
    read = 0
    for number, cells in enumerate(rows, start=2):
        texts = [cell_text(cell) for cell in cells[: len(columns)]]
        if not any(texts):
            continue
        read += 1
        if read > most:
            raise SheetRefused("too_many_rows", f"The file has more than {most:,} rows. Split it into several files.")
        yield TableRow(number, dict(zip(columns, texts, strict=False)))


def _header(cells: Sequence[object]) -> tuple[str, ...]:
    """Return the names of the columns up to the first empty one; a row of numbers is no header."""
    names: list[str] = []
    for cell in cells[:MAX_COLUMNS]:
        name = " ".join(cell_text(cell).split())[:100] if isinstance(cell, str) else ""
        if not name:
            break
        names.append(name)
    return tuple(names)


def cell_text(cell: object) -> str:
    """Return what a cell shows: numbers exact and without a needless end, days as 2026-03-01."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        text = format(Decimal(repr(cell)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time(0) else cell.isoformat(sep=" ", timespec="minutes")
    if isinstance(cell, date):
        return cell.isoformat()
    return str(cell).strip()[:MAX_CELL]


@contextmanager
def _opened(path: Path) -> Iterator[Iterator[tuple[str, Iterator[Sequence[object]]]]]:
    """Open a file as pairs of a sheet's name and its rows."""
    with path.open("rb") as file:
        start = file.read(4)
    try:
        if start == ZIP:
            with _workbook(path) as tables:
                yield tables
        elif start == OLD_EXCEL:
            raise SheetRefused("old_excel", "This is an old Excel file (.xls). Save it as .xlsx and upload it again.")
        else:
            with _text(path) as tables:
                yield tables
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ParseError, EOFError) as error:
        raise SheetRefused("damaged", f"The file cannot be read. {WRONG_TYPE}.") from error


@contextmanager
def _workbook(path: Path) -> Iterator[Iterator[tuple[str, Iterator[Sequence[object]]]]]:
    with zipfile.ZipFile(path) as packed:
        if sum(part.file_size for part in packed.infolist()) > MAX_UNPACKED:
            raise SheetRefused("too_large", "The workbook unpacks to more than 200 MB; this is no list")
        if "xl/workbook.xml" not in packed.namelist():
            raise SheetRefused("wrong_type", WRONG_TYPE)
    with path.open("rb") as file:  # by its name, openpyxl would judge the ending
        book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        try:
            yield ((sheet.title, sheet.iter_rows(values_only=True)) for sheet in book.worksheets)
        finally:
            book.close()


@contextmanager
def _text(path: Path) -> Iterator[Iterator[tuple[str, Iterator[Sequence[object]]]]]:
    raw = path.read_bytes()  # 5 MB at most
    if b"\0" in raw:
        raise SheetRefused("wrong_type", WRONG_TYPE)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SheetRefused("encoding", "The file is not UTF-8. Save it as “CSV UTF-8” and upload it again.") from error
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    try:
        yield iter([(CSV_SHEET, iter(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)))])
    except csv.Error as error:
        raise SheetRefused("damaged", f"The file cannot be read. {WRONG_TYPE}.") from error
