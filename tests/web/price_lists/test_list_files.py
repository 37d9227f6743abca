"""Lines of price lists from Excel and CSV in BSS: upload, preview, result, and back again (CB-05)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import pytest
from sqlalchemy import select

from app.core import db
from app.core.config import settings
from app.core.ids import new_id
from app.identity.models import UserKind, UserType
from app.pricing.models import PriceListEntry
from app.pricing.price_list_files.models import LineOutcome, PriceListFile, PriceListFileRow
from tenants.context import scope
from tests.factories.world import make_user

HEADER = "Code,Term,Billing plan,Rule,Value,Tiers\n"


@pytest.fixture(autouse=True)
def media(tmp_path, monkeypatch) -> Iterator[Any]:
    monkeypatch.setenv("MEDIA_PATH", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def staff(sign_in, world):
    return sign_in(world.bss_user)


def upload(staff, world, content: bytes | str, name: str = "lines.csv"):
    body = content.encode() if isinstance(content, str) else content
    return staff.post(
        f"/bss/price-lists/{world.price_list.id}/import",
        data={"file": (io.BytesIO(body), name)},
        content_type="multipart/form-data",
    )


def entries(world) -> list[tuple[Any, ...]]:
    with scope(world.scope):
        rows = db.session.execute(
            select(
                PriceListEntry.product_id, PriceListEntry.term, PriceListEntry.rule, PriceListEntry.value,
                PriceListEntry.price, PriceListEntry.price_scheme, PriceListEntry.price_tiers,
            ).order_by(PriceListEntry.id)
        )  # fmt: skip
        return [tuple(row) for row in rows]


def test_what_was_exported_is_imported_as_it_is(staff, world, session) -> None:
    """CB-05 (partly): export and import speak the same columns, in CSV and in Excel, tiers and all."""
    with scope(world.scope):
        entry = session.scalars(select(PriceListEntry).where(PriceListEntry.product_id == world.seats.id)).first()
        entry.price_scheme, entry.price_tiers = (
            "volume",
            [{"from": 1, "percent": "0"}, {"from": 11, "percent": "12.50"}],
        )
        session.commit()
    before = entries(world)
    for kind in ("csv", "xlsx"):
        exported = staff.get(f"/bss/price-lists/{world.price_list.id}?format={kind}")
        answer = upload(staff, world, exported.data, f"price-list.{kind}")
        page = staff.get(answer.location)
        assert page.status_code == HTTPStatus.OK
        assert "Nothing of this file would change the list" in page.text
        with scope(world.scope):
            outcomes = set(db.session.scalars(select(PriceListFileRow.outcome)))
        assert outcomes == {LineOutcome.UNCHANGED}

    assert entries(world) == before


def test_a_file_is_previewed_confirmed_and_reported(staff, world) -> None:
    code = world.seats.code
    answer = upload(
        staff, world, HEADER + f"{code},P1M,monthly,fixed,6.50,volume: 1 = 0; 10 = 5\nNOBODY,P1M,monthly,same,,\n"
    )
    assert answer.status_code == HTTPStatus.SEE_OTHER
    preview = staff.get(answer.location)
    assert "This is what the file would do" in preview.text
    assert "There is no such product" in preview.text
    before = entries(world)

    confirmed = staff.post(f"{answer.location}/confirm")
    assert (confirmed.status_code, confirmed.location) == (HTTPStatus.SEE_OTHER, answer.location)
    assert entries(world) != before
    assert "1 prices were added or changed." in staff.get(answer.location).text
    assert "Volume: 1 = 0 %; 10 = 5 %" in staff.get(f"/bss/price-lists/{world.price_list.id}").text
    report = staff.get(f"{answer.location}?format=csv").text
    assert "NOBODY" in report
    assert "Changed" in report

    again = staff.post(f"{answer.location}/confirm")
    assert again.status_code == HTTPStatus.CONFLICT
    assert "was already decided" in again.text


def test_a_file_put_aside_changes_nothing(staff, world) -> None:
    before = entries(world)
    answer = upload(staff, world, HEADER + f"{world.seats.code},P1M,monthly,fixed,6.50,\n")
    staff.post(f"{answer.location}/discard")
    assert staff.post(f"{answer.location}/confirm").status_code == HTTPStatus.CONFLICT
    assert entries(world) == before


@pytest.mark.parametrize(
    "content", ["", "Name\nA\n", "%PDF\0", HEADER.replace("Rule", "Mode") + "A,P1M,monthly,same,,\n"]
)
def test_a_file_that_is_none_is_refused_at_its_field(staff, world, content) -> None:
    answer = upload(staff, world, content)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'id="file-error"' in answer.text
    with scope(world.scope):
        assert db.session.scalars(select(PriceListFile)).all() == []


def test_who_only_looks_at_prices_imports_none(sign_in, world, session) -> None:
    with scope(world.scope):
        made = {"kind": UserKind.BSS, "realms": (world.id,), "type": UserType.USER}
        person = make_user(session, None, roles=("sales",), **made)
        session.commit()
    seller = sign_in(person)
    before = entries(world)
    assert (
        upload(seller, world, HEADER + f"{world.seats.code},P1M,monthly,fixed,1,\n").status_code == HTTPStatus.FORBIDDEN
    )
    assert entries(world) == before


def test_another_lists_file_and_none_are_not_found(staff, world) -> None:
    answer = upload(staff, world, HEADER + f"{world.seats.code},P1M,monthly,fixed,6.50,\n")
    file_id = answer.location.rsplit("/", 1)[1]
    for address in (
        f"/bss/price-lists/{new_id()}/import/{file_id}",
        f"/bss/price-lists/{world.price_list.id}/import/{new_id()}",
    ):
        assert staff.get(address).status_code == HTTPStatus.NOT_FOUND
        assert staff.post(f"{address}/confirm").status_code == HTTPStatus.NOT_FOUND


def test_a_rule_with_tiers_is_set_for_ticked_prices_and_refused_at_its_field(staff, world) -> None:
    """CB-F10 (partly): tiers that do not begin at 1 are refused at their field, and nothing changes."""
    address = f"/bss/price-lists/{world.price_list.id}/entries"
    rule = {"rule": "fixed", "value": "10", "action": "rule", "all_matching": "1", "price_scheme": "volume"}
    before = entries(world)
    refused = staff.post(address, data={**rule, "tiers": "5 = 10 %"})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'id="tiers-error"' in refused.text
    assert entries(world) == before

    assert staff.post(address, data={**rule, "tiers": "1 = 10 %; 11 = 30 %"}).status_code == HTTPStatus.SEE_OTHER
    staff.post(address, data={"rule": "fixed", "value": "20", "action": "rule", "all_matching": "1"})
    assert {(entry[3], entry[6][1]["percent"]) for entry in entries(world)} == {(Decimal(20), "30")}
