"""Reading a vendor price sheet row by row."""

from __future__ import annotations

import gc
from datetime import date
from decimal import Decimal
from itertools import chain

import pytest

from app.catalogue.errors import SheetRefused
from app.catalogue.imports.sheet import RowIssue, SheetRow, per_cycle, read_sheet
from app.catalogue.imports.staging import BATCH_ROWS, batches_of
from app.catalogue.models import BillingCycle, Term
from app.catalogue.units import instalments
from tests.factories.catalogue import HEADER, SAMPLE_SHEET, sheet_lines, sheet_row


def read_one(**cells: str) -> SheetRow | tuple[RowIssue, ...]:
    (found,) = read_sheet(sheet_lines([sheet_row(**cells)]))
    return found


def codes(found: SheetRow | tuple[RowIssue, ...]) -> list[tuple[str | None, str]]:
    assert isinstance(found, tuple)
    return [(issue.column, issue.code) for issue in found]


def test_term_price_billed_monthly_is_a_twelfth() -> None:
    """CB-F45: a term price of 57.60 with a monthly plan appears as 12 x 4.80."""
    row = read_one(TermDuration="P1Y", BillingPlan="Monthly", UnitPrice="57.6", ERP_Price="72")
    assert isinstance(row, SheetRow)
    assert instalments(row.term, row.cycle) == 12
    assert (row.vendor_cost, row.list_price) == (Decimal("4.8000"), Decimal("6.0000"))
    assert (row.term_vendor_cost, row.term_list_price) == (Decimal("57.6000"), Decimal("72.0000"))


@pytest.mark.parametrize(
    ("term", "cycle", "times"),
    [
        (Term.P1M, BillingCycle.MONTHLY, 1),
        (Term.P1Y, BillingCycle.MONTHLY, 12),
        (Term.P1Y, BillingCycle.ANNUAL, 1),
        (Term.P3Y, BillingCycle.MONTHLY, 36),
        (Term.P3Y, BillingCycle.ANNUAL, 3),
        (Term.P3Y, BillingCycle.TRIENNIAL, 1),
        (Term.P1M, BillingCycle.ANNUAL, None),
        (Term.P1Y, BillingCycle.TRIENNIAL, None),
        (Term.NONE, BillingCycle.ONE_TIME, None),
    ],
)
def test_a_cycle_fits_into_a_term_a_whole_number_of_times(term, cycle, times) -> None:
    assert instalments(term, cycle) == times


def test_price_per_cycle_is_rounded_half_up_to_four_decimals() -> None:
    assert per_cycle(Decimal(100), 36) == Decimal("2.7778")
    assert per_cycle(Decimal("0.0006"), 12) == Decimal("0.0001")


def test_the_shipped_sheet_reads_without_an_issue() -> None:
    with SAMPLE_SHEET.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(read_sheet(lines))
    assert len(rows) == 464
    assert all(isinstance(row, SheetRow) for row in rows)
    assert len({row.code for row in rows}) == 116
    assert len({row.group_name for row in rows}) == 44


def test_open_end_and_american_dates_are_understood() -> None:
    row = read_one(EffectiveStartDate="3/1/2025 12:00:00 AM", EffectiveEndDate="12/31/9999 11:59:59 PM")
    assert isinstance(row, SheetRow)
    assert (row.valid_from, row.valid_to) == (date(2025, 3, 1), None)


def test_segment_is_named_where_it_is_not_commercial() -> None:
    row = read_one(Segment="Education")
    assert isinstance(row, SheetRow)
    assert row.product_name == "Backup Cloud Small (Education)"
    assert row.search_text == "backup cloud small (education) bkp1.0001 acronym software backup cloud"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"TermDuration": "P2W"}, ("TermDuration", "term")),
        ({"BillingPlan": "Weekly"}, ("BillingPlan", "billing_plan")),
        ({"TermDuration": "P1M", "BillingPlan": "Annual"}, ("BillingPlan", "billing_plan")),
        ({"Currency": "XQX"}, ("Currency", "currency")),
        ({"UnitPrice": "-1"}, ("UnitPrice", "number")),
        ({"UnitPrice": "1,5"}, ("UnitPrice", "number")),
        ({"UnitPrice": "NaN"}, ("UnitPrice", "number")),
        ({"UnitPrice": ""}, ("UnitPrice", "number")),
        ({"ERP Price": "100000000"}, ("ERP Price", "too_large")),
        ({"EffectiveStartDate": "31/12/2025"}, ("EffectiveStartDate", "date")),
        ({"EffectiveEndDate": "1/1/2024 12:00:00 AM"}, ("EffectiveEndDate", "date_order")),
        ({"SkuTitle": ""}, ("SkuTitle", "required")),
        ({"SkuTitle": "x" * 241}, ("SkuTitle", "too_long")),
        ({"SkuTitle": "=HYPERLINK(1)"}, ("SkuTitle", "formula")),
        ({"Tags": "@sum"}, ("Tags", "formula")),
        ({"SkuDescription": "nul\x00byte"}, ("SkuDescription", "control_character")),
        ({"ProductId": "A B"}, ("ProductId", "code")),
        ({"PricingTierRangeMin": "50"}, ("PricingTierRangeMin", "tier")),
    ],
)
def test_a_bad_cell_is_told_with_its_column(cells, expected) -> None:
    assert codes(read_one(**cells)) == [expected]


def test_every_issue_of_a_row_is_told_at_once() -> None:
    found = read_one(TermDuration="P2W", UnitPrice="free", SkuTitle="+1")
    assert [code for _, code in codes(found)] == ["formula", "term", "number"]


def test_largest_price_is_accepted() -> None:
    row = read_one(UnitPrice="99999999.9999", TermDuration="P1M")
    assert isinstance(row, SheetRow)
    assert row.vendor_cost == Decimal("99999999.9999")


def test_a_row_with_too_few_cells_is_told_and_the_next_one_read() -> None:
    lines = [*sheet_lines([sheet_row()]), "a,b\n", *list(sheet_lines([sheet_row(SkuId="0002")]))[1:]]
    good, short, after = read_sheet(lines)
    assert isinstance(good, SheetRow)
    assert codes(short) == [(None, "cells")]
    assert isinstance(after, SheetRow)
    assert after.row_number == 4


def test_missing_columns_are_named() -> None:
    with pytest.raises(SheetRefused, match="SkuId, ERP Price"):
        list(read_sheet(sheet_lines([sheet_row()], [name for name in HEADER if name not in {"SkuId", "ERP Price"}])))


def test_reading_100_000_rows_holds_no_more_than_two_batches_of_them() -> None:
    header, template = sheet_lines([sheet_row(ProductId="PRODUCT")])
    lines = chain([header], (template.replace("PRODUCT", f"P{number}") for number in range(100_000)))

    read = most_alive = 0
    for number, batch in enumerate(batches_of(lines)):
        read += batch.rows_read
        if number % 10 == 9:
            alive = sum(isinstance(thing, SheetRow) for thing in gc.get_objects())
            most_alive = max(most_alive, alive)

    assert read == 100_000
    assert BATCH_ROWS <= most_alive <= 2 * BATCH_ROWS + 50
