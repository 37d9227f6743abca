"""Lines of price lists from Excel and CSV: read, previewed, taken in (CB-05)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import Workbook
from sqlalchemy import Connection, select

from app.audit.services import SYSTEM
from app.catalogue.charging import Tier
from app.catalogue.errors import SheetRefused
from app.catalogue.models import BillingCycle, PriceGroup, PriceScheme, Product, ProductPrice, Term, VendorCost
from app.core.config import settings
from app.core.db import session
from app.pricing.models import PriceList, PriceListEntry, PriceRule
from app.pricing.price_list_files.errors import ListCurrencyMoved, ListFileDecided, ListFileNotFound
from app.pricing.price_list_files.models import LineOutcome, ListFileState, PriceListFile, PriceListFileRow
from app.pricing.price_list_files.queries import count_outcomes
from app.pricing.price_list_files.services import KEPT, confirm_lines, discard_lines, upload_lines
from app.pricing.price_lists import entries, group_lines
from app.pricing.price_lists.entries import EntryRule
from app.pricing.price_lists.ladders import Ladder
from app.pricing.price_lists.queries import EntryFilter
from tests.counting import statements_of
from tests.factories.world import MONDAY_NOON, World, make_product

WHO: dict[str, Any] = {"actor": SYSTEM, "at": MONDAY_NOON}
HEADER = ("Code", "Term", "Billing plan", "Rule", "Value", "Tiers")


@pytest.fixture(autouse=True)
def media(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("MEDIA_PATH", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def gold(at_distributor: World) -> PriceList:
    made = PriceList(name="Gold", currency="EUR", valid_from=date(2026, 1, 1), created_at=MONDAY_NOON)
    session.add(made)
    session.flush()
    return made


def csv_file(rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> io.BytesIO:
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return io.BytesIO(text.getvalue().encode())


def upload(price_list: PriceList, *rows: Sequence[str], header: Sequence[str] = HEADER) -> PriceListFile:
    return upload_lines(csv_file(rows, header), "lines.csv", price_list.id, **WHO)


def rows_of(file: PriceListFile) -> list[tuple[LineOutcome, str]]:
    found = session.scalars(
        select(PriceListFileRow)
        .where(PriceListFileRow.file_id == file.id)
        .order_by(PriceListFileRow.row_number)
        .execution_options(populate_existing=True)
    )
    return [(row.outcome, row.message) for row in found]


def lines_of(price_list: PriceList) -> list[tuple[PriceRule, Decimal | None, Decimal, PriceScheme | None]]:
    found = session.scalars(
        select(PriceListEntry)
        .where(PriceListEntry.price_list_id == price_list.id)
        .order_by(PriceListEntry.price)
        .execution_options(populate_existing=True)
    )
    return [(each.rule, each.value, each.price, each.price_scheme) for each in found]


def test_nothing_is_in_the_list_before_somebody_agrees(at_distributor: World, gold: PriceList, media) -> None:
    """CB-05, CB-14 (partly): validation is a dry run; then each good row makes or changes a line."""
    seats = at_distributor.seats.code
    file = upload(gold, (seats.upper(), "P1M", "monthly", "Fixed", "7,50", "volume: 1 = 0; 11 = 20"))
    assert (rows_of(file), lines_of(gold)) == ([(LineOutcome.CREATED, "")], [])
    assert [path for path in media.rglob("*") if path.is_file()] == []

    assert confirm_lines(gold.id, file.id, **WHO) == 1
    assert lines_of(gold) == [(PriceRule.FIXED, Decimal("7.5000"), Decimal("7.5000"), PriceScheme.VOLUME)]
    assert session.scalars(select(PriceListEntry.price_tiers).where(PriceListEntry.price_list_id == gold.id)).one() == [
        {"from": 1, "percent": "0"},
        {"from": 11, "percent": "20"},
    ]


def test_rules_come_to_the_prices_they_come_to_by_hand(at_distributor: World, gold: PriceList) -> None:
    """CB-F14 (partly): mark-up 15 % on cost 8.00 is 9.20; discount 20 % on 11.00 is 8.80; fixed is exact."""
    made = [
        make_product(session, at_distributor.product_type, f"Priced {number}", vendor_cost="8.00", list_price="11.00")
        for number in range(4)
    ]
    said = [("markup", "15"), ("discount", "20"), ("fixed", "9.99"), ("same", "")]
    file = upload(
        gold, *((product.code, "P1M", "monthly", *rule, "") for product, rule in zip(made, said, strict=True))
    )
    after = session.scalars(
        select(PriceListFileRow.price_after).where(PriceListFileRow.file_id == file.id).order_by("row_number")
    ).all()
    confirm_lines(gold.id, file.id, **WHO)

    expected = [Decimal("9.2000"), Decimal("8.8000"), Decimal("9.9900"), Decimal("11.0000")]
    assert list(after) == expected
    assert [price for _, _, price, _ in lines_of(gold)] == sorted(expected)


def test_a_bad_row_says_why_and_the_others_go_in(at_distributor: World, gold: PriceList) -> None:
    """CB-F15 (partly): a product without a price in the list's currency, and each other bad row, is refused by itself."""
    world = at_distributor
    seats, suite = world.seats.code, world.suite.code
    costless = make_product(session, world.product_type, "Costless", code="NO-COST")
    costless_price = session.scalars(select(ProductPrice).where(ProductPrice.product_id == costless.id)).one()
    foreign = make_product(session, world.product_type, "Foreign", code="FOREIGN")
    session.scalars(select(ProductPrice).where(ProductPrice.product_id == foreign.id)).one().currency = "USD"
    session.delete(session.scalars(select(VendorCost).where(VendorCost.product_id == costless.id)).one())
    session.flush()
    assert costless_price.currency == "EUR"
    bad = {
        ("NOBODY", "P1M", "monthly", "same", "", ""): "There is no such product",
        ("", "P1M", "monthly", "same", "", ""): "Name the product",
        (seats, "P9X", "monthly", "same", "", ""): "is no term",
        (seats, "P1M", "weekly", "same", "", ""): "is no billing plan",
        (seats, "P1M", "annual", "same", "", ""): "does not fit",
        (suite, "P3Y", "monthly", "same", "", ""): "no price in EUR",
        ("FOREIGN", "P1M", "monthly", "same", "", ""): "no price in EUR",
        ("NO-COST", "P1M", "monthly", "markup", "5", ""): "no vendor cost",
        (seats, "P1M", "monthly", "half", "5", ""): "Write fixed",
        (seats, "P1M", "monthly", "fixed", "", ""): "Enter a number",
        (seats, "P1M", "monthly", "fixed", "ten", ""): "is no number",
        (seats, "P1M", "monthly", "fixed", "-1", ""): "Enter a number",
        (seats, "P1M", "monthly", "fixed", "NaN", ""): "Enter a number",
        (seats, "P1M", "monthly", "discount", "101", ""): "at most 100",
        (seats, "P1M", "monthly", "fixed", "1.23456", ""): "at most 4 decimals",
        (seats, "P1M", "monthly", "fixed", "5", "volume: 2 = 5"): "begins at quantity 1",
    }
    good = (seats, "1 month", "Monthly", "fixed", "7", "")
    file = upload(gold, *bad, good, good)
    found = rows_of(file)

    assert [outcome for outcome, _ in found] == [LineOutcome.ERROR] * len(bad) + [
        LineOutcome.CREATED,
        LineOutcome.ERROR,
    ]
    for (_, message), expected in zip(found, [*bad.values(), "", f"as row {len(bad) + 2}"], strict=True):
        assert expected in message
    assert confirm_lines(gold.id, file.id, **WHO) == 1
    assert lines_of(gold) == [(PriceRule.FIXED, Decimal(7), Decimal(7), None)]


