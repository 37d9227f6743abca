"""Exchange rates in BSS: table, line, forms and files (BC-07)."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from http import HTTPStatus
from io import BytesIO

import pytest
from sqlalchemy import select

from app.core import db
from app.core.clock import utc_now
from app.core.ids import new_id
from app.identity.models import UserKind, UserType
from app.pricing.exchange_rates.models import ExchangeRate, RateFile
from app.pricing.price_list_files.models import ListFileState
from tenants.context import scope
from tests.factories.world import make_user

RATES = "/bss/currencies/rates"
RATE = {"from_code": "usd", "to_code": "eur", "rate": "0.92", "valid_from": "2026-03-01"}
HEADER = "From,To,Rate,Valid from"


@pytest.fixture
def staff(sign_in, world):
    return sign_in(world.bss_user)


@pytest.fixture
def as_role(sign_in, world, session):
    """Sign somebody of the back office in with one role."""

    def as_role(role: str):
        with scope(world.scope):
            user = make_user(session, None, kind=UserKind.BSS, realms=(world.id,), roles=(role,), type=UserType.USER)
        return sign_in(user)

    return as_role


def rows(world, model) -> list:
    with scope(world.scope):
        return list(db.session.scalars(select(model).order_by(model.id).execution_options(populate_existing=True)))


def history(world) -> set[tuple[str, str, Decimal, date]]:
    return {(each.from_code, each.to_code, each.rate, each.valid_from) for each in rows(world, ExchangeRate)}


def upload(client, *lines: str, name: str = "rates.csv"):
    text = "\n".join((HEADER, *lines)).encode()
    return client.post(f"{RATES}/upload", data={"file": (BytesIO(text), name)}, content_type="multipart/form-data")


def test_a_rate_is_entered_shown_as_todays_and_removed(staff, world):
    """BC-07: what holds today is derived from the history, on the list of currencies, too."""
    staff.post("/bss/currencies/new", data={"code": "USD", "is_active": "y"})
    assert "None yet" in staff.get("/bss/currencies").text

    added = staff.post(f"{RATES}/new", data=RATE)
    later = (utc_now().date() + timedelta(days=40)).isoformat()
    staff.post(f"{RATES}/new", data={**RATE, "rate": "0.8812345678", "valid_from": later})

    assert added.status_code == HTTPStatus.SEE_OTHER
    shown = staff.get(f"{RATES}?pair=USD-EUR").text
    assert "Today 1 USD is 0.92 EUR." in shown
    assert "0.8812345678" in shown
    assert "To come" in shown
    assert ">0.92</a>" in staff.get("/bss/currencies").text
    (first, _) = rows(world, ExchangeRate)
    assert staff.post(f"{RATES}/{first.id}/remove").status_code == HTTPStatus.SEE_OTHER
    assert "Nobody has entered a rate that holds today." in staff.get(f"{RATES}?pair=USD-EUR").text


def test_the_course_of_a_pair_is_a_line(staff):
    """BC-07: a year by the week, its figures below; one rate alone is no course."""
    today = utc_now().date()
    staff.post(f"{RATES}/new", data={**RATE, "valid_from": (today - timedelta(days=100)).isoformat()})
    assert "chart__line" not in staff.get(f"{RATES}?pair=USD-EUR").text
    staff.post(f"{RATES}/new", data={**RATE, "rate": "0.95", "valid_from": (today - timedelta(days=10)).isoformat()})
    shown = staff.get(f"{RATES}?pair=USD-EUR").text
    assert "chart__line" in shown
    assert "EUR for 1 USD" in shown


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rate": "0"}, "Enter a rate above 0"),
        ({"rate": "much"}, "Not a valid decimal"),
        ({"to_code": "USD"}, "two different currencies"),
        ({"from_code": "XXY"}, "ISO 4217"),
        ({"valid_from": "soon"}, "Not a valid date"),
        ({"valid_from": "2026-03-01", "rate": "0.93"}, "from this day already"),
    ],
)
def test_a_wrong_rate_is_refused_at_its_field(staff, world, changes, words):
    """BC-07: 422, typed values kept, nothing stored."""
    staff.post(f"{RATES}/new", data=RATE)

    response = staff.post(f"{RATES}/new", data={**RATE, "valid_from": "2026-04-01", **changes})

    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in response.text
    assert len(rows(world, ExchangeRate)) == 1


def test_a_file_is_previewed_and_then_added_as_a_whole(staff, world):
    """BC-07: nothing is added before somebody agrees; what is there already stays as it is."""
    staff.post(f"{RATES}/new", data=RATE)

    uploaded = upload(staff, "USD,EUR,0.92,2026-03-01", 'usd,eur,"0,8812345678",2026-06-01', "GBP,EUR,1.17,2026-06-01")
    preview = staff.get(uploaded.location).text

    assert "Add 2 rates" in preview
    assert "As it is" in preview
    assert len(rows(world, ExchangeRate)) == 1
    assert staff.post(f"{uploaded.location}/confirm").status_code == HTTPStatus.SEE_OTHER
    assert history(world) == {
        ("USD", "EUR", Decimal("0.92"), date(2026, 3, 1)),
        ("USD", "EUR", Decimal("0.8812345678"), date(2026, 6, 1)),
        ("GBP", "EUR", Decimal("1.17"), date(2026, 6, 1)),
    }
    assert staff.post(f"{uploaded.location}/confirm").status_code == HTTPStatus.CONFLICT
    assert len(rows(world, ExchangeRate)) == 3


def test_a_file_with_a_wrong_row_is_not_taken_at_all(staff, world):
    """BC-07: each wrong row says why; also where somebody sends the confirmation anyway."""
    uploaded = upload(
        staff, "USD,EUR,0.92,2026-03-01", "USD,EUR,-1,2026-04-01", "USD,EUR,much,2026-04-02", "USD,EUR,1,soon",
        "EUR,EUR,1,2026-04-03", "XXY,EUR,1,2026-04-04", "USD,EUR,0.93,2026-03-01",
    )  # fmt: skip
    preview = staff.get(uploaded.location).text

    for words in (
        "Rate: Enter a rate above 0", "Rate: “much” is no number", "Valid from: “soon” is no day",
        "To: Choose two different currencies", "From: Enter an ISO 4217 code", "The same currencies and day as row 2",
    ):  # fmt: skip
        assert words in preview
    assert "/confirm" not in preview
    assert staff.post(f"{uploaded.location}/confirm").status_code == HTTPStatus.CONFLICT
    assert rows(world, ExchangeRate) == []
    assert rows(world, RateFile)[0].state is ListFileState.READY


def test_a_rate_entered_since_the_preview_stops_the_file(staff, world):
    uploaded = upload(staff, "USD,EUR,0.95,2026-03-01", "GBP,EUR,1.17,2026-03-01")
    staff.post(f"{RATES}/new", data=RATE)

    staff.post(f"{uploaded.location}/confirm")

    assert history(world) == {("USD", "EUR", Decimal("0.92"), date(2026, 3, 1))}
    assert "There is a rate of 0.92 from this day" in staff.get(uploaded.location).text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"From,To,Rate\nUSD,EUR,1", "no column Valid from"),
        (b"From,To,Rate,Valid from\n", "no rows"),
        (b"", "empty"),
        (b"\x00\x01", "Upload an Excel workbook"),
    ],
)
def test_what_is_no_table_of_rates_is_refused(staff, world, content, words):
    response = staff.post(
        f"{RATES}/upload", data={"file": (BytesIO(content), "rates.csv")}, content_type="multipart/form-data"
    )

    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in response.text
    assert rows(world, RateFile) == []


def test_a_file_that_was_put_aside_adds_nothing(staff, world):
    uploaded = upload(staff, "USD,EUR,0.92,2026-03-01")
    assert staff.post(f"{uploaded.location}/discard").status_code == HTTPStatus.SEE_OTHER
    staff.post(f"{uploaded.location}/confirm")
    assert rows(world, ExchangeRate) == []


def test_an_export_can_be_uploaded_again(staff):
    staff.post(f"{RATES}/new", data=RATE)
    exported = staff.get(f"{RATES}?format=csv").data
    again = staff.post(
        f"{RATES}/upload", data={"file": (BytesIO(exported), "again.csv")}, content_type="multipart/form-data"
    )
    assert "All rates of this file are there already" in staff.get(again.location).text


def test_finance_enters_rates_and_who_reads_prices_sees_them(as_role, world):
    """BC-07: `rates.edit` of its own; others read."""
    finance = as_role("billing")
    assert finance.post(f"{RATES}/new", data=RATE).status_code == HTTPStatus.SEE_OTHER
    sales = as_role("sales")
    assert "0.92" in sales.get(RATES).text
    (made,) = rows(world, ExchangeRate)
    assert sales.post(f"{RATES}/new", data={**RATE, "valid_from": "2026-04-01"}).status_code == HTTPStatus.FORBIDDEN
    assert sales.post(f"{RATES}/{made.id}/remove").status_code == HTTPStatus.FORBIDDEN
    assert sales.get(f"{RATES}/upload").status_code == HTTPStatus.FORBIDDEN
    assert len(rows(world, ExchangeRate)) == 1


def test_unknown_rates_and_files_are_not_there(staff):
    assert staff.post(f"{RATES}/{new_id()}/remove").status_code == HTTPStatus.NOT_FOUND
    assert staff.get(f"{RATES}/upload/{new_id()}").status_code == HTTPStatus.NOT_FOUND
    assert staff.post(f"{RATES}/upload/{new_id()}/confirm").status_code == HTTPStatus.NOT_FOUND
    assert staff.get(f"{RATES}?pair=nonsense").status_code == HTTPStatus.OK
