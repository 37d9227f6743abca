"""All invoices and credit notes the distributor has issued."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response

from app.api.answers import answered
from app.api.blueprints import bss_bp as bp
from app.api.callers import needs
from app.api.criteria import asked_criteria
from app.api.invoices.schemas import InvoiceOut, InvoiceWithLines
from app.api.lists import asked_page, listed
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


@bp.get("/invoices")
@needs(ApiScope.INVOICES_READ)
@answers(Invoices, lists=INVOICE_PROPERTIES)
def invoices() -> Response:
    """List all invoices and credit notes."""
    asked, criteria, wanted = asked_page(), asked_criteria(INVOICE_PROPERTIES), InvoiceFilter()
    found = list_invoices(wanted, limit=asked.size, offset=asked.offset, criteria=criteria)
    total = count_invoices(wanted, criteria=criteria)
    return listed(Invoices, [InvoiceOut.of(each) for each in found], asked, total)


@bp.get("/invoices/<number>")
@needs(ApiScope.INVOICES_READ)
@answers(InvoiceWithLines, refuses=(HTTPStatus.NOT_FOUND,))
def invoice(number: str) -> Response:
    """Return one invoice with its lines."""
    found = get_invoice(number)
    return answered(InvoiceWithLines.with_lines(found, list_lines(found.id)))