def test_a_line_that_says_the_same_is_left_with_its_group(at_distributor: World, gold: PriceList) -> None:
    world = at_distributor
    group = PriceGroup(name="Seats")
    session.add(group)
    session.flush()
    session.get_one(Product, (world.id, world.seats.id)).price_group_id = group.id
    session.flush()
    tiers = Ladder(PriceScheme.TIERED, (Tier(1, Decimal(0)), Tier(5, Decimal(10))))
    group_lines.add_line(gold.id, group_lines.NewLine(group.id, EntryRule(PriceRule.FIXED, Decimal(7), tiers)), **WHO)
    same = upload(gold, (world.seats.code, "P1M", "monthly", "fixed", "7.00", "tiered: 1 = 0 %; 5 = 10 %"))
    other = upload(gold, (world.seats.code, "P1M", "monthly", "fixed", "7.00", ""))
    without = upload(
        gold,
        (world.seats.code, "P1M", "monthly", "fixed", "8"),
        header=("code", "TERM", "billing plan", "rule", "value"),
    )

    assert [rows_of(each)[0][0] for each in (same, other, without)] == [
        LineOutcome.UNCHANGED, LineOutcome.CHANGED, LineOutcome.CHANGED,
    ]  # fmt: skip
    assert confirm_lines(gold.id, same.id, **WHO) == 0
    entry = session.scalars(select(PriceListEntry).where(PriceListEntry.price_list_id == gold.id)).one()
    assert entry.group_line_id is not None
    confirm_lines(gold.id, without.id, **WHO)
    session.refresh(entry)
    assert (entry.group_line_id, entry.price, entry.price_scheme) == (None, Decimal(8), PriceScheme.TIERED)


def test_a_file_is_decided_once_and_only_by_its_own_list(at_distributor: World, gold: PriceList) -> None:
    row = (at_distributor.seats.code, "P1M", "monthly", "fixed", "7", "")
    first, second = upload(gold, row), upload(gold, row)
    with pytest.raises(ListFileNotFound):
        confirm_lines(at_distributor.price_list.id, first.id, **WHO)
    assert discard_lines(gold.id, first.id, at=MONDAY_NOON).state is ListFileState.DISCARDED
    for decide in (
        lambda: confirm_lines(gold.id, first.id, **WHO),
        lambda: discard_lines(gold.id, first.id, at=MONDAY_NOON),
    ):
        with pytest.raises(ListFileDecided):
            decide()
    assert lines_of(gold) == []
    assert confirm_lines(gold.id, second.id, **WHO) == 1
    with pytest.raises(ListFileDecided):
        confirm_lines(gold.id, second.id, **WHO)


