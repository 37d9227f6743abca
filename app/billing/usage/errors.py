"""What can go wrong with usage."""

from __future__ import annotations

from uuid import UUID

from app.core.errors import Conflict, NotFound


class UsageChargeNotFound(NotFound):
    """There is no such rate."""

    def __init__(self, charge_id: UUID) -> None:
        super().__init__("There is no such usage charge")
        self.charge_id = charge_id


class UsageImportNotFound(NotFound):
    """There is no such import of usage."""

    def __init__(self, import_id: UUID) -> None:
        super().__init__("There is no such import of usage")
        self.import_id = import_id


class UsageChargeIsUsed(Conflict):
    """Usage was reported for the rate; it stays for the papers' sake."""

    def __init__(self, resource: str, count: int) -> None:
        super().__init__(f"{resource} has {count} usage records and cannot be removed")
        self.count = count
