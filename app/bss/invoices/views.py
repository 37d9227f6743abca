"""Invoices to resellers and direct customers: list, export, one invoice, its paper form (RS-29, CB-32)."""

from __future__ import annotations

from datetime import date

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required
from app.billing.models import InvoiceStatus
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

STATUS_WORDS = {
    InvoiceStatus.UNPAID: "Unpaid",
    InvoiceStatus.PARTLY_PAID: "Partly paid",
    InvoiceStatus.PAID: "Paid",
    InvoiceStatus.CREDITED: "Credited",
}
TONES = {
    InvoiceStatus.UNPAID: "warning",
    InvoiceStatus.PARTLY_PAID: "progress",
    InvoiceStatus.PAID: "success",
    InvoiceStatus.CREDITED: "neutral",
}
HEADER = (
    "Number", "Order", "Buyer", "Issued", "Due", "Status", "Net total", "Tax", "Total", "Unpaid", "Currency",
)  # fmt: skip


def requested_filter() -> InvoiceFilter:
    """Read the list's filter from the query string; what is no choice is no filter."""
    return InvoiceFilter(
        search=asked_text(),
        status=asked_choice(InvoiceStatus, "status"),
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
                i.number, i.order_number, i.buyer_name, i.issued_on, i.due_on, STATUS_WORDS[i.status], i.net_total,
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
        status_words=STATUS_WORDS,
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
        title=invoice.number,
        breadcrumbs=[Crumb("Invoices", url_for(".index")), Crumb(invoice.number)],
        invoice=invoice,
        lines=list_lines(invoice.id),
        is_overdue=invoice.status in (InvoiceStatus.UNPAID, InvoiceStatus.PARTLY_PAID)
        and invoice.due_on < distributor_today(),
        status_words=STATUS_WORDS,
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
