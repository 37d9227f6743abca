"""A vendor price sheet from upload to catalogue, as the worker runs it, on real PostgreSQL."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import BinaryIO, cast

import pytest
from sqlalchemy import func, select

from app.audit.services import SYSTEM
from app.catalogue.errors import ImportAlreadyRunning, ImportInWrongState, SheetRefused
from app.catalogue.imports import runs
from app.catalogue.imports.models import CategoryRule, ImportIssue, ImportRow, ImportRun, ImportState
from app.catalogue.imports.upload import MAX_BYTES, media_file, upload_sheet
from app.catalogue.models import (
    Audience,
    BillingCycle,
    Category,
    Product,
    ProductGroup,
    ProductPrice,
    ProductType,
    Term,
    VendorCost,
)
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.pricing.models import PriceListEntry, PriceRule
from tests.domain.catalogue.conftest import job
from tests.factories.catalogue import SAMPLE_SHEET, sheet_file, sheet_row
from tests.factories.world import MONDAY_NOON, make_entry

BACKUP = "bkp1.0001"


def count(session, model, *conditions):
    return session.scalar(select(func.count()).select_from(model).where(*conditions))


def product(session, code_key: str = BACKUP):
    return session.scalars(
        select(Product).where(Product.code_key == code_key).execution_options(populate_existing=True)
    ).one()


def issues_of(session, run: ImportRun) -> list[tuple[int, str]]:
    rows = session.execute(
        select(ImportIssue.row_number, ImportIssue.code)
        .where(ImportIssue.run_id == run.id)
        .order_by(ImportIssue.row_number, ImportIssue.code)
    )
    return [tuple(row) for row in rows]


def sample() -> io.BytesIO:
    return io.BytesIO(SAMPLE_SHEET.read_bytes())


def test_checking_the_sample_sheet_previews_it_and_changes_nothing(session, check_sheet) -> None:
    before = count(session, Product), count(session, ProductPrice), count(session, ProductGroup)
    run = check_sheet(sample())

    assert run.state is ImportState.READY
    assert (run.rows_total, run.rows_done, run.rows_created, run.rows_failed) == (464, 464, 464, 0)
    assert run.summary["products"] == {"created": 116, "changed": 0, "unchanged": 0}
    assert run.summary["prices"] == {"created": 464, "changed": 0, "unchanged": 0}
    assert run.summary["groups"] == {"created": 44, "changed": 0, "unchanged": 0}
    assert run.summary["types"] == {"created": 1, "changed": 0, "unchanged": 0}
    assert run.summary["segments"] == {"Commercial": 44, "Charity": 36, "Education": 36}
    assert run.segments == ["Commercial"]
    assert (count(session, Product), count(session, ProductPrice), count(session, ProductGroup)) == before


def test_importing_the_sample_sheet_fills_the_catalogue(session, import_sheet) -> None:
    """CB-F45 (partly): stored per instalment, 57.60 with a monthly plan is 4.80; the term's amount is kept."""
    products, prices, groups = count(session, Product), count(session, ProductPrice), count(session, ProductGroup)
    run = import_sheet(sample())

    assert run.state is ImportState.COMPLETED
    assert (run.rows_done, run.rows_created, run.rows_failed) == (464, 464, 0)
    assert count(session, Product) == products + 116
    assert count(session, ProductPrice) == prices + 464
    assert count(session, ProductGroup) == groups + 44
    basic = product(session, "cfq7ttc0lh18.0001")
    assert (basic.name, basic.code, basic.vendor) == (
        "Microsoft 365 Business Basic", "CFQ7TTC0LH18.0001", "Microsoft Corporation",
    )  # fmt: skip
    key = {"product_id": basic.id, "term": Term.P1Y, "cycle": BillingCycle.MONTHLY, "currency": "USD"}
    price = session.scalars(select(ProductPrice).filter_by(**key)).one()
    cost = session.scalars(select(VendorCost).filter_by(**key)).one()
    assert (price.list_price, price.term_list_price) == (Decimal("6.0000"), Decimal("72.0000"))
    assert (cost.vendor_cost, cost.term_vendor_cost) == (Decimal("4.8000"), Decimal("57.6000"))
    assert session.get_one(ProductType, (basic.distributor_id, basic.product_type_id)).non_automatic is False
    assert count(session, ImportRow) == 0


