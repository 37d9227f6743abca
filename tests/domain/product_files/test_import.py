"""What a product file makes of the catalogue."""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal

import pytest
from openpyxl import Workbook
from sqlalchemy import Connection, func, select

from app.audit.services import SYSTEM
from app.catalogue.characteristics import Characteristic, DataType, as_json
from app.catalogue.errors import SheetRefused
from app.catalogue.models import (
    BillingCycle,
    BillingType,
    Category,
    Product,
    ProductKind,
    ProductPrice,
    ProductType,
    Term,
    VendorCost,
)
from app.catalogue.product_files import files, writing
from app.catalogue.product_files.errors import ProductFileInWrongState
from app.catalogue.product_files.files import (
    NewFile,
    choose_sheet,
    confirm_file,
    discard_file,
    due_files,
    map_columns,
    upload_file,
)
from app.catalogue.product_files.models import (
    FileChargeType,
    FileKind,
    ProductFile,
    ProductFileState,
    RowOutcome,
)
from app.catalogue.product_files.queries import get_file, remembered_mapping
from app.core.db import BoundSession, unit_of_work
from app.core.errors import Invalid
from app.pricing.models import PriceListEntry, PriceRule
from tests.counting import statements_of
from tests.domain.product_files.conftest import HEADER, Importer, results
from tests.factories.world import MONDAY_NOON, World, make_product
from workers.jobs import product_files as jobs

CREATED, UPDATED, SKIPPED, ERROR = RowOutcome.CREATED, RowOutcome.UPDATED, RowOutcome.SKIPPED, RowOutcome.ERROR


def product(session: BoundSession, code: str) -> Product:
    session.expire_all()
    return session.scalars(select(Product).where(Product.code_key == code.lower())).one()


def list_price(session: BoundSession, code: str) -> ProductPrice:
    return session.scalars(select(ProductPrice).where(ProductPrice.product_id == product(session, code).id)).one()


def count(session: BoundSession) -> int:
    return session.scalar(select(func.count()).select_from(Product)) or 0


def test_a_sheet_creates_updates_and_passes_over(session: BoundSession, world: World, importer: Importer) -> None:
    """CB-F39: a sheet creates new rows, updates single matches, skips multiple matches with a per-row message."""
    make_product(session, world.product_type, "Twin", code="TWIN-1")
    make_product(session, world.product_type, "Twin", code="TWIN-2")
    session.commit()
    before = count(session)

    file_id = importer.check(
        [
            ("NEW-1", "New product", "Fresh", "Acme", "10.50", "7"),
            ("ANY", "Contoso Mail", "Better mail", "Contoso", "15", ""),
            ("ANY", "Twin", "", "", "", ""),
        ],
        match_by=("name",),
    )
    found = results(file_id)
    assert [(number, outcome) for number, outcome, _ in found] == [(2, CREATED), (3, UPDATED), (4, ERROR)]
    assert found[2][2] == "2 products have this name; the row is passed over"
    assert found[1][2] == "description, prices"
    assert (count(session), product(session, world.seats.code).short_description) == (before, "")  # a dry run

    file = importer.apply(file_id)

    assert (file.state, file.rows_created, file.rows_updated, file.rows_failed) == (
        ProductFileState.COMPLETED, 1, 1, 1,
    )  # fmt: skip
    made = product(session, "NEW-1")
    assert (made.name, made.vendor, made.is_published, made.is_active) == ("New product", "Acme", False, True)
    assert (list_price(session, "NEW-1").list_price, list_price(session, "NEW-1").is_manual) == (Decimal("10.5"), True)
    cost = session.scalars(select(VendorCost).where(VendorCost.product_id == made.id)).one()
    assert (cost.vendor_cost, cost.term, cost.cycle, cost.currency) == (
        Decimal(7), Term.P1M, BillingCycle.MONTHLY, "EUR",
    )  # fmt: skip
    assert product(session, world.seats.code).short_description == "Better mail"
    assert list_price(session, world.seats.code).list_price == Decimal(15)
    assert count(session) == before + 1


