"""What can go wrong in the catalogue, each with its data."""

from __future__ import annotations

from uuid import UUID

from app.core.errors import Conflict, FieldError, Invalid, NotFound


class SheetRefused(Invalid):
    """A price sheet that cannot be read at all; `reason` is a stable code, the message says what to mend."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(FieldError("file", reason, message))
        self.reason, self.message = reason, message


class ImportNotFound(NotFound):
    """There is no such import run."""

    def __init__(self, run_id: UUID) -> None:
        super().__init__("There is no such import")
        self.run_id = run_id


class ImportInWrongState(Conflict):
    """The run is not where this step begins: already confirmed, discarded, or still being checked."""

    def __init__(self, run_id: UUID, state: str, message: str) -> None:
        super().__init__(message)
        self.run_id, self.state = run_id, state


class ImportAlreadyRunning(Conflict):
    """Another sheet is being applied; two at once would overwrite each other's prices."""

    def __init__(self, run_id: UUID, file_name: str) -> None:
        super().__init__(f"“{file_name}” is being imported. Confirm this one when it is done.")
        self.run_id = run_id


class ProductNotFound(NotFound):
    """There is no such product for this caller."""

    def __init__(self, key: object) -> None:
        super().__init__("There is no such product")
        self.key = key


class ProductTypeNotFound(NotFound):
    """There is no such product type."""

    def __init__(self, key: object) -> None:
        super().__init__("There is no such product type")
        self.key = key


class CharacteristicNotFound(NotFound):
    """The type does not define such a characteristic."""

    def __init__(self, key: str) -> None:
        super().__init__("There is no such characteristic")
        self.key = key


class GroupingNotFound(NotFound):
    """There is no such product group, industry or price group."""

    def __init__(self, what: str, key: object) -> None:
        super().__init__(f"There is no such {what}")
        self.key = key


class CategoryNotFound(NotFound):
    """There is no such category."""

    def __init__(self, key: object) -> None:
        super().__init__("There is no such category")
        self.key = key


class PictureNotFound(NotFound):
    """There is no such picture in the product's gallery."""

    def __init__(self, picture_id: UUID) -> None:
        super().__init__("There is no such picture")
        self.picture_id = picture_id


class StillUsed(Conflict):
    """Something cannot be deleted because others refer to it; `count` says how many (CB-00, deletion)."""

    def __init__(self, what: str, count: int, by: str, advice: str) -> None:
        super().__init__(f"{what} is used in {count} {by} and cannot be deleted. {advice}")
        self.count = count


class ProductOffered(Conflict):
    """Resellers list the product or have prices for it, in rows that only they see."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Resellers offer {name}, so it cannot be deleted. Deactivate it instead.")
