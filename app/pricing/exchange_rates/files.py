"""Files of exchange rates: read and judged at once, looked at, taken in as a whole or not at all (BC-07).

Columns are found by the names the export writes, in any order; others are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from sqlalchemy import delete, select

from app.audit.services import Actor, record
from app.catalogue.errors import SheetRefused
from app.catalogue.product_files.storing import forget, store, stored_file
from app.catalogue.product_files.tables import TableRow, rows_of, sheets_of
from app.core.db import session
from app.core.errors import Conflict, NotFound
from app.core.ids import new_id
from app.pricing.exchange_rates.models import RateFile
from app.pricing.exchange_rates.rates import NewRate, errors_of, insert_rates, known_rates
from app.pricing.price_list_files.models import ListFileState
from tenants.context import current_scope

MOST_ROWS = 5_000
KEPT = 20  # files
FROM, TO, RATE, VALID_FROM = COLUMNS = ("From", "To", "Rate", "Valid from")
LONG = 40  # characters of a cell that are shown
FIELD_COLUMNS = {"from_code": FROM, "to_code": TO, "rate": RATE, "valid_from": VALID_FROM}


class RateFileNotFound(NotFound):
    """The distributor has no such file."""

    def __init__(self, file_id: UUID) -> None:
        super().__init__("There is no such file")
        self.file_id = file_id


class RateFileDecided(Conflict):
    """Somebody has taken the file in, or put it aside."""

    def __init__(self, file_name: str) -> None:
        super().__init__(f"“{file_name}” was already decided")
        self.file_name = file_name


class RateFileHasErrors(Conflict):
    """Nothing is taken of a file with wrong rows; a rate may have been entered since its preview, too."""

    def __init__(self, file_name: str) -> None:
        super().__init__(f"“{file_name}” has wrong rows, so nothing of it was taken. Correct it and upload it again.")
        self.file_name = file_name


@dataclass(frozen=True, slots=True)
class FileRate:
    """A row as it was written. `message` says what is wrong with it; `is_there`: the history has it already."""

    row_number: int
    from_code: str
    to_code: str
    rate: str
    valid_from: str
    message: str = ""
    is_there: bool = False

    def as_rate(self) -> NewRate:
        """Return what it says; raises ValueError, InvalidOperation where it is no number or day."""
        written = self.rate.replace(",", ".") if self.rate.count(",") == 1 and "." not in self.rate else self.rate
        return NewRate(self.from_code, self.to_code, Decimal(written), date.fromisoformat(self.valid_from))


def upload_rates(stream: BinaryIO, file_name: str, *, actor: Actor, at: datetime) -> RateFile:
    """Read a file and say what it would do; the history stays as it is.

    Raises SheetRefused: wrong type, above 5 MB or 5,000 rows, needed columns missing, no rows.
    """
    file_id = new_id()
    relative, _ = store(stream, "exchange_rate_files", file_id)
    try:
        lines = _judged(_read(stored_file(relative)))
    finally:
        forget(relative)
    made = RateFile(
        id=file_id,
        file_name=Path(file_name).name[:255] or "rates.csv",
        lines=[asdict(line) for line in lines],
        started_by_id=actor.user_id,
        created_at=at,
    )
    session.add(made)
    session.flush()
    _forget_old()
    return made


def lines_of(file: RateFile) -> Sequence[FileRate]:
    """Return a file's rows: judged by today's history while it waits, as they were once it is decided."""
    lines = [FileRate(**line) for line in file.lines]
    return _judged(lines) if file.state is ListFileState.READY else lines


def confirm_rates(file_id: UUID, *, actor: Actor, at: datetime) -> int:
    """Take a file's rates into the history: all of them or none; returns how many are new.

    Raises RateFileNotFound, RateFileDecided, RateFileHasErrors.
    """
    file = _undecided(file_id)
    judged = lines_of(file)
    if any(line.message for line in judged):
        raise RateFileHasErrors(file.file_name)
    added = insert_rates([line.as_rate() for line in judged if not line.is_there], entered_by_id=actor.user_id, at=at)
    file.lines = [asdict(line) for line in judged]
    file.state, file.finished_at = ListFileState.COMPLETED, at
    record("pricing.rates_imported", actor=actor, at=at, target_kind="exchange_rate_file", target_id=file.id,
           after={"file_name": file.file_name, "rates": len(added)})  # fmt: skip
    return len(added)


def discard_rates(file_id: UUID, *, at: datetime) -> RateFile:
    """Put a file aside; nothing of it is taken. Raises RateFileNotFound, RateFileDecided."""
    file = _undecided(file_id)
    file.state, file.finished_at = ListFileState.DISCARDED, at
    return file


def get_file(file_id: UUID) -> RateFile:
    """Return one of the distributor's files; raises RateFileNotFound."""
    found = session.get(RateFile, (current_scope().distributor_id, file_id))
    if found is None:
        raise RateFileNotFound(file_id)
    return found