def test_an_update_leaves_what_may_not_change(session: BoundSession, world: World, importer: Importer) -> None:
    """CB-F40: import update leaves code, type, category and charge type untouched (price group, industry, add-on too)."""
    other_type = ProductType(name="Other service", kind=ProductKind.SUBSCRIPTION, created_at=MONDAY_NOON)
    other = Category(name="Other", slug="other")
    session.add_all([other_type, other])
    session.commit()
    header = ("Code", "Name", "Product type", "Category", "Add-on", "Unit")
    before = product(session, world.seats.code)
    kept = (before.code, before.product_type_id, before.category_id, before.is_add_on, before.billing_type)

    file = importer.run(
        [("SOMETHING-ELSE", "Contoso Mail", "Other service", "Other", "yes", "mailbox")], header, match_by=("name",)
    )

    assert file.rows_updated == 1
    after = product(session, world.seats.code)
    assert (after.code, after.product_type_id, after.category_id, after.is_add_on, after.billing_type) == kept
    assert after.unit_of_measure == "mailbox"
    assert after.version == 2


def test_importing_again_changes_nothing(session: BoundSession, importer: Importer) -> None:
    rows = [("A-1", "Product A", "Text", "Acme", "10", "8"), ("A-2", "Product B", "", "", "", "")]
    importer.run(rows)
    version = product(session, "A-1").version

    file_id = importer.check(rows)

    assert [outcome for _, outcome, _ in results(file_id)] == [SKIPPED, SKIPPED]
    with pytest.raises(ProductFileInWrongState), unit_of_work():
        confirm_file(file_id, actor=SYSTEM, at=MONDAY_NOON)
    assert product(session, "A-1").version == version


@pytest.mark.parametrize(
    ("match_by", "outcomes"),
    [
        (("code",), [UPDATED, ERROR]),  # the second's code is the first's product
        (("code", "name"), [UPDATED, ERROR]),  # no product has both: new, but the code is taken
        (("name",), [UPDATED, CREATED]),
        (("code", "name", "type"), [UPDATED, ERROR]),
    ],
)
def test_any_combination_tells_products_apart(
    session: BoundSession, world: World, importer: Importer, match_by: tuple[str, ...], outcomes: list[RowOutcome]
) -> None:
    """CB-14, matching: any combination of name, code and type."""
    code = world.seats.code if match_by != ("name",) else "FREE-CODE"
    file_id = importer.check(
        [(world.seats.code, "Contoso Mail", "x", "", "", ""), (code, "Unheard of", "y", "", "", "")], match_by=match_by
    )
    assert [outcome for _, outcome, _ in results(file_id)] == outcomes
    assert count(session) > 0


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("", "Name", "", "", "", ""), "Code: 1 to 64"),
        (("a b", "Name", "", "", "", ""), "Code: 1 to 64"),
        (("OK", "", "", "", "", ""), "Name: 1 to 255"),
        (("OK", "Name", "x" * 4001, "", "", ""), "Description: at most 4,000"),
        (("OK", "Name", "", "", "-1", ""), "an amount from 0"),
        (("OK", "Name", "", "", "cheap", ""), "an amount from 0"),
        (("OK", "Name", "", "", "NaN", ""), "an amount from 0"),
        (("OK", "Name", "", "", "", "1e12"), "an amount from 0"),
    ],
)
def test_a_bad_row_says_why_and_the_others_go_in(
    session: BoundSession, importer: Importer, row: tuple[str, ...], message: str
) -> None:
    before = count(session)
    file = importer.run([row, ("GOOD", "Good", "", "", "1", "")])
    assert (file.rows_created, file.rows_failed, count(session)) == (1, 1, before + 1)
    assert message in results(file.id)[0][2]


def test_one_code_twice_in_a_file_is_an_error(importer: Importer) -> None:
    file_id = importer.check([("X", "One", "", "", "", ""), ("x", "Two", "", "", "", "")])
    assert [(outcome, text) for _, outcome, text in results(file_id)] == [(CREATED, ""), (ERROR, "Row 2 has this code")]


