"""Files of usage: what is taken in, what is refused and why."""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal

import pytest
from openpyxl import Workbook
from sqlalchemy import func, select

from app.audit.services import SYSTEM
from app.billing.usage import reading
from app.billing.usage.errors import UsageChargeIsUsed
from app.billing.usage.importing import due_imports, get_import, upload_usage
from app.billing.usage.models import UsageCharge, UsageImport, UsageImportState, UsageRecord, UsageState
from app.billing.usage.rates import RateDetails, add_rate, change_rate, remove_rate
from app.catalogue.errors import SheetRefused
from app.core.db import BoundSession, unit_of_work
from app.core.errors import Invalid
from tests.domain.usage.conftest import IN_JUNE, Metered, Upload, make_metered, set_rate
from tests.factories.world import MONDAY_NOON, World
from workers.jobs import usage as jobs
from workers.jobs.usage import import_usage


def rejected(session: BoundSession) -> list[tuple[int, str]]:
    session.expire_all()
    rows = session.scalars(
        select(UsageRecord).where(UsageRecord.state == UsageState.REJECTED).order_by(UsageRecord.row_number)
    )
    return [(row.row_number, row.reason) for row in rows]


def quantities(session: BoundSession) -> list[Decimal | None]:
    session.expire_all()
    return list(
        session.scalars(
            select(UsageRecord.quantity)
            .where(UsageRecord.state != UsageState.REJECTED)
            .order_by(UsageRecord.first_day, UsageRecord.quantity)
        )
    )


def test_a_bad_row_is_reported_with_its_number_and_the_others_go_in(
    session: BoundSession, metered: Metered, upload: Upload
) -> None:
    """CB-F36: a usage file with one bad row imports the others and reports the row number."""
    set_rate(metered)
    found = upload(
        metered.row("Traffic", 10, "2026-06-01", "2026-06-10"),
        metered.row("Bandwidth", 10, "2026-06-11", "2026-06-20"),
        metered.row("Traffic", 20, "2026-06-11", "2026-06-20"),
    )
    assert (found.state, found.rows_total, found.rows_imported, found.rows_rejected) == (
        UsageImportState.COMPLETED, 3, 2, 1,
    )  # fmt: skip
    assert rejected(session) == [(3, "The product has no such resource")]
    assert quantities(session) == [Decimal(10), Decimal(20)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"account": ""}, "AccountCode is empty"),
        ({"account": "AC-NONE"}, "There is no account with this code"),
        ({"subscription": "SUB-0"}, "The account has no such subscription"),
        ({"resource": ""}, "Resource is empty"),
        ({"quantity": "-1"}, "Quantity is below 0"),
        ({"quantity": "many"}, "Quantity is no number, or has more than 4 decimals"),
        ({"quantity": "1.00001"}, "Quantity is no number, or has more than 4 decimals"),
        ({"quantity": "NaN"}, "Quantity is no number, or has more than 4 decimals"),
        ({"first": "yesterday"}, "Start date or end date is no day such as 2026-03-31"),
        ({"first": "2026-06-10", "last": "2026-06-09"}, "The end date lies before the start date"),
        ({"last": "2026-07-01"}, "The days lie outside a billing cycle of the subscription"),
        ({"first": "2026-05-31", "last": "2026-05-31"}, "The days lie outside a billing cycle of the subscription"),
        ({"first": "2026-07-01", "last": "2026-07-01"}, "The days lie outside a billing cycle of the subscription"),
    ],
)
def test_a_bad_row_says_why(
    session: BoundSession, metered: Metered, upload: Upload, row: dict[str, str], reason: str
) -> None:
    """CB-13, bad: unknown account or resource, quantity < 0, dates outside the cycle."""
    set_rate(metered)
    resource, quantity = row.pop("resource", "Traffic"), row.pop("quantity", "10")
    upload(metered.row(resource, quantity, **row))
    assert rejected(session) == [(2, reason)]
    assert quantities(session) == []


