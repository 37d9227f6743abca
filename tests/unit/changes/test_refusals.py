"""What customers read of refusals."""

from __future__ import annotations

from app.changes.errors import ChangeNotFound, InvoicePending, words_for_customers
from app.core.ids import new_id


def test_customers_of_resellers_read_nothing_of_invoices() -> None:
    """RS-F84 (partly): end customers know of no invoices, not even from a refusal that is mailed to them."""
    assert "nvoice" in str(InvoicePending("SUB-000001"))
    assert "nvoice" not in words_for_customers(InvoicePending("SUB-000001"))


def test_other_refusals_are_told_as_they_are() -> None:
    refusal = ChangeNotFound(new_id())
    assert words_for_customers(refusal) == str(refusal)