def test_amounts_of_one_currency_are_never_taken_into_another(at_distributor: World, gold: PriceList) -> None:
    file = upload(gold, (at_distributor.seats.code, "P1M", "monthly", "fixed", "7", ""))
    gold.currency = "USD"
    session.flush()
    with pytest.raises(ListCurrencyMoved):
        confirm_lines(gold.id, file.id, **WHO)
    assert lines_of(gold) == []


def test_what_lost_its_price_since_the_preview_is_said_and_left_out(at_distributor: World, gold: PriceList) -> None:
    world = at_distributor
    file = upload(
        gold, (world.seats.code, "P1M", "monthly", "same", "", ""), (world.suite.code, "P1Y", "monthly", "same", "", "")
    )
    session.scalars(select(ProductPrice).where(ProductPrice.product_id == world.seats.id)).one().is_withdrawn = True
    session.flush()

    assert confirm_lines(gold.id, file.id, **WHO) == 1
    session.expire_all()
    assert [outcome for outcome, _ in rows_of(file)] == [LineOutcome.ERROR, LineOutcome.CREATED]
    assert "since the preview" in rows_of(file)[0][1]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"Code,Term,Rule\nA,P1M,same\n", "columns_missing"),
        (b"%PDF-1.7\0", "wrong_type"),
        (b"\xd0\xcf\x11\xe0 old", "old_excel"),
        (b"Code,Term,Billing plan,Rule\n" + b"A,P1M,monthly,same\n" * 10_001, "too_many_rows"),
    ],
)
def test_a_file_that_is_none_is_refused_and_leaves_nothing(gold: PriceList, media, content: bytes, reason: str) -> None:
    """CB-F41 (partly): a file without header or of wrong type is refused where it is uploaded."""
    with pytest.raises(SheetRefused) as refused:
        upload_lines(io.BytesIO(content), "lines.xlsx", gold.id, **WHO)

    assert refused.value.reason == reason
    assert session.scalars(select(PriceListFile)).all() == []
    assert [path for path in media.rglob("*") if path.is_file()] == []


def test_a_workbook_is_read_by_the_sheet_that_has_the_columns(at_distributor: World, gold: PriceList) -> None:
    book = Workbook()
    book.active.append(["Notes"])
    sheet = book.create_sheet("Lines")
    sheet.append(["Product", *HEADER])
    sheet.append(["Anything", at_distributor.seats.code, "P1M", "monthly", "fixed", 7.25, None])
    content = io.BytesIO()
    book.save(content)
    content.seek(0)
    file = upload_lines(content, "lines.xlsx", gold.id, **WHO)

    assert rows_of(file) == [(LineOutcome.CREATED, "")]
    confirm_lines(gold.id, file.id, **WHO)
    assert lines_of(gold) == [(PriceRule.FIXED, Decimal("7.25"), Decimal("7.25"), None)]


def test_judging_and_taking_in_take_as_many_statements_for_forty_rows_as_for_two(
    at_distributor: World, gold: PriceList, connection: Connection
) -> None:
    made = [make_product(session, at_distributor.product_type, f"Many {number}") for number in range(40)]
    counts = []
    for products in (made[:2], made):
        rows = [(product.code, Term.P1M.value, BillingCycle.MONTHLY.value, "discount", "5", "") for product in products]
        with statements_of(connection) as seen:
            file = upload(gold, *rows)
            confirm_lines(gold.id, file.id, **WHO)
            session.flush()
        counts.append(len([each for each in seen if not each.startswith("INSERT INTO price_list_file_rows")]))

    assert counts[0] == counts[1]
    assert count_outcomes(file.id)[LineOutcome.ERROR] == 0
    assert len(lines_of(gold)) == 40


def test_only_the_latest_files_of_a_list_are_kept(at_distributor: World, gold: PriceList) -> None:
    row = (at_distributor.seats.code, "P1M", "monthly", "same", "", "")
    for _ in range(KEPT + 2):
        last = upload(gold, row)
    kept = session.scalars(select(PriceListFile.id)).all()
    assert len(kept) == KEPT
    assert last.id in kept


def test_removed_lines_come_back_by_a_file_of_before(at_distributor: World, gold: PriceList) -> None:
    row = (at_distributor.seats.code, "P1M", "monthly", "discount", "10", "none")
    confirm_lines(gold.id, upload(gold, row).id, **WHO)
    before = lines_of(gold)
    entries.remove_entries(EntryFilter(gold.id), **WHO)
    confirm_lines(gold.id, upload(gold, row).id, **WHO)

    assert lines_of(gold) == before
    assert before[0][3] is PriceScheme.PER_UNIT
