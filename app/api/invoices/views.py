"""Invoices and credit notes: all of them in the back office; for a storefront what its owner was invoiced (RS-30).

At the root that is what its direct customers were. The scope of the caller says whose they are.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response

from app.api.answers import answered
from app.api.callers import needs
from app.api.invoices.schemas import InvoiceOut, InvoiceWithLines
from app.api.lists import listed_by
from app.api.operations import answers
from app.api.schemas import Listed
from app.billing.queries import (
    INVOICE_PROPERTIES,
    InvoiceFilter,
    count_invoices,
    get_invoice,
    list_invoices,
    list_lines,
)
from app.identity.api_clients.models import ApiScope

Invoices = Listed[InvoiceOut]


def invoice_calls(bp: Blueprint) -> None:
    """Add the calls to an API."""

    @bp.get("/invoices")
    @needs(ApiScope.INVOICES_READ)
    @answers(Invoices, lists=INVOICE_PROPERTIES)
    def invoices() -> Response:
        """List the invoices and credit notes that these credentials reach."""
        return listed_by(Invoices, InvoiceOut.of, INVOICE_PROPERTIES, list_invoices, count_invoices, InvoiceFilter())

    @bp.get("/invoices/<number>")
    @needs(ApiScope.INVOICES_READ)
    @answers(InvoiceWithLines, refuses=(HTTPStatus.NOT_FOUND,))
    def invoice(number: str) -> Response:
        """Return one invoice with its lines."""
        found = get_invoice(number)
        return answered(InvoiceWithLines.with_lines(found, list_lines(found.id)))
