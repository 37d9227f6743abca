"""The rows of a file of price list lines, read cell by cell; what is wrong is said with the column it stands in.

Columns are found by the names the export writes, in any order; others are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path

from app.catalogue.errors import SheetRefused
from app.catalogue.models import BillingCycle, Term
from app.catalogue.product_files.tables import Sheet, TableRow, rows_of, sheets_of
from app.catalogue.units import read_unit
from app.catalogue.words import CYCLE_WORDS, TERM_WORDS
from app.core.errors import Invalid
from app.pricing.models import PriceRule
from app.pricing.price_lists.entries import EntryRule
from app.pricing.price_lists.ladders import ladder_from_text

MOST_ROWS = 10_000
CODE, TERM, CYCLE, RULE, VALUE, TIERS, CURRENCY = "Code", "Term", "Billing plan", "Rule", "Value", "Tiers", "Currency"
NEEDED = (CODE, TERM, CYCLE, RULE)
COLUMNS = (*NEEDED, VALUE, TIERS, CURRENCY)
FIELD_COLUMNS = {"value": VALUE, "tiers": TIERS}
TERMS = {text.casefold(): term for term in Term for text in (term.value, TERM_WORDS[term])}
CYCLES = {text.casefold(): cycle for cycle in BillingCycle for text in (cycle.value, CYCLE_WORDS[cycle])}
RULES = {rule.value: rule for rule in PriceRule}
LONG_CODE, LONG_UNIT = 64, 60


@dataclass(frozen=True, slots=True)
class FileLine:
    """One row as it was read. `rule` None: it cannot be taken, and `message` says why."""

    row_number: int
    code: str
    unit_text: str
    term: Term | None = None
    cycle: BillingCycle | None = None
    rule: EntryRule | None = None
    message: str = ""


def read_lines(path: Path, currency: str) -> Iterator[FileLine]:
    """Read a stored file for a list in a currency. Raises SheetRefused: wrong type, no such columns, too many rows."""
    sheet, names = _sheet_of(sheets_of(path))
    for row in rows_of(path, sheet.name, most=MOST_ROWS):
        yield _line(row, names, currency)


def _sheet_of(sheets: Sequence[Sheet]) -> tuple[Sheet, Mapping[str, str]]:
    """Return the first sheet that has the needed columns, and what the file calls them."""
    missing: list[str] = []
    for sheet in sheets:
        by_name = {name.casefold(): name for name in sheet.columns}
        names = {column: by_name[column.casefold()] for column in COLUMNS if column.casefold() in by_name}
        lacking = [column for column in NEEDED if column not in names]
        if not lacking:
            return sheet, names
        missing = missing or lacking
    raise SheetRefused(
        "columns_missing", f"The file has no column {', '.join(missing)}. Export the list to see how a file looks."
    )


def _line(row: TableRow, names: Mapping[str, str], currency: str) -> FileLine:
    def cell(column: str) -> str:
        return _unquoted(row.cells.get(names.get(column, ""), ""))

    code, unit_text = cell(CODE), f"{cell(TERM)}, {cell(CYCLE)}"
    term, cycle = TERMS.get(cell(TERM).casefold()), CYCLES.get(cell(CYCLE).casefold())
    line = FileLine(row.number, code[:LONG_CODE], unit_text[:LONG_UNIT], term, cycle)
    try:
        if not code:
            raise Invalid.field(CODE, "code_missing", "Name the product")
        if term is None:
            raise Invalid.field(TERM, "term_unknown", f"“{cell(TERM)[:40]}” is no term; write one such as P1Y")
        if cycle is None:
            raise Invalid.field(
                CYCLE, "cycle_unknown", f"“{cell(CYCLE)[:40]}” is no billing plan; write monthly or annual"
            )
        if read_unit(f"{term.value}.{cycle.value}") is None:
            raise Invalid.field(CYCLE, "unit_unknown", "This billing plan does not fit into this term")
        if cell(CURRENCY) and cell(CURRENCY).upper() != currency:
            raise Invalid.field(CURRENCY, "currency_differs", f"The list is in {currency}")
        rule = _rule(cell(RULE), cell(VALUE), cell(TIERS) if TIERS in names else None)
    except Invalid as refusal:
        return replace(line, message=_words(refusal))
    return replace(line, rule=rule)


def _rule(written: str, value: str, tiers: str | None) -> EntryRule:
    """Return what a row says. Without a column of tiers a line keeps those it has."""
    kind = RULES.get(written.casefold())
    if kind is None:
        raise Invalid.field(RULE, "rule_unknown", f"Write {', '.join(RULES)}")
    ladder = ladder_from_text(tiers) if tiers is not None else None
    rule = EntryRule(kind, None if kind is PriceRule.SAME else _number(value), ladder)
    rule.require_valid()
    return rule


def _number(text: str) -> Decimal | None:
    """Return a number as people write it, `12.5` or `12,5`; None for an empty cell."""
    if not text:
        return None
    written = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
    try:
        return Decimal(written)
    except InvalidOperation:
        raise Invalid.field("value", "number", f"“{text[:40]}” is no number") from None


def _unquoted(text: str) -> str:
    """Return a cell without the apostrophe that keeps a spreadsheet from running what an export wrote."""
    stripped = text.strip()
    return stripped[1:] if stripped[:1] == "'" and stripped[1:2] in ("=", "+", "-", "@") else stripped


def _words(refusal: Invalid) -> str:
    error = refusal.errors[0]
    return f"{FIELD_COLUMNS.get(error.field, error.field)}: {error.message}"[:300]