def test_unknown_names_are_errors(importer: Importer) -> None:
    header = ("Code", "Name", "Product type", "Category", "Group", "Largest quantity", "Smallest quantity")
    file_id = importer.check(
        [
            ("A", "A", "Nothing", "", "", "", ""),
            ("B", "B", "Perpetual software", "", "", "", ""),
            ("C", "C", "", "Nowhere", "Nobody", "", ""),
            ("D", "D", "", "", "", "2", "5"),
        ],
        header,
    )
    messages = [text for _, _, text in results(file_id)]
    assert messages == [
        "There is no product type “Nothing”",
        "Perpetual software is not charged as this file says",
        "There is no category “Nowhere”; There is no group “Nobody”",
        "Largest quantity: below the smallest one",
    ]


def test_characteristics_come_from_columns(session: BoundSession, importer: Importer) -> None:
    """CB-14: columns are mapped to type characteristics; types with characteristics do not share a file."""
    own = ProductType(
        name="Storage",
        kind=ProductKind.SUBSCRIPTION,
        characteristics=[as_json(Characteristic("gb", "Gigabytes", DataType.NUMBER))],
        created_at=MONDAY_NOON,
    )
    session.add(own)
    session.commit()
    header = ("Code", "Name", "Product type", "Gigabytes")
    mapping = {"code": "Code", "name": "Name", "type": "Product type", "characteristic:gb": "Gigabytes"}
    file = importer.run(
        [("S-1", "Small", "", "50"), ("S-2", "Large", "Storage", "much"), ("S-3", "Mail", "Cloud service", "")],
        header,
        type_id=own.id,
        mapping=mapping,
    )
    assert product(session, "S-1").characteristics == {"gb": "50"}
    assert [text for _, _, text in results(file.id)][1:] == [
        "Gigabytes: Enter a number",
        "Products of types with characteristics need a file of their own",
    ]


def test_pay_per_use_products_are_charged_in_arrears(session: BoundSession, importer: Importer) -> None:
    kind = ProductType(name="Metered", kind=ProductKind.PAY_PER_USE, created_at=MONDAY_NOON)
    session.add(kind)
    session.commit()
    importer.run([("PPU", "Compute", "", "", "0", "")], charge_type=FileChargeType.PAY_PER_USE, type_id=kind.id)
    assert product(session, "PPU").billing_type is BillingType.ON_END


def test_new_products_are_published_only_with_a_price(session: BoundSession, importer: Importer) -> None:
    importer.run([("P-1", "Priced", "", "", "5", ""), ("P-2", "Priceless", "", "", "", "")], is_published=True)
    assert (product(session, "P-1").is_published, product(session, "P-2").is_published) == (True, False)


def test_price_lists_follow(session: BoundSession, world: World, importer: Importer) -> None:
    entry = session.scalars(
        select(PriceListEntry).where(
            PriceListEntry.product_id == world.seats.id, PriceListEntry.rule == PriceRule.FIXED
        )
    ).one()
    entry.rule, entry.value = PriceRule.DISCOUNT, Decimal(10)
    session.commit()
    importer.run([(world.seats.code, "Contoso Mail", "", "", "20", "")])
    session.expire_all()
    assert session.scalars(select(PriceListEntry.price).where(PriceListEntry.product_id == world.seats.id)).one() == 18


def workbook(sheets: dict[str, list[tuple[object, ...]]]) -> io.BytesIO:
    book, stream = Workbook(), io.BytesIO()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(stream)
    stream.seek(0)
    return stream


def uploaded(importer: Importer, content: io.BytesIO | bytes, **changes) -> ProductFile:
    stream = io.BytesIO(content) if isinstance(content, bytes) else content
    values = {
        "file_name": "products.xlsx", "currency": "EUR", "kind": FileKind.COMMON,
        "charge_type": FileChargeType.RECURRING, "product_type_id": importer.type_id, **changes,
    }  # fmt: skip
    with unit_of_work():
        return upload_file(stream, NewFile(**values), actor=SYSTEM, at=MONDAY_NOON)


