"""Reading a vendor price sheet: a stream of rows, each either priced or refused with its reasons.

Nothing here holds more than one row: a sheet of 100 000 rows takes no more memory than one of 1 000.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

import pycountry

from app.catalogue.errors import SheetRefused
from app.catalogue.models import BillingCycle, Term
from app.catalogue.text import looks_like_formula, search_text, slugified
from app.catalogue.units import instalments
from app.core.money import round_unit

REQUIRED = (
    "ProductTitle", "ProductId", "SkuId", "SkuTitle", "Publisher", "SkuDescription", "TermDuration",
    "BillingPlan", "Currency", "UnitPrice", "ERP Price", "Segment",
)  # fmt: skip
TEXT_LIMITS = {
    "ProductTitle": 255, "ProductId": 63, "SkuId": 63, "SkuTitle": 240, "Publisher": 200, "SkuDescription": 4000,
    "UnitOfMeasure": 40, "Tags": 400, "Segment": 40,
}  # fmt: skip
MAY_BE_EMPTY = frozenset({"SkuDescription", "UnitOfMeasure", "Tags"})
TERMS = {each.value: each for each in Term if each.months}
CYCLES = {each.value: each for each in BillingCycle if each.months}
MAX_PRICE = Decimal("99999999.9999")
PLAIN_SEGMENT = "Commercial"  # named by no suffix, and the only one preselected for publishing
REMOVED = frozenset({"removed", "deleted"})
DEFAULT_UNIT = "licence"
TAG_LENGTH = 60

_CODE = re.compile(r"[A-Za-z0-9._-]+")
_NUMBER = re.compile(r"\d{1,12}(\.\d{1,10})?")
_DAY = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})( \d{1,2}:\d{2}(:\d{2})? ?([AP]M)?)?", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One price of one product. `row_number` counts as a spreadsheet does: 1 is the header.

    The amounts of a term are those of the sheet; `vendor_cost` and `list_price` are per billing cycle, 4 decimals.
    """

    row_number: int
    code: str
    product_name: str
    product_slug: str
    description: str
    search_text: str
    group_name: str
    group_slug: str
    publisher: str
    unit_of_measure: str
    segment: str
    tags: tuple[str, ...]
    term: Term
    cycle: BillingCycle
    currency: str
    vendor_cost: Decimal
    list_price: Decimal
    term_vendor_cost: Decimal
    term_list_price: Decimal
    valid_from: date | None
    valid_to: date | None
    is_withdrawn: bool


@dataclass(frozen=True, slots=True)
class RowIssue:
    """Why one row was not taken; `column` is the sheet's name for it."""

    row_number: int
    column: str | None
    code: str
    message: str


def per_cycle(term_price: Decimal, times: int) -> Decimal:
    """Return a term's price per instalment, half-up at 4 decimals (decisions section 5). 57.60 / 12 = 4.80."""
    return round_unit(term_price / times)


def checked_header(header: Sequence[str]) -> tuple[str, ...]:
    """Return the column names of a sheet; raises SheetRefused naming what is missing or stands there twice."""
    names = tuple(name.strip() for name in header)
    if missing := [name for name in REQUIRED if name not in names]:
        raise SheetRefused("columns_missing", f"These columns are missing: {', '.join(missing)}")
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise SheetRefused("columns_twice", f"These columns stand there twice: {', '.join(twice)}")
    return names


def read_sheet(lines: Iterable[str]) -> Iterator[SheetRow | tuple[RowIssue, ...]]:
    """Read the lines of a CSV file; each row comes out as a SheetRow, or as everything that is wrong with it.

    Empty rows are passed over. Raises SheetRefused for what concerns the file as a whole.
    """
    reader = csv.reader(lines, strict=True)
    names: tuple[str, ...] | None = None
    row_number = 0
    while True:
        row_number += 1
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            raise SheetRefused("not_csv", f"Row {row_number} is not CSV: {error}") from error
        if names is None:
            names = checked_header(cells)
        elif any(cells):
            yield _read_row(row_number, names, cells)
    if names is None:
        raise SheetRefused("empty", "The file is empty")


def _read_row(row_number: int, names: tuple[str, ...], cells: list[str]) -> SheetRow | tuple[RowIssue, ...]:
    if len(cells) != len(names):
        return (RowIssue(row_number, None, "cells", f"The row has {len(cells)} cells, the header {len(names)}"),)
    reading = _Reading(row_number, dict(zip(names, map(str.strip, cells), strict=True)))
    row = reading.row()
    return tuple(reading.issues) if row is None or reading.issues else row


