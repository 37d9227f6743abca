"""The paper form of an invoice: A4, any alphabet the font has (Latin, Greek, Cyrillic), the same bytes each time."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from xml.sax.saxutils import escape

import ttf_opensans
from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageTemplate, Paragraph, Spacer, Table, TableStyle

from app.billing.models import Invoice, InvoiceLine
from app.billing.queries import list_lines
from app.core.money import round_money

PLAIN, BOLD = "OpenSans", "OpenSans-SemiBold"
INK, MUTED, LINE = colors.HexColor("#1c2430"), colors.HexColor("#5a6675"), colors.HexColor("#d5dbe3")
MARGIN = 20 * mm
WIDTHS = (72 * mm, 44 * mm, 15 * mm, 18 * mm, 21 * mm)


def render_invoice(invoice: Invoice) -> bytes:
    """Return an invoice as PDF; reads its lines in the scope in force."""
    _fonts()
    buffer = io.BytesIO()
    document = BaseDocTemplate(
        buffer,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=f"{invoice.words} {invoice.number}",
        author=invoice.seller_name,
        invariant=True,
    )
    frame = Frame(MARGIN, MARGIN, document.width, document.height, 0, 0, 0, 0)

    def foot(canvas: Canvas, _document: object) -> None:
        canvas.setFont(PLAIN, 8)
        canvas.setFillColor(MUTED)
        canvas.drawString(MARGIN, 10 * mm, f"{invoice.seller_name} · {invoice.words} {invoice.number}")
        canvas.drawRightString(A4[0] - MARGIN, 10 * mm, f"Page {canvas.getPageNumber()}")

    document.addPageTemplates([PageTemplate(frames=[frame], onPage=foot)])
    document.build(_story(invoice, list_lines(invoice.id)))
    return buffer.getvalue()


def _story(invoice: Invoice, lines: Sequence[InvoiceLine]) -> list[Flowable]:
    return [
        _head(invoice),
        Spacer(1, 10 * mm),
        _text(f"{invoice.words} {invoice.number}", _style(20, bold=True)),
        Spacer(1, 4 * mm),
        _facts(invoice),
        Spacer(1, 8 * mm),
        _lines(invoice, lines),
        Spacer(1, 4 * mm),
        _totals(invoice),
    ]


def _head(invoice: Invoice) -> Flowable:
    address = "<br/>".join(escape(line) for line in (invoice.buyer_name, *invoice.buyer_address.splitlines()))
    table = Table(
        [[_text(invoice.seller_name, _style(13, bold=True)), Paragraph(address, _style(9.5))]],
        colWidths=[100 * mm, 70 * mm],
    )
    table.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]))
    return table


def _facts(invoice: Invoice) -> Flowable:
    labels = ["Issued", "Due", "Order", "Currency"]
    due = "–" if invoice.is_credit_note else _day(invoice.due_on)
    values = [_day(invoice.issued_on), due, invoice.order_number or "–", invoice.currency]
    table = Table(
        [[_text(label, _style(8, muted=True)) for label in labels], [_text(value, _style(9.5)) for value in values]],
        colWidths=[42.5 * mm] * 4,
    )
    table.setStyle(TableStyle([("LEFTPADDING", (0, 0), (-1, -1), 0), ("BOTTOMPADDING", (0, 0), (-1, 0), 0)]))
    return table


def _lines(invoice: Invoice, lines: Sequence[InvoiceLine]) -> Flowable:
    head = ["Service", "Period", "Quantity", "Unit price", "Net amount"]
    rows: list[list[Flowable]] = [
        [_text(label, _style(8, muted=True, right=column > 1)) for column, label in enumerate(head)]
    ]
    for line in lines:
        service = escape(line.description)
        if line.end_customer_name:
            service += f'<br/><font size="8" color="{MUTED.hexval().replace("0x", "#")}">for {escape(line.end_customer_name)}</font>'
        rows.append(
            [
                Paragraph(service, _style(9)),
                _text(_period(line), _style(8)),
                _text(f"{line.quantity:,}", _style(9, right=True)),
                _text(_unit(line.unit_price, invoice.currency), _style(9, right=True)),
                _text(_money(line.net_amount, invoice.currency), _style(9, right=True)),
            ]
        )
    table = Table(rows, colWidths=WIDTHS, repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LINEBELOW", (0, 0), (-1, -1), 0.5, LINE),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("RIGHTPADDING", (0, 0), (-1, -1), 2 * mm),
                ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
            ]
        )
    )
    return table


def _totals(invoice: Invoice) -> Flowable:
    money = [
        ("Net total", invoice.net_total, False),
        ("Tax", invoice.tax_total, False),
        (f"Total {invoice.currency}", invoice.total, True),
    ]
    rows = [
        [
            _text(label, _style(10, bold=is_bold)),
            _text(_money(amount, invoice.currency), _style(10, bold=is_bold, right=True)),
        ]
        for label, amount, is_bold in money
    ]
    table = Table(rows, colWidths=[40 * mm, 32 * mm], hAlign="RIGHT")
    table.setStyle(TableStyle([("LINEABOVE", (0, -1), (-1, -1), 1, INK), ("RIGHTPADDING", (0, 0), (-1, -1), 0)]))
    return table


@cache
def _fonts() -> None:
    pdfmetrics.registerFont(TTFont(PLAIN, str(ttf_opensans.OPENSANS_REGULAR.path)))
    pdfmetrics.registerFont(TTFont(BOLD, str(ttf_opensans.OPENSANS_SEMIBOLD.path)))


@cache
def _style(size: float, *, bold: bool = False, muted: bool = False, right: bool = False) -> ParagraphStyle:
    return ParagraphStyle(
        f"{size}-{bold}-{muted}-{right}",
        fontName=BOLD if bold else PLAIN,
        fontSize=size,
        leading=size * 1.4,
        textColor=MUTED if muted else INK,
        alignment=TA_RIGHT if right else 0,
        wordWrap="LTR",
        splitLongWords=True,
    )


def _text(words: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(escape(words), style)


def _period(line: InvoiceLine) -> str:
    if line.period_from is None or line.period_to is None:
        return "Once"
    return f"{_day(line.period_from)} – {_day(line.period_to)}"


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _money(amount: Decimal, currency: str) -> str:
    return f"{round_money(amount, currency):,}"


def _unit(amount: Decimal, currency: str) -> str:
    """Write a unit price with up to 4 decimals, at least those of the currency."""
    rounded = round_money(amount, currency)
    return f"{rounded if rounded == amount else amount.normalize():,}"