def test_another_sheet_of_a_workbook_can_be_chosen(session: BoundSession, importer: Importer) -> None:
    """CB-14: XLSX; the sheet is picked; numbers, days and formulas are read as their values."""
    file_id = uploaded(
        importer,
        workbook(
            {
                "Notes": [("Read me",)],
                "Products": [
                    HEADER,
                    ("X-1", 4711, "=1+1", date(2026, 3, 1), 10.25, 7),
                    ("X-2", "Next", None, None, None, None),
                ],
            }
        ),
    ).id
    assert get_file(file_id).sheet == "Notes"
    with pytest.raises(Invalid), unit_of_work():
        choose_sheet(file_id, "Nothing")
    with unit_of_work():
        choose_sheet(file_id, "Products")
    importer.map(file_id)
    importer.work(file_id)
    file = importer.apply(file_id)
    assert file.rows_created == 2
    made = product(session, "X-1")
    # openpyxl has worked nothing out, so a formula without a kept value is empty
    assert (made.name, made.short_description, made.vendor) == ("4711", "", "2026-03-01")
    assert list_price(session, "X-1").list_price == Decimal("10.25")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "wrong_type"),
        (b"PK\x03\x04broken", "damaged"),
        (b"\xd0\xcf\x11\xe0", "old_excel"),
        (b"\xff\xfe\x00", "wrong_type"),
        (b"caf\xe9", "encoding"),
        (b"\nA,B\n", "no_header"),
        (b"Code,code\n1,2\n", "column_twice"),
        (b"x" * (5 * 1024 * 1024 + 1), "too_large"),
    ],
)
def test_a_file_without_header_or_of_wrong_type_is_refused(
    session: BoundSession, importer: Importer, tmp_path, content: bytes, reason: str
) -> None:
    """CB-F41 (partly): a file without header or of wrong type is refused at step 1; nothing is kept."""
    with pytest.raises(SheetRefused) as refused:
        uploaded(importer, content)
    assert refused.value.reason == reason
    assert session.scalar(select(func.count()).select_from(ProductFile)) == 0
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_workbook_without_any_header_is_refused(importer: Importer) -> None:
    """CB-F41 (partly): in every sheet the first row is empty or holds numbers."""
    with pytest.raises(SheetRefused) as refused:
        uploaded(importer, workbook({"A": [(1, 2, 3)], "B": []}))
    assert refused.value.reason == "no_header"