def test_only_chosen_segments_are_published(session, import_sheet) -> None:
    import_sheet(sample())

    published = session.scalars(select(Product.segment).where(Product.is_published, Product.vendor_name.is_not(None)))
    assert set(published) == {"Commercial"}
    hidden = product(session, "cfq7ttc0lh18.000j")
    assert (hidden.is_published, hidden.audience) == (False, Audience.NOBODY)
    assert hidden.name.endswith(("(Education)", "(Charity)"))


def test_the_same_sheet_again_changes_nothing(session, import_sheet) -> None:
    import_sheet(sample())
    before = session.execute(select(Product.id, Product.version, Product.updated_at).order_by(Product.id)).all()
    run = import_sheet(sample())

    assert (run.rows_created, run.rows_changed, run.rows_unchanged) == (0, 0, 464)
    assert run.summary["products"] == {"created": 0, "changed": 0, "unchanged": 116}
    after = session.execute(select(Product.id, Product.version, Product.updated_at).order_by(Product.id)).all()
    assert after == before


def test_a_changed_price_is_previewed_then_taken_and_price_lists_follow(
    session, at_distributor, import_sheet, check_sheet
) -> None:
    import_sheet(sheet_file(sheet_row(), sheet_row(SkuId="0002", SkuTitle="Backup Cloud Large")))
    with unit_of_work():
        ids = []
        for rule, value in ((PriceRule.MARKUP, "15"), (PriceRule.FIXED, "9.99")):
            code_key = BACKUP if rule is PriceRule.MARKUP else "bkp1.0002"
            entry = make_entry(session, at_distributor.price_list, product(session, code_key), "5.52", term=Term.P1Y)
            entry.rule, entry.value = rule, Decimal(value)
            ids.append(entry.id)
        session.merge(at_distributor.price_list).currency = "USD"

    changed = sheet_file(
        sheet_row(UnitPrice="96", ERP_Price="120"), sheet_row(SkuId="0002", SkuTitle="Backup Cloud Large")
    )
    run = check_sheet(changed)
    row = session.scalars(select(ImportRow).where(ImportRow.row_number == 2)).one()
    assert (row.old_list_price, row.list_price) == (Decimal("6.0000"), Decimal("10.0000"))
    assert (run.rows_changed, run.rows_unchanged) == (1, 1)
    with unit_of_work():
        runs.confirm_import(run.id, segments=["Commercial"], actor=SYSTEM, at=MONDAY_NOON)
    job(run)

    prices = dict(
        session.execute(select(PriceListEntry.rule, PriceListEntry.price).where(PriceListEntry.id.in_(ids))).all()
    )
    # The fixed one's product did not change; its odd price stays as it was put there.
    assert prices == {PriceRule.MARKUP: Decimal("9.2000"), PriceRule.FIXED: Decimal("5.5200")}


def test_what_people_edited_survives_the_next_sheet(session, import_sheet, at_distributor) -> None:
    import_sheet(sheet_file(sheet_row(), sheet_row(SkuId="0002")))
    with unit_of_work():
        edited = product(session)
        edited.name, edited.is_published, edited.category_id = "Our backup", False, at_distributor.category.id
        price = session.scalars(select(ProductPrice).where(ProductPrice.product_id == edited.id)).one()
        price.list_price, price.is_manual = Decimal("7.7700"), True
    run = import_sheet(
        sheet_file(
            sheet_row(SkuTitle="Renamed", SkuDescription="New words.", ERP_Price="84", UnitPrice="60"),
            sheet_row(SkuId="0002", SkuTitle="Renamed too"),
        )
    )

    kept, followed = product(session), product(session, "bkp1.0002")
    assert (kept.name, kept.vendor_name, kept.short_description) == ("Our backup", "Renamed", "New words.")
    assert (kept.is_published, kept.category_id) == (False, at_distributor.category.id)
    assert session.scalar(select(ProductPrice.list_price).where(ProductPrice.product_id == kept.id)) == Decimal(
        "7.7700"
    )
    assert session.scalar(select(VendorCost.vendor_cost).where(VendorCost.product_id == kept.id)) == Decimal("5.0000")
    assert (followed.name, followed.search_text.split()[0]) == ("Renamed too", "renamed")
    assert run.rows_changed == 2