def test_overlapping_days_are_refused(session: BoundSession, metered: Metered, upload: Upload) -> None:
    """CB-13, bad: overlapping dates; the same days twice in one file are."""
    set_rate(metered)
    upload(
        metered.row("Traffic", 10, "2026-06-01", "2026-06-10"),
        metered.row("Traffic", 10, "2026-06-10", "2026-06-12"),
        metered.row("Traffic", 30, "2026-06-01", "2026-06-10"),
    )
    assert rejected(session) == [
        (3, "The days overlap with those of another row"),
        (4, "Row 2 says the same days"),
    ]


def test_importing_again_replaces_what_is_not_billed(session: BoundSession, metered: Metered, upload: Upload) -> None:
    """CB-F37: re-importing an unbilled usage row replaces it; a billed one is refused."""
    set_rate(metered)
    upload(metered.row("Traffic", 10))
    found = upload(metered.row("Traffic", 25))
    assert (found.rows_imported, found.rows_replaced, quantities(session)) == (1, 1, [Decimal(25)])

    record = session.scalars(select(UsageRecord)).one()
    record.state, record.charge_key = UsageState.BILLED, "usage:x"
    session.commit()
    found = upload(metered.row("Traffic", 30))

    assert (found.rows_imported, found.rows_rejected, quantities(session)) == (0, 1, [Decimal(25)])
    assert rejected(session) == [
        (2, "These days are billed already. Send the difference in a row marked as correction.")
    ]


def test_a_blank_subscription_means_the_only_one(
    session: BoundSession, world: World, metered: Metered, upload: Upload
) -> None:
    """CB-13: the subscription may be blank only when the account has exactly one matching active one."""
    set_rate(metered)
    upload(metered.row("Traffic", 10, subscription=""))
    record = session.scalars(select(UsageRecord)).one()
    assert (record.subscription_id, record.subscription_code) == (metered.running.id, metered.running.code)

    other = make_metered(session, world, "Second")
    set_rate(other)
    upload(metered.row("Traffic", 10, "2026-06-01", "2026-06-02", subscription=""))
    assert rejected(session) == [(2, "The account has 2 active subscriptions with this resource; name the one")]


def test_a_foreign_subscription_is_unknown(
    session: BoundSession, world: World, metered: Metered, upload: Upload
) -> None:
    set_rate(metered)
    upload(metered.row("Traffic", 10, account=world.tech.customers[0].code))
    assert rejected(session) == [(2, "The account has no such subscription")]


def workbook(*rows: tuple[object, ...]) -> io.BytesIO:
    book, stream = Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    book.save(stream)
    stream.seek(0)
    return stream


