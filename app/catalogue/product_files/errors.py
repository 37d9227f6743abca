"""What can go wrong with product files."""

from __future__ import annotations

from uuid import UUID

from app.core.errors import Conflict, NotFound


class ProductFileNotFound(NotFound):
    """There is no such file."""

    def __init__(self, file_id: UUID) -> None:
        super().__init__("There is no such product file")
        self.file_id = file_id


class ProductFileInWrongState(Conflict):
    """The file is not where this step begins."""

    def __init__(self, file_id: UUID, state: str, message: str) -> None:
        super().__init__(message)
        self.file_id, self.state = file_id, state


class FileLost(RuntimeError):
    """Another worker has taken the file over."""