def list_files() -> Sequence[RateFile]:
    """Return the files that are kept, the latest first."""
    return session.scalars(
        select(RateFile)
        .where(RateFile.distributor_id == current_scope().distributor_id)
        .order_by(RateFile.created_at.desc(), RateFile.id.desc())
    ).all()


def _read(path: Path) -> Sequence[FileRate]:
    sheet = sheets_of(path)[0]
    by_name = {name.casefold(): name for name in sheet.columns}
    missing = [column for column in COLUMNS if column.casefold() not in by_name]
    if missing:
        raise SheetRefused(
            "columns_missing", f"The file has no column {', '.join(missing)}. Export the rates to see how a file looks."
        )
    names = {column: by_name[column.casefold()] for column in COLUMNS}
    lines = [_line(row, names) for row in rows_of(path, sheet.name, most=MOST_ROWS)]
    if not lines:
        raise SheetRefused("no_rows", "The file has no rows below its header")
    return lines


def _line(row: TableRow, names: Mapping[str, str]) -> FileRate:
    cells = {column: row.cells.get(name, "").strip()[:LONG] for column, name in names.items()}
    return FileRate(row.number, cells[FROM].upper(), cells[TO].upper(), cells[RATE], cells[VALID_FROM])


def _judged(lines: Sequence[FileRate]) -> list[FileRate]:
    """Say of each row what is wrong with it: by itself, beside the rows above it, beside the history."""
    read: dict[int, NewRate] = {}
    messages: dict[int, str] = {}
    for line in lines:
        try:
            rate = line.as_rate()
        except InvalidOperation:
            messages[line.row_number] = f"{RATE}: “{line.rate}” is no number"
        except ValueError:
            messages[line.row_number] = f"{VALID_FROM}: “{line.valid_from}” is no day; write it as 2026-01-31"
        else:
            read[line.row_number] = rate
            if errors := errors_of(rate):
                messages[line.row_number] = f"{FIELD_COLUMNS[errors[0].field]}: {errors[0].message}"
    known = known_rates(list(read.values()))
    first: dict[object, int] = {}
    there: set[int] = set()
    for number, rate in read.items():
        key = (rate.pair, rate.valid_from)
        if first.setdefault(key, number) != number:
            messages.setdefault(number, f"{VALID_FROM}: The same currencies and day as row {first[key]}")
        elif key in known and known[key] == rate.rate:
            there.add(number)
        elif key in known:
            messages.setdefault(number, f"{VALID_FROM}: There is a rate of {known[key].normalize():f} from this day")
    return [
        replace(line, message=messages.get(line.row_number, ""), is_there=line.row_number in there) for line in lines
    ]


def _undecided(file_id: UUID) -> RateFile:
    file = session.scalar(
        select(RateFile)
        .where(RateFile.distributor_id == current_scope().distributor_id, RateFile.id == file_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if file is None:
        raise RateFileNotFound(file_id)
    if file.state is not ListFileState.READY:
        raise RateFileDecided(file.file_name)
    return file


def _forget_old() -> None:
    here = RateFile.distributor_id == current_scope().distributor_id
    newest = select(RateFile.id).where(here).order_by(RateFile.created_at.desc(), RateFile.id.desc()).limit(KEPT)
    session.execute(
        delete(RateFile).where(here, RateFile.id.not_in(newest)).execution_options(synchronize_session=False)
    )