class _Reading:
    """One row being read; collects every issue, so that a person mends a row once."""

    def __init__(self, row_number: int, cells: Mapping[str, str]) -> None:
        self.row_number = row_number
        self.cells = cells
        self.issues: list[RowIssue] = []

    def refuse(self, column: str | None, code: str, message: str) -> None:
        self.issues.append(RowIssue(self.row_number, column, code, message))

    def row(self) -> SheetRow | None:
        self._check_texts()
        self._check_tiers()
        term, cycle, times = self._schedule()
        currency = self._currency()
        term_cost, term_list = self._amount("UnitPrice"), self._amount("ERP Price")
        valid_from, valid_to = self._validity()
        if self.issues or term is None or cycle is None or times is None:
            return None
        cells = self.cells
        code, segment = f"{cells['ProductId']}.{cells['SkuId']}", cells["Segment"]
        title = cells["SkuTitle"]
        plain = segment.casefold() == PLAIN_SEGMENT.casefold()
        name = title if plain or f"({segment})" in title else f"{title} ({segment})"
        group_name, publisher = cells["ProductTitle"], cells["Publisher"]
        return SheetRow(
            row_number=self.row_number,
            code=code,
            product_name=name,
            product_slug=_slug(name, code),
            description=cells["SkuDescription"],
            search_text=_search_text(name, code, publisher, group_name),
            group_name=group_name,
            group_slug=_slug(group_name, cells["ProductId"]),
            publisher=publisher,
            unit_of_measure=cells.get("UnitOfMeasure") or DEFAULT_UNIT,
            segment=PLAIN_SEGMENT if plain else segment,
            tags=_tags(cells.get("Tags", "")),
            term=term,
            cycle=cycle,
            currency=currency,
            vendor_cost=per_cycle(term_cost, times),
            list_price=per_cycle(term_list, times),
            term_vendor_cost=round_unit(term_cost),
            term_list_price=round_unit(term_list),
            valid_from=valid_from,
            valid_to=valid_to,
            is_withdrawn=cells.get("ChangeIndicator", "").casefold() in REMOVED,
        )

    def _check_texts(self) -> None:
        for column, limit in TEXT_LIMITS.items():
            text = self.cells.get(column, "")
            if not text:
                if column not in MAY_BE_EMPTY:
                    self.refuse(column, "required", f"{column} is empty")
            elif len(text) > limit:
                self.refuse(column, "too_long", f"{column} has {len(text)} characters, {limit} are allowed")
            elif looks_like_formula(text):
                self.refuse(column, "formula", f"{column} starts like a formula: {text[:1]}")
            elif _CONTROL.search(text):
                self.refuse(column, "control_character", f"{column} contains a character that cannot be shown")
        for column in ("ProductId", "SkuId"):
            text = self.cells[column]
            if text and not looks_like_formula(text) and not _CODE.fullmatch(text):
                self.refuse(column, "code", f"{column} may hold letters, digits, dot, dash and underscore only")
        if len(self.cells["ProductId"]) + len(self.cells["SkuId"]) >= 64:  # noqa: PLR2004 - with the dot, CB-00's limit
            self.refuse("ProductId", "too_long", "ProductId and SkuId together make a code of more than 64 characters")

    def _check_tiers(self) -> None:
        if self.cells.get("PricingTierRangeMin", "") not in {"", "0", "1"} or self.cells.get("PricingTierRangeMax"):
            self.refuse(
                "PricingTierRangeMin", "tier", "Prices by quantity cannot be imported yet; leave the range empty"
            )

    def _schedule(self) -> tuple[Term | None, BillingCycle | None, int | None]:
        written_term, written_plan = self.cells["TermDuration"], self.cells["BillingPlan"]
        term, cycle = TERMS.get(written_term.upper()), CYCLES.get(written_plan.casefold())
        if term is None:
            self.refuse("TermDuration", "term", f"“{written_term[:20]}” is not a known term; use {', '.join(TERMS)}")
        if cycle is None:
            self.refuse(
                "BillingPlan", "billing_plan",
                f"“{written_plan[:20]}” is not a known billing plan; use {', '.join(CYCLES)}",
            )  # fmt: skip
        if term is None or cycle is None:
            return term, cycle, None
        times = instalments(term, cycle)
        if times is None:
            self.refuse(
                "BillingPlan", "billing_plan", f"{written_plan} billing does not fit into a term of {term.value}"
            )
        return term, cycle, times

    def _currency(self) -> str:
        written = self.cells["Currency"].upper()
        if not is_currency(written):
            self.refuse("Currency", "currency", f"“{written[:20]}” is not an ISO 4217 currency")
        return written

    def _amount(self, column: str) -> Decimal:
        written = self.cells[column]
        if not _NUMBER.fullmatch(written):
            self.refuse(column, "number", f"“{written[:20]}” is not a price; write it like 1234.56")
            return Decimal(0)
        amount = Decimal(written)
        if amount > MAX_PRICE:
            self.refuse(column, "too_large", f"{column} is above 99,999,999.9999")
        return amount

    def _validity(self) -> tuple[date | None, date | None]:
        first, last = self._day("EffectiveStartDate"), self._day("EffectiveEndDate")
        if last is not None and last.year == date.max.year:
            last = None  # 12/31/9999 is how sheets say "open"
        if first is not None and last is not None and last < first:
            self.refuse("EffectiveEndDate", "date_order", "The end date lies before the start date")
        return first, last

    def _day(self, column: str) -> date | None:
        written = self.cells.get(column, "")
        if not written:
            return None
        found = _parsed_day(written)
        if found is None:
            self.refuse(column, "date", f"“{written[:30]}” is not a date; write it like 3/1/2025 12:00:00 AM")
        return found


# A sheet repeats its titles, days and currencies row after row.
@lru_cache(maxsize=256)
def _parsed_day(written: str) -> date | None:
    american = _DAY.fullmatch(written)
    try:
        if american:
            return date(int(american[3]), int(american[1]), int(american[2]))
        return datetime.fromisoformat(written).date()
    except ValueError:
        return None


@lru_cache(maxsize=256)
def is_currency(code: str) -> bool:
    """Whether `code` is an ISO 4217 currency in capitals."""
    return pycountry.currencies.get(alpha_3=code) is not None


@lru_cache(maxsize=256)
def _slug(text: str, otherwise: str) -> str:
    return slugified(text, otherwise=otherwise)


@lru_cache(maxsize=256)
def _search_text(name: str, code: str, publisher: str, group_name: str) -> str:
    return search_text(name=name, code=code, vendor=publisher, group_name=group_name)


@lru_cache(maxsize=256)
def _tags(written: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tag.strip()[:TAG_LENGTH] for tag in written.split(";") if tag.strip()))
