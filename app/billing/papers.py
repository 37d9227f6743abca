"""Invoices, orders and offers on paper: A4, any alphabet the font has, the same bytes each time (CB-17, CB-18)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from xml.sax.saxutils import escape

import ttf_opensans
from PIL import Image as PILImage
from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    Image,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

from app.core.money import round_money

PLAIN, BOLD = "OpenSans", "OpenSans-SemiBold"
INK, MUTED, LINE = colors.HexColor("#1c2430"), colors.HexColor("#5a6675"), colors.HexColor("#d5dbe3")
MARGIN, WIDTH = 20 * mm, 170 * mm
COLUMNS = (70 * mm, 41 * mm, 16 * mm, 20 * mm, 23 * mm)
FIRST_NUMBER = 2  # columns from here on hold numbers


@dataclass(frozen=True, slots=True)
class PaperLine:
    """One product or charge: what, for how long, how many, at what."""

    name: str
    note: str
    terms: str
    quantity: int
    unit_price: Decimal | None
    line_total: Decimal | None


@dataclass(frozen=True, slots=True)
class Paper:
    """What stands on the paper; amounts are net but where the total says otherwise."""

    title: str
    seller: str
    buyer: Sequence[str]  # name, then address
    facts: Sequence[tuple[str, str]]
    introduction: str
    lines: Sequence[PaperLine]
    totals: Sequence[tuple[str, Decimal]]  # the last one is what is to be paid
    currency: str
    footnote: str = ""
    terms_label: str = "Term"
    logo: bytes | None = None  # any picture Pillow reads


def render(paper: Paper) -> bytes:
    """Return a paper as PDF."""
    _fonts()
    buffer = io.BytesIO()
    document = BaseDocTemplate(
        buffer, pagesize=A4, leftMargin=MARGIN, rightMargin=MARGIN, topMargin=MARGIN, bottomMargin=MARGIN,
        title=paper.title, author=paper.seller, invariant=True,
    )  # fmt: skip
    frame = Frame(MARGIN, MARGIN, document.width, document.height, 0, 0, 0, 0)

    def foot(canvas: Canvas, _document: object) -> None:
        canvas.setFont(PLAIN, 8)
        canvas.setFillColor(MUTED)
        canvas.drawString(MARGIN, 10 * mm, f"{paper.seller} · {paper.title}"[:90])
        canvas.drawRightString(A4[0] - MARGIN, 10 * mm, f"Page {canvas.getPageNumber()}")

    document.addPageTemplates([PageTemplate(frames=[frame], onPage=foot)])
    document.build(_story(paper))
    return buffer.getvalue()


def _story(paper: Paper) -> list[Flowable]:
    story: list[Flowable] = [_logo(paper.logo), Spacer(1, 6 * mm)] if paper.logo else []
    story += [
        _head(paper),
        Spacer(1, 10 * mm),
        _text(paper.title, _style(20, bold=True)),
        Spacer(1, 4 * mm),
        _facts(paper.facts),
        Spacer(1, 6 * mm),
    ]
    for paragraph in filter(None, paper.introduction.splitlines()):
        story += [_text(paragraph, _style(10)), Spacer(1, 2 * mm)]
    story += [Spacer(1, 2 * mm), _lines(paper), Spacer(1, 4 * mm), _totals(paper)]
    for number, paragraph in enumerate(filter(None, paper.footnote.splitlines())):
        story += [Spacer(1, (2 if number else 8) * mm), _text(paragraph, _style(8.5, muted=True))]
    return story


def _logo(content: bytes) -> Flowable:
    """Return a picture of at most 60 x 20 mm, at the left."""
    with PILImage.open(io.BytesIO(content)) as opened:
        width, height = opened.size
        plain = io.BytesIO()
        opened.convert("RGBA").save(plain, "PNG")
    plain.seek(0)
    scale = min(60 * mm / width, 20 * mm / height)
    return Image(plain, width=width * scale, height=height * scale, hAlign="LEFT")


def _head(paper: Paper) -> Flowable:
    buyer = "<br/>".join(escape(line) for line in paper.buyer)
    table = Table(
        [[_text(paper.seller, _style(13, bold=True)), Paragraph(buyer, _style(9.5))]], colWidths=[100 * mm, 70 * mm]
    )
    table.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]))
    return table


def _facts(facts: Sequence[tuple[str, str]]) -> Flowable:
    labels = [_text(label, _style(8, muted=True)) for label, _ in facts]
    values = [_text(value, _style(9.5)) for _, value in facts]
    table = Table([labels, values], colWidths=[WIDTH / len(facts)] * len(facts))
    table.setStyle(TableStyle([("LEFTPADDING", (0, 0), (-1, -1), 0), ("BOTTOMPADDING", (0, 0), (-1, 0), 0)]))
    return table


def _lines(paper: Paper) -> Flowable:
    head = ["Service", paper.terms_label, "Quantity", "Unit price", "Net amount"]
    rows: list[list[Flowable]] = [
        [_text(label, _style(8, muted=True, right=column >= FIRST_NUMBER)) for column, label in enumerate(head)]
    ]
    muted = MUTED.hexval().replace("0x", "#")
    for line in paper.lines:
        name = escape(line.name)
        if line.note:
            name += f'<br/><font size="8" color="{muted}">{escape(line.note)}</font>'
        rows.append(
            [
                Paragraph(name, _style(9)),
                _text(line.terms, _style(8)),
                _text(f"{line.quantity:,}", _style(9, right=True)),
                _text(_unit(line.unit_price, paper.currency), _style(9, right=True)),
                _text(_money(line.line_total, paper.currency), _style(9, right=True)),
            ]
        )
    table = Table(rows, colWidths=COLUMNS, repeatRows=1)
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


def _totals(paper: Paper) -> Flowable:
    last = len(paper.totals) - 1
    rows = [
        [
            _text(f"{label} {paper.currency}" if number == last else label, _style(10, bold=number == last)),
            _text(_money(amount, paper.currency), _style(10, bold=number == last, right=True)),
        ]
        for number, (label, amount) in enumerate(paper.totals)
    ]
    table = Table(rows, colWidths=[50 * mm, 34 * mm], hAlign="RIGHT")
    table.setStyle(TableStyle([("LINEABOVE", (0, -1), (-1, -1), 1, INK), ("RIGHTPADDING", (0, 0), (-1, -1), 0)]))
    return table


@cache
def _fonts() -> None:
    pdfmetrics.registerFont(TTFont(PLAIN, str(ttf_opensans.OPENSANS_REGULAR.path)))
    pdfmetrics.registerFont(TTFont(BOLD, str(ttf_opensans.OPENSANS_SEMIBOLD.path)))


@cache
def _style(size: float, *, bold: bool = False, muted: bool = False, right: bool = False) -> ParagraphStyle:
    return ParagraphStyle(
        f"paper-{size}-{bold}-{muted}-{right}",
        fontName=BOLD if bold else PLAIN,
        fontSize=size,
        leading=size * 1.4,
        textColor=MUTED if muted else INK,
        alignment=TA_RIGHT if right else 0,
        splitLongWords=True,
    )


def _text(words: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(escape(words), style)


def _money(amount: Decimal | None, currency: str) -> str:
    return "–" if amount is None else f"{round_money(amount, currency):,}"


def _unit(amount: Decimal | None, currency: str) -> str:
    """Write a unit price with up to 4 decimals, at least those of the currency."""
    if amount is None:
        return "–"
    rounded = round_money(amount, currency)
    return f"{rounded if rounded == amount else amount.normalize():,}"
