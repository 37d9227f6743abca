"""Invoices to resellers and direct customers: list, export, one invoice, its paper form (RS-29, CB-32)."""

from __future__ import annotations

from datetime import date

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required
from app.billing.models import INVOICE_WORDS, InvoiceKind, InvoiceStatus
from app.billing.pdf import render_invoice
from app.billing.queries import (
    InvoiceFilter,
    InvoiceOrder,
    count_invoices,
    get_invoice,
    list_invoices,
    list_lines,
    sum_invoices,
)
from app.bss.calendar import distributor_today
from app.bss.listing import asked_choice, asked_export, asked_id, asked_text, export, with_args
from app.identity.permissions import Permission
from app.web.pages import page
from app.web.pagination import SIZES, Page, requested_page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("invoices", __name__, surface=Surface.BSS)

TONES = {
    InvoiceStatus.UNPAID: "warning",
    InvoiceStatus.PARTLY_PAID: "progress",
    InvoiceStatus.PAID: "success",
    InvoiceStatus.CREDITED: "neutral",
}
HEADER = (
    "Kind", "Number", "Order", "Buyer", "Issued", "Due", "Status", "Net total", "Tax", "Total", "Unpaid", "Currency",
)  # fmt: skip


def requested_filter() -> InvoiceFilter:
    """Read the list's filter from the query string; what is no choice is no filter."""
    return InvoiceFilter(
        search=asked_text(),
        status=asked_choice(InvoiceStatus, "status"),
        kind=asked_choice(InvoiceKind, "kind"),
        account_id=asked_id("account"),
        issued_from=_day("from"),
        issued_to=_day("to"),
        order=asked_choice(InvoiceOrder, "sort") or InvoiceOrder.NEWEST,
    )


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None


@bp.get("")
@permission_required(Permission.BSS_BILLING_VIEW)
def index() -> ResponseReturnValue:
    """List invoices with what they add up to, or export what the filter finds."""
    wanted = requested_filter()
    if kind := asked_export():
        rows = [
            (
                i.words, i.number, i.order_number, i.buyer_name, i.issued_on, i.due_on, i.status_words, i.net_total,
                i.tax_total, i.total, i.total - i.paid_total, i.currency,
            )
            for i in list_invoices(wanted, limit=None)
        ]  # fmt: skip
        return export(kind, "invoices", HEADER, rows)
    asked = requested_page()
    return page(
        "bss/invoices/index.html",
        title="Invoices",
        invoices=Page(
            list_invoices(wanted, offset=asked.offset, limit=asked.size),
            count_invoices(wanted),
            asked.number,
            asked.size,
        ),
        totals=sum_invoices(wanted),
        wanted=wanted,
        today=distributor_today(),
        status_words=INVOICE_WORDS,
        tones=TONES,
        sizes=SIZES,
        with_args=with_args,
    )


@bp.get("/<number>")
@permission_required(Permission.BSS_BILLING_VIEW)
def detail(number: str) -> ResponseReturnValue:
    """Show one invoice with its lines."""
    invoice = get_invoice(number)
    return page(
        "bss/invoices/detail.html",
        title=f"{invoice.words} {invoice.number}",
        breadcrumbs=[Crumb("Invoices", url_for(".index")), Crumb(invoice.number)],
        invoice=invoice,
        lines=list_lines(invoice.id),
        is_overdue=invoice.is_overdue(distributor_today()),
        tones=TONES,
    )


@bp.get("/<number>/pdf")
@permission_required(Permission.BSS_BILLING_VIEW)
def pdf(number: str) -> ResponseReturnValue:
    """Return an invoice as PDF."""
    invoice = get_invoice(number)
    answer = Response(render_invoice(invoice), mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="{invoice.number}.pdf"'
    return answer
