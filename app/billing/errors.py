"""What can go wrong in billing."""

from __future__ import annotations

from app.core.errors import NotFound


class InvoiceNotFound(NotFound):
    """There is no such invoice for this caller."""

    def __init__(self, number: str) -> None:
        super().__init__(f"There is no invoice {number}")
        self.number = number


class InvoiceIsIssued(RuntimeError):
    """Code tried to change an issued invoice: papers are corrected by a credit note, never edited."""
