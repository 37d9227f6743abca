"""Taking a price sheet in: streamed to disk, measured and decoded while it is read, never held as a whole."""

from __future__ import annotations

import codecs
import csv
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from app.audit.services import Actor, record
from app.catalogue.errors import SheetRefused
from app.catalogue.imports.models import ImportRun, ImportState
from app.catalogue.imports.sheet import PLAIN_SEGMENT, checked_header
from app.catalogue.jobs import RUN_IMPORT
from app.core.config import settings
from app.core.db import nudge_after_commit, session
from app.core.ids import new_id
from app.core.queue import Nudge
from tenants.context import current_scope

MAX_BYTES = 64 * 1024 * 1024
MAX_LINE_BYTES = 1024 * 1024
CHUNK_BYTES = 64 * 1024
NAME_LENGTH = 255


def media_file(relative: str) -> Path:
    """Return the file behind a run's `file_path` or `report_path`."""
    return Path(settings().media_path) / relative


def upload_sheet(
    stream: BinaryIO, file_name: str, *, service_manager_id: UUID | None = None, actor: Actor, at: datetime
) -> ImportRun:
    """Store a vendor price sheet and ask for its check: a dry run that changes nothing in the catalogue.

    Raises SheetRefused for an empty file, more than 64 MiB, text that is not UTF-8 (with the position of the first
    wrong byte) and missing columns; nothing is kept then. Source: CB-14, CB-15.
    """
    run_id = new_id()
    relative = f"price_sheets/{current_scope().distributor_id}/{run_id}.csv"
    size = _store(stream, media_file(relative))
    run = ImportRun(
        id=run_id,
        file_name=Path(file_name).name[:NAME_LENGTH] or "sheet.csv",
        file_path=relative,
        file_bytes=size,
        state=ImportState.UPLOADED,
        segments=[PLAIN_SEGMENT],
        service_manager_id=service_manager_id,
        started_by_id=actor.user_id,
        created_at=at,
    )
    session.add(run)
    session.flush()
    record("catalogue.import_uploaded", actor=actor, at=at, target_kind="import_run", target_id=run.id,
           after={"file_name": run.file_name, "bytes": size})  # fmt: skip
    nudge_after_commit(Nudge(RUN_IMPORT, run.id, run.distributor_id))
    return run


def _store(stream: BinaryIO, target: Path) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    watch = _Watch()
    try:
        with part.open("wb") as out:
            while chunk := stream.read(CHUNK_BYTES):
                watch.take(chunk)
                out.write(chunk)
            watch.finish()
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return watch.size


@dataclass(slots=True)
class _Watch:
    """Looks at the bytes passing by: size, encoding, length of lines, and the header in the first line."""

    size: int = 0
    line_bytes: int = 0
    header: bytes | None = b""
    decoder: codecs.IncrementalDecoder = field(default_factory=codecs.getincrementaldecoder("utf-8"))

    def take(self, chunk: bytes) -> None:
        self._decode(chunk)
        self.size += len(chunk)
        if self.size > MAX_BYTES:
            raise SheetRefused("too_large", "The file is larger than 64 MB. Split it and import the parts one by one.")
        head, newline, rest = chunk.partition(b"\n")
        self.line_bytes += len(head)
        self._measure()
        if self.header is not None:
            self.header += head
            if newline:
                self._check_header()
        if newline:
            *lines, last = rest.split(b"\n")
            self.line_bytes = max(map(len, lines), default=0)
            self._measure()
            self.line_bytes = len(last)

    def finish(self) -> None:
        self._decode(b"", final=True)
        if self.size == 0:
            raise SheetRefused("empty", "The file is empty")
        if self.header is not None:
            self._check_header()
            raise SheetRefused("no_rows", "The file has a header but no rows")

    def _decode(self, chunk: bytes, *, final: bool = False) -> None:
        pending = len(self.decoder.getstate()[0])
        try:
            self.decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            position = self.size - pending + error.start
            raise SheetRefused(
                "encoding",
                f"The file is not UTF-8: the byte at position {position} cannot be read. "
                "Save it as “CSV UTF-8” and upload it again.",
            ) from error

    def _measure(self) -> None:
        if self.line_bytes > MAX_LINE_BYTES:
            raise SheetRefused("line_too_long", "A line of the file is longer than 1 MB; this is not a price sheet")

    def _check_header(self) -> None:
        text = (self.header or b"").decode("utf-8-sig").rstrip("\r")
        if not text.strip():
            raise SheetRefused("columns_missing", "The first line of the file must hold the names of the columns")
        checked_header(next(csv.reader([text])))
        self.header = None
