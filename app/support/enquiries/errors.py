"""What can go wrong with enquiries."""

from __future__ import annotations

from app.core.errors import NotFound


class EnquiryNotFound(NotFound):
    """There is no such enquiry for this owner."""

    def __init__(self) -> None:
        super().__init__("There is no such enquiry")


class NothingToAsk(NotFound):
    """The product is not shown to this buyer, or nobody takes questions about it."""

    def __init__(self) -> None:
        super().__init__("There is no such product to ask about")