def test_a_zip_bomb_is_not_opened(importer: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.catalogue.product_files import tables  # noqa: PLC0415 - patched here

    monkeypatch.setattr(tables, "MAX_UNPACKED", 1000)
    with pytest.raises(SheetRefused) as refused:
        uploaded(importer, workbook({"A": [HEADER]}))
    assert refused.value.reason == "too_large"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"currency": "EURO"}, "currency"),
        ({"kind": FileKind.ASSET}, "charge_type"),
        ({"charge_type": FileChargeType.ONE_TIME}, "type_kind"),
    ],
)
def test_what_is_said_of_a_file_must_fit(importer: Importer, changes: dict[str, object], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        uploaded(importer, b"Code,Name\nA,B\n", **changes)
    assert refused.value.codes == (code,)


@pytest.mark.parametrize(
    ("mapping", "match_by", "codes"),
    [
        ({"code": "Code"}, ("code",), ("column_missing",)),
        ({"code": "Code", "name": "Nowhere"}, ("code",), ("column_unknown",)),
        ({"code": "Code", "name": "Name"}, (), ("match_missing",)),
        ({"code": "Code", "name": "Name"}, ("colour",), ("match_missing",)),
    ],
)
def test_a_needed_field_without_column_is_refused(
    session: BoundSession,
    importer: Importer,
    mapping: dict[str, str],
    match_by: tuple[str, ...],
    codes: tuple[str, ...],
) -> None:
    """CB-14, bad: required field unmapped."""
    file_id = importer.upload([("A", "B", "", "", "", "")])
    with pytest.raises(Invalid) as refused, unit_of_work():
        map_columns(file_id, mapping, match_by=match_by, is_published=False, at=MONDAY_NOON)
    assert refused.value.codes == codes
    session.expire_all()
    assert get_file(file_id).state is ProductFileState.UPLOADED


def test_the_mapping_is_remembered(importer: Importer) -> None:
    file_id = importer.upload([("A", "B")], ("Artikel", "Bezeichnung"))
    importer.map(file_id, mapping={"code": "Artikel", "name": "Bezeichnung"})
    assert remembered_mapping() == {"code": "Artikel", "name": "Bezeichnung"}


def test_a_discarded_file_changes_nothing(session: BoundSession, importer: Importer, tmp_path) -> None:
    before = count(session)
    file_id = importer.check([("A", "B", "", "", "", "")])
    with unit_of_work():
        discard_file(file_id, actor=SYSTEM, at=MONDAY_NOON)
    importer.work(file_id)
    assert (get_file(file_id).state, count(session)) == (ProductFileState.DISCARDED, before)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_interrupted_application_goes_on_after_its_last_chunk(
    session: BoundSession, importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "CHUNK", 2)
    file_id = importer.check([(f"R-{n}", f"Row {n}", "", "", "1", "") for n in range(5)])
    real, times = jobs.write_plans, iter(range(9))

    def dying(file, plans, *, at):
        if next(times) == 1:
            raise KeyboardInterrupt
        return real(file, plans, at=at)

    monkeypatch.setattr(jobs, "write_plans", dying)
    with pytest.raises(KeyboardInterrupt):
        importer.apply(file_id)
    file = get_file(file_id)
    assert (file.state, file.rows_done, file.applied_to) == (ProductFileState.APPLYING, 2, 3)
    file.lease_until = MONDAY_NOON
    session.commit()
    assert list(due_files(at=MONDAY_NOON.replace(hour=13))) == [file_id]

    file = importer.work(file_id)

    assert (file.state, file.rows_created, file.rows_done) == (ProductFileState.COMPLETED, 5, 5)
    assert session.scalar(select(func.count()).where(Product.code.like("R-%"))) == 5


def test_a_row_the_database_refuses_spoils_nothing_but_itself(
    session: BoundSession, importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CB-14: each row atomic, though a chunk is written at once."""
    file_id = importer.check(
        [("A-1", "One", "", "", "", ""), ("A-2", "Two", "", "", "", ""), ("A-3", "Three", "", "", "", "")]
    )
    real = writing._new_product

    def long_slug(file, draft, slug, *, at):
        return real(file, draft, slug * 200 if draft.code == "A-2" else slug, at=at)

    monkeypatch.setattr(writing, "_new_product", long_slug)
    file = importer.apply(file_id)

    assert (file.rows_created, file.rows_failed) == (2, 1)
    assert results(file_id)[1][1:] == (ERROR, writing.REFUSED)
    assert sorted(session.scalars(select(Product.code).where(Product.code.like("A-%")))) == ["A-1", "A-3"]


def test_a_thousand_rows_take_a_bounded_number_of_statements(
    session: BoundSession, connection: Connection, importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CB-14: 10,000 rows must not take minutes: what a chunk of 500 costs does not depend on its rows."""
    rows = [(f"BIG-{n}", f"Product {n}", "A product", "Acme", "10.00", "8.00") for n in range(1000)]
    with statements_of(connection) as checking:
        file_id = importer.check(rows)
    with statements_of(connection) as applying:
        file = importer.apply(file_id)
    assert (file.state, file.rows_created, file.rows_failed) == (ProductFileState.COMPLETED, 1000, 0)
    assert (len(checking) <= 60, len(applying) <= 60) == (True, True), (len(checking), len(applying))
    assert session.scalar(select(func.count()).where(Product.code.like("BIG-%"))) == 1000

    monkeypatch.setattr(files, "MOST_ROWS", 3)
    file = importer.work(importer.check(rows[:4]))
    assert (file.state, file.message) == (
        ProductFileState.FAILED,
        "The file has more than 3 rows. Split it into several files.",
    )