def test_products_missing_from_a_sheet_stay(session, import_sheet) -> None:
    import_sheet(sheet_file(sheet_row(), sheet_row(SkuId="0002")))
    import_sheet(sheet_file(sheet_row()))
    assert product(session, "bkp1.0002").is_published


def test_bad_rows_are_told_and_the_others_go_in(session, import_sheet) -> None:
    run = import_sheet(
        sheet_file(
            sheet_row(),
            sheet_row(UnitPrice="1"),  # the same key once more
            sheet_row(SkuId="0002", TermDuration="P9Y"),
            sheet_row(SkuId="0003", SkuTitle="=1+1"),
            sheet_row(TermDuration="P1M", Segment="Education"),  # the product is Commercial
            sheet_row(SkuId="0004"),
        )
    )

    assert run.state is ImportState.COMPLETED
    assert issues_of(session, run) == [(3, "duplicate"), (4, "term"), (5, "formula"), (6, "segment_differs")]
    assert (run.rows_total, run.rows_created, run.rows_failed) == (6, 2, 4)
    assert count(session, Product, Product.code_key.like("bkp1.%")) == 2
    price = session.scalars(select(ProductPrice).where(ProductPrice.product_id == product(session).id)).one()
    assert price.term_list_price == Decimal("72.0000")


def test_the_report_tells_of_every_row(session, import_sheet) -> None:
    run = import_sheet(sheet_file(sheet_row(), sheet_row(SkuId="0002", Currency="ZZZ")))

    lines = list(csv.reader(io.StringIO(media_file(run.report_path).read_text("utf-8-sig"))))
    assert [line[:3] for line in lines[1:]] == [["2", "created", "BKP1.0001"], ["3", "failed", ""]]
    assert lines[2][-1] == "“ZZZ” is not an ISO 4217 currency"


def test_saved_rules_map_rows_to_categories_and_the_first_that_fits_wins(session, import_sheet, at_distributor) -> None:
    with unit_of_work():
        tools = Category(name="Tools", slug="tools")
        session.add(tools)
        session.flush()
        session.add(
            CategoryRule(position=2, field="publisher", contains="ACRONYM", category_id=at_distributor.category.id)
        )
        session.add(CategoryRule(position=1, field="title", contains="hammer", category_id=tools.id))
    import_sheet(
        sheet_file(
            sheet_row(),
            sheet_row(SkuId="0002", ProductTitle="Cloud Hammer"),
            sheet_row(SkuId="0003", Publisher="Nobody"),
        )
    )

    assert product(session).category_id == at_distributor.category.id
    assert product(session, "bkp1.0002").category_id == tools.id
    assert product(session, "bkp1.0003").category_id is None


def test_products_of_one_name_get_slugs_of_their_own(session, import_sheet) -> None:
    import_sheet(sheet_file(sheet_row(), sheet_row(ProductId="BKP2")))
    assert product(session).slug == "backup-cloud-small"
    assert product(session, "bkp2.0001").slug == "backup-cloud-small-bkp2-0001"


