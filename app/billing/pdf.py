"""The paper form of invoices and credit notes."""

from __future__ import annotations

from collections.abc import Iterator

from app.billing.models import Invoice, InvoiceLine
from app.billing.papers import Paper, PaperLine, render
from app.billing.queries import list_lines
from app.core.days import write_day


def render_invoice(invoice: Invoice) -> bytes:
    """Return an invoice as PDF; reads its lines in the scope in force."""
    due = "–" if invoice.is_credit_note else write_day(invoice.due_on)
    return render(
        Paper(
            title=f"{invoice.words} {invoice.number}",
            seller=invoice.seller_name,
            buyer=(invoice.buyer_name, *invoice.buyer_address.splitlines()),
            facts=(
                ("Issued", write_day(invoice.issued_on)),
                ("Due", due),
                ("Order", invoice.order_number or "–"),
                ("Currency", invoice.currency),
            ),
            introduction="",
            lines=[_line(each) for each in list_lines(invoice.id)],
            totals=(("Net total", invoice.net_total), ("Tax", invoice.tax_total), ("Total", invoice.total)),
            currency=invoice.currency,
            terms_label="Period",
        )
    )


def _line(line: InvoiceLine) -> PaperLine:
    return PaperLine(
        name=line.description,
        note=" · ".join(_notes(line)),
        terms=_period(line),
        quantity=line.quantity,
        unit_price=line.unit_price,
        line_total=line.net_amount,
    )


def _notes(line: InvoiceLine) -> Iterator[str]:
    if line.end_customer_name:
        yield f"for {line.end_customer_name}"
    if line.tax_code:
        yield f"Tax code {line.tax_code}"


def _period(line: InvoiceLine) -> str:
    if line.period_from is None or line.period_to is None:
        return "Once"
    return f"{write_day(line.period_from)} – {write_day(line.period_to)}"
