"""What can go wrong with price lists, each with its data."""

from __future__ import annotations

from uuid import UUID

from app.core.errors import Conflict, NotFound


class PriceListNotFound(NotFound):
    """There is no such price list."""

    def __init__(self, price_list_id: UUID) -> None:
        super().__init__("There is no such price list")
        self.price_list_id = price_list_id


class PriceListAssigned(Conflict):
    """Accounts pay by this list; it can be deactivated, not deleted."""

    def __init__(self, name: str, accounts: int) -> None:
        super().__init__(f"{accounts} accounts pay by {name}. Deactivate it instead of deleting it.")
        self.accounts = accounts