def test_a_price_the_vendor_removed_is_withdrawn_not_deleted(session, import_sheet) -> None:
    import_sheet(sheet_file(sheet_row()))
    import_sheet(sheet_file(sheet_row(ChangeIndicator="Removed")))
    price = session.scalars(select(ProductPrice).where(ProductPrice.product_id == product(session).id)).one()
    assert price.is_withdrawn


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", "empty", "empty"),
        (b"a,b,c\n1,2,3\n", "columns_missing", "ProductTitle"),
        ("\ufeffProductTitle,SkuId\n".encode("utf-16"), "encoding", "position 0"),
        (b"ab\xe4cd", "encoding", "position 2"),
        (sheet_file().getvalue().rstrip(b"\r\n"), "no_rows", "no rows"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_at_once(session, at_distributor, media, content, code, words) -> None:
    with pytest.raises(SheetRefused, match=words) as refusal, unit_of_work():
        upload_sheet(io.BytesIO(content), "sheet.csv", actor=SYSTEM, at=MONDAY_NOON)

    assert refusal.value.reason == code
    assert count(session, ImportRun) == 0
    assert [path for path in media.rglob("*") if path.is_file()] == []


def test_position_of_a_wrong_byte_is_counted_over_the_whole_file(at_distributor) -> None:
    content = sheet_file(*[sheet_row(SkuDescription="ü" * 900) for _ in range(90)]).getvalue()
    broken = content + b"\xff"
    with pytest.raises(SheetRefused, match=f"position {len(content)} "):
        upload_sheet(io.BytesIO(broken), "sheet.csv", actor=SYSTEM, at=MONDAY_NOON)


def test_reading_stops_at_the_limit(at_distributor, media) -> None:
    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size: int = -1) -> bytes:
            self.taken += size
            return (header + b"\n") * (size // (len(header) + 1)) if self.taken > size else header + b"\n"

    header = sheet_file().getvalue().rstrip(b"\r\n")
    stream = Endless()
    with pytest.raises(SheetRefused, match="64 MB"):
        upload_sheet(cast("BinaryIO", stream), "sheet.csv", actor=SYSTEM, at=MONDAY_NOON)
    assert stream.taken < MAX_BYTES + 1_000_000
    assert [path for path in media.rglob("*") if path.is_file()] == []


def test_a_sheet_with_a_byte_order_mark_is_read(session, import_sheet) -> None:
    import_sheet(io.BytesIO(b"\xef\xbb\xbf" + sheet_file(sheet_row()).getvalue()))
    assert product(session).name == "Backup Cloud Small"


def test_a_finished_run_is_left_alone_by_another_job(session, import_sheet) -> None:
    run = import_sheet(sheet_file(sheet_row()))
    again = job(run)
    assert (again.state, again.attempts) == (ImportState.COMPLETED, run.attempts)


def test_a_run_is_confirmed_once(check_sheet, session) -> None:
    run = check_sheet(sheet_file(sheet_row()))
    with unit_of_work():
        runs.confirm_import(run.id, segments=["Commercial"], actor=SYSTEM, at=MONDAY_NOON)
    with pytest.raises(ImportInWrongState), unit_of_work():
        runs.confirm_import(run.id, segments=["Commercial"], actor=SYSTEM, at=MONDAY_NOON)
    with pytest.raises(ImportInWrongState), unit_of_work():
        runs.discard_import(run.id, actor=SYSTEM, at=MONDAY_NOON)


def test_two_sheets_are_not_applied_at_once(check_sheet) -> None:
    first, second = check_sheet(sheet_file(sheet_row())), check_sheet(sheet_file(sheet_row(SkuId="0002")))
    with unit_of_work():
        runs.confirm_import(first.id, segments=["Commercial"], actor=SYSTEM, at=MONDAY_NOON)
    with pytest.raises(ImportAlreadyRunning), unit_of_work():
        runs.confirm_import(second.id, segments=["Commercial"], actor=SYSTEM, at=MONDAY_NOON)
    assert runs.get_run(second.id).state is ImportState.READY


def test_a_segment_the_sheet_does_not_have_is_refused(check_sheet) -> None:
    run = check_sheet(sheet_file(sheet_row()))
    with pytest.raises(Invalid, match="Government"), unit_of_work():
        runs.confirm_import(run.id, segments=["Government"], actor=SYSTEM, at=MONDAY_NOON)
    assert runs.get_run(run.id).state is ImportState.READY


def test_a_discarded_sheet_leaves_nothing_behind(check_sheet, session, media) -> None:
    run = check_sheet(sheet_file(sheet_row()))
    with unit_of_work():
        runs.discard_import(run.id, actor=SYSTEM, at=MONDAY_NOON)
    assert runs.get_run(run.id).state is ImportState.DISCARDED
    assert (count(session, ImportRow), count(session, Product, Product.code_key == BACKUP)) == (0, 0)
    assert [path for path in media.rglob("*") if path.is_file()] == []


def test_a_sheet_of_bad_rows_only_cannot_be_confirmed(check_sheet) -> None:
    run = check_sheet(sheet_file(sheet_row(Currency="ZZZ")))
    assert (run.state, run.rows_failed) == (ImportState.READY, 1)
    with pytest.raises(ImportInWrongState), unit_of_work():
        runs.confirm_import(run.id, segments=[], actor=SYSTEM, at=MONDAY_NOON)


def test_only_one_worker_holds_a_run_until_its_lease_is_over(at_distributor) -> None:
    with unit_of_work():
        run = upload_sheet(sheet_file(sheet_row()), "sheet.csv", actor=SYSTEM, at=MONDAY_NOON)
    now = utc_now()
    with unit_of_work():
        first = runs.claim_run(run.id, at=now)
    with unit_of_work():
        assert runs.claim_run(run.id, at=now + timedelta(minutes=9)) is None
        assert list(runs.due_run_ids(at=now + timedelta(minutes=9), limit=5)) == []
    later = now + timedelta(minutes=11)
    assert list(runs.due_run_ids(at=later, limit=5)) == [run.id]
    with unit_of_work():
        second = runs.claim_run(run.id, at=later)
    assert first is not None
    assert second is not None
    assert (first.attempt, second.attempt) == (1, 2)
    with pytest.raises(runs.LeaseLost), unit_of_work():
        runs.finish_check(first, at=later)


def test_a_run_that_keeps_dying_fails_with_a_reason(at_distributor) -> None:
    with unit_of_work():
        run = upload_sheet(sheet_file(sheet_row()), "sheet.csv", actor=SYSTEM, at=MONDAY_NOON)
    now = utc_now()
    for number in range(runs.MAX_ATTEMPTS):
        with unit_of_work():
            assert runs.claim_run(run.id, at=now + number * runs.LEASE * 2) is not None
    with unit_of_work():
        assert runs.claim_run(run.id, at=now + timedelta(days=1)) is None
    assert runs.get_run(run.id).state is ImportState.FAILED


def test_an_interrupted_application_goes_on_after_the_last_range(session, check_sheet, monkeypatch) -> None:
    run = check_sheet(sample())
    with unit_of_work():
        runs.confirm_import(run.id, segments=["Commercial"], actor=SYSTEM, at=MONDAY_NOON)

    class Killed(BaseException):
        pass

    ranges = []
    real = runs.note_applied

    def killed_after_two(claim, done, *, at) -> None:
        ranges.append(done)
        if len(ranges) == 3:
            raise Killed
        real(claim, done, at=at)

    monkeypatch.setattr(runs, "note_applied", killed_after_two)
    with pytest.raises(Killed):
        job(run)
    monkeypatch.undo()
    stopped = runs.get_run(run.id)
    assert (stopped.state, stopped.rows_done, stopped.rows_total) == (ImportState.APPLYING, 200, 464)
    with unit_of_work():
        stopped.lease_until = MONDAY_NOON
    ended = job(run)

    assert ended.state is ImportState.COMPLETED
    assert (ended.rows_done, ended.rows_created) == (464, 464)
    assert count(session, Product, Product.vendor_name.is_not(None)) == 116


def test_a_file_that_has_gone_fails_the_run_with_a_reason(at_distributor) -> None:
    with unit_of_work():
        run = upload_sheet(sheet_file(sheet_row()), "sheet.csv", actor=SYSTEM, at=MONDAY_NOON)
    media_file(run.file_path).unlink()
    ended = job(run)
    assert (ended.state, ended.message) == (
        ImportState.FAILED,
        "The uploaded file is no longer there. Upload it again.",
    )