def test_an_excel_file_with_real_dates_is_read(session: BoundSession, world: World, metered: Metered) -> None:
    set_rate(metered)
    stream = workbook(
        ("Account code", "Subscription", "Resource", "Quantity", "Start date", "End date"),
        (metered.account_code, metered.running.code, "Traffic", 2300.5, date(2026, 6, 1), date(2026, 6, 30)),
    )
    with unit_of_work():
        made = upload_usage(stream, "usage.xlsx", actor=SYSTEM, at=IN_JUNE).id
    import_usage(str(made), distributor_id=str(world.id))
    assert (get_import(made).rows_imported, quantities(session)) == (1, [Decimal("2300.5")])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\x00\x01\x02", "wrong_type"),
        (b"PK\x03\x04nonsense", "damaged"),
        (b"\xd0\xcf\x11\xe0old", "old_excel"),
        (b"\xff\xfe\xfa", "encoding"),
        (b"1,2,3\n4,5,6\n", "columns_missing"),
        (b"AccountCode,Resource,Quantity\nA,B,1\n", "columns_missing"),
        (b"AccountCode,Resource,Quantity,Start date,End date\n", "no_rows"),
        (
            b"AccountCode,Resource,Quantity,Start date,End date\n" + b"A,B,1,2026-06-01,2026-06-01\n" * 4,
            "too_many_rows",
        ),
    ],
)
def test_a_wrong_file_is_refused_and_nothing_is_kept(
    session: BoundSession, tmp_path, monkeypatch: pytest.MonkeyPatch, content: bytes, reason: str
) -> None:
    """CB-13, bad: more than 50,000 rows; a file that is none."""
    monkeypatch.setattr(reading, "MOST_ROWS", 3)
    with pytest.raises(SheetRefused) as refused, unit_of_work():
        upload_usage(io.BytesIO(content), "usage.csv", actor=SYSTEM, at=IN_JUNE)
    assert refused.value.reason == reason
    assert session.scalar(select(func.count()).select_from(UsageImport)) == 0
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_interrupted_import_goes_on_after_its_last_chunk(
    session: BoundSession, world: World, metered: Metered, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_rate(metered)
    monkeypatch.setattr(jobs, "CHUNK", 1)
    real, times = jobs._take, iter(range(9))

    def dying(claim, rows) -> None:
        if next(times) == 1:
            raise KeyboardInterrupt
        real(claim, rows)

    monkeypatch.setattr(jobs, "_take", dying)
    rows = [metered.row("Traffic", day, f"2026-06-{day:02}", f"2026-06-{day:02}") for day in (1, 2, 3)]
    with pytest.raises(KeyboardInterrupt):
        upload(*rows)
    made = session.scalars(select(UsageImport)).one()
    assert (made.rows_done, made.state) == (1, UsageImportState.RUNNING)
    made_id = made.id
    made.lease_until = IN_JUNE
    session.commit()
    assert list(due_imports(at=IN_JUNE.replace(hour=12))) == [made_id]

    import_usage(str(made_id), distributor_id=str(world.id))

    session.expire_all()
    assert (get_import(made_id).state, get_import(made_id).rows_imported) == (UsageImportState.COMPLETED, 3)
    assert quantities(session) == [Decimal(1), Decimal(2), Decimal(3)]


def details(**changes: object) -> RateDetails:
    base = {"resource": "Traffic", "unit": "GB", "currency": "EUR", "price": Decimal(1), "kind": None}
    from app.billing.usage.models import ResourceKind  # noqa: PLC0415 - the default

    return RateDetails(**{**base, "kind": ResourceKind.METERED, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"resource": " "}, "resource_length"),
        ({"resource": "x" * 65}, "resource_length"),
        ({"resource": "TRAFFIC"}, "resource_taken"),
        ({"currency": "EURO"}, "currency"),
        ({"price": None}, "price_missing"),
        ({"price": Decimal(-1)}, "price_range"),
        ({"pack_size": Decimal(0)}, "pack_range"),
        ({"included": Decimal(-1)}, "included_range"),
        ({"unit": "u" * 41}, "unit_length"),
    ],
)
def test_a_wrong_rate_is_refused(
    session: BoundSession, metered: Metered, changes: dict[str, object], code: str
) -> None:
    set_rate(metered)
    with pytest.raises(Invalid) as refused, unit_of_work():
        add_rate(metered.product_id, details(**{"resource": "Other", **changes}), actor=SYSTEM, at=MONDAY_NOON)
    assert refused.value.codes == (code,)
    assert session.scalar(select(func.count()).select_from(UsageCharge)) == 1


def test_a_rate_with_usage_stays(session: BoundSession, metered: Metered, upload: Upload) -> None:
    charge = set_rate(metered)
    charge_id = charge.id
    with unit_of_work():
        change_rate(charge_id, details(price=Decimal(2)), version=1, actor=SYSTEM, at=MONDAY_NOON)
    upload(metered.row("Traffic", 10))
    with pytest.raises(UsageChargeIsUsed), unit_of_work():
        remove_rate(charge_id, actor=SYSTEM, at=MONDAY_NOON)
    assert session.scalar(select(func.count()).select_from(UsageCharge)) == 1
