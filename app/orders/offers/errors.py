"""What can go wrong with an offer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.errors import Conflict, NotFound

if TYPE_CHECKING:
    from app.orders.offers.models import OfferType


class OfferNotFound(NotFound):
    """There is no such offer for this caller."""

    def __init__(self) -> None:
        super().__init__("There is no such offer")


class WrongOfferState(Conflict):
    """The offer's state does not allow what was asked."""

    code = "wrong_state"

    def __init__(self, number: str, type_: OfferType, *, is_converted: bool) -> None:
        words = "already an order" if is_converted else type_.value.replace("_", " ")
        super().__init__(f"Offer {number} is {words}")
        self.number, self.type = number, type_


class ApprovalMissing(Conflict):
    """A discount above the ceiling, or a price below cost, has not been approved yet."""

    code = "approval_missing"

    def __init__(self, number: str) -> None:
        super().__init__(f"Offer {number} needs an administrator's approval before it is shared")


class LastStatus(Conflict):
    """The last active status of a type cannot go."""

    code = "last_status"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is the last active status of its type")
