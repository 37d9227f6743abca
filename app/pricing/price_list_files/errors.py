"""What can go wrong with files of price list lines."""

from __future__ import annotations

from uuid import UUID

from app.core.errors import Conflict, NotFound


class ListFileNotFound(NotFound):
    """The list has no such file."""

    def __init__(self, file_id: UUID) -> None:
        super().__init__("There is no such file")
        self.file_id = file_id


class ListFileDecided(Conflict):
    """Somebody has taken the file in, or put it aside."""

    def __init__(self, file_name: str) -> None:
        super().__init__(f"“{file_name}” was already decided")
        self.file_name = file_name


class ListCurrencyMoved(Conflict):
    """The list has another currency than when the file was read."""

    def __init__(self, file_name: str, currency: str) -> None:
        super().__init__(f"The list is in {currency} now. Upload “{file_name}” again.")
        self.currency = currency
