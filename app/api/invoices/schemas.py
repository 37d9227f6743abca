"""Invoices and credit notes as programs read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from pydantic import Field

from app.api.schemas import Amount, Schema
from app.billing.models import Invoice, InvoiceKind, InvoiceLine, InvoiceStatus


class InvoiceOut(Schema):
    """An invoice or credit note. Of a credit note the amounts are positive too; they count the other way."""

    number: str
    kind: InvoiceKind
    status: InvoiceStatus
    account_id: UUID | None = Field(description="Who pays")
    buyer_name: str
    order_number: str | None
    issued_on: date
    due_on: date
    currency: str
    net_total: Amount
    tax_total: Amount
    total: Amount
    paid_total: Amount

    @classmethod
    def of(cls, it: Invoice) -> InvoiceOut:
        """Return one as programs read it."""
        return cls(**{name: getattr(it, name) for name in InvoiceOut.model_fields})


class InvoiceLineOut(Schema):
    """One line of an invoice."""

    position: int
    description: str
    end_customer_name: str | None
    quantity: int
    unit_price: Amount
    net_amount: Amount
    period_from: date | None
    period_to: date | None


class InvoiceWithLines(InvoiceOut):
    """An invoice or credit note with its lines."""

    lines: list[InvoiceLineOut]

    @classmethod
    def with_lines(cls, it: Invoice, lines: Sequence[InvoiceLine]) -> InvoiceWithLines:
        """Return one as programs read it."""
        shown = [
            InvoiceLineOut(**{name: getattr(each, name) for name in InvoiceLineOut.model_fields}) for each in lines
        ]
        return cls(**{name: getattr(it, name) for name in InvoiceOut.model_fields}, lines=shown)
