"""Keeping an uploaded table on disk while it is worked on, measured while it is read."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from app.catalogue.errors import SheetRefused
from app.catalogue.product_files.tables import MAX_BYTES
from app.core.config import settings
from tenants.context import current_scope

CHUNK_BYTES = 64 * 1024


def stored_file(relative: str) -> Path:
    """Return the file behind a stored path."""
    return Path(settings().media_path) / relative


def store(stream: BinaryIO, folder: str, row_id: UUID) -> tuple[str, int]:
    """Write an upload below the distributor's folder; returns its relative path and size.

    Raises SheetRefused for an empty file and one above 5 MB; nothing is kept then.
    """
    relative = f"{folder}/{current_scope().distributor_id}/{row_id}"
    target = stored_file(relative)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        size = _copied(stream, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return relative, size


def _copied(stream: BinaryIO, target: Path) -> int:
    size = 0
    with target.open("wb") as out:
        while chunk := stream.read(CHUNK_BYTES):
            size += len(chunk)
            if size > MAX_BYTES:
                raise SheetRefused("too_large", "The file is larger than 5 MB. Split it into several files.")
            out.write(chunk)
    if not size:
        raise SheetRefused("empty", "The file is empty")
    return size


def forget(relative: str) -> None:
    """Delete a stored file."""
    stored_file(relative).unlink(missing_ok=True)
