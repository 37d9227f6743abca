"""Assets in the back office: seen by staff, priced by finance, taken back by sales."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

import pytest
from sqlalchemy import select

from app.billing.models import Invoice
from app.core.clock import utc_now
from app.core.ids import new_id
from app.orders.models import Order
from app.subscriptions.asset_models import AssetCost, AssetField, AssetFieldValues
from app.subscriptions.models import Asset, AssetStatus
from tenants.context import scope


def papers(session, world) -> list[tuple[str, object]]:
    with scope(world.scope):
        return [(each.kind.value, each.net_total) for each in session.scalars(select(Invoice).order_by(Invoice.id))]


def as_it_is(session, world) -> Asset:
    with scope(world.scope):
        return session.scalars(select(Asset).execution_options(populate_existing=True)).one()


def test_the_list_finds_and_exports(client, world, sign_in, asset):
    sign_in(world.bss_user)
    listed = client.get("/bss/assets").text
    assert all(words in listed for words in (asset.code, "Fabrikam Tool", world.tech.customers[0].name, "€50.00"))
    assert "62.50" not in listed  # a reseller's sell price is not the distributor's business
    assert asset.code in client.get("/bss/assets?q=fabrikam&status=active").text
    assert asset.code not in client.get("/bss/assets?status=canceled").text
    assert asset.code in client.get("/bss/assets?format=csv").text


def test_finance_edits_the_price(client, session, world, sign_in, staff, asset):
    """CB-F99 (partly): through the page, a credit and a debit; a repeat makes no more."""
    sign_in(staff("billing"))
    page, key = f"/bss/assets/{asset.code}/price", str(new_id())
    assert "Change price" in client.get(page).text
    for _ in range(2):
        answer = client.post(page, data={"user_price": "45.00", "request_key": key})
        assert answer.status_code == HTTPStatus.SEE_OTHER, answer.text
    assert sorted(papers(session, world)[1:]) == [("credit_note", 150), ("invoice", 135)]
    assert "€45.00" in client.get(f"/bss/assets/{asset.code}").text


@pytest.mark.parametrize(
    "data",
    [
        {"user_price": "-1"}, {"user_price": "x"}, {"discount_percent": "101"}, {"price_list": "x"}, {},
        {"price_list": str(new_id())}, {"user_price": "39.99"},
    ],
)  # fmt: skip
def test_a_wrong_price_comes_back(client, session, world, sign_in, staff, asset, data):
    sign_in(staff("billing"))
    answer = client.post(f"/bss/assets/{asset.code}/price", data=data)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert len(papers(session, world)) == 1
    with scope(world.scope):
        assert session.scalars(select(AssetCost)).one().unit_cost == 50


def test_sales_has_no_right_to_the_price_and_finance_none_to_the_return(client, session, world, sign_in, staff, asset):
    sign_in(staff("sales"))
    assert client.get(f"/bss/assets/{asset.code}/price").status_code == HTTPStatus.FORBIDDEN
    assert "Edit pricing" not in client.get(f"/bss/assets/{asset.code}").text
    sign_in(staff("read_only"))
    assert client.post(f"/bss/assets/{asset.code}/return", data={"quantity": "1"}).status_code == HTTPStatus.FORBIDDEN
    assert len(papers(session, world)) == 1


def test_sales_takes_back_within_the_window(client, session, world, sign_in, staff, asset):
    """CB-31: a partial return is a credit of its quantity; beyond what is there it is refused."""
    sign_in(staff("sales"))
    page = f"/bss/assets/{asset.code}"
    assert "Take back" in client.get(page).text
    for wrong in ("4", "0", "x", ""):
        answer = client.post(f"{page}/return", data={"quantity": wrong})
        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert len(papers(session, world)) == 1
    assert client.post(f"{page}/return", data={"quantity": "1"}).status_code == HTTPStatus.SEE_OTHER
    assert papers(session, world)[1:] == [("credit_note", 50)]
    assert (as_it_is(session, world).quantity, as_it_is(session, world).quantity_returned) == (2, 1)


def test_the_last_day_is_set(client, session, world, sign_in, staff, asset):
    sign_in(staff("operations"))
    page, day = f"/bss/assets/{asset.code}/expiry", (utc_now() + timedelta(days=40)).date()
    for wrong in ("2020-01-01", "soon", "2026-02-31"):
        assert client.post(page, data={"expires_on": wrong}).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert as_it_is(session, world).expires_on is None
    assert client.post(page, data={"expires_on": day.isoformat()}).status_code == HTTPStatus.SEE_OTHER
    assert as_it_is(session, world).expires_on == day


@pytest.fixture
def serial(client, session, world, sign_in) -> AssetField:
    """A field of a serial number, shown on tools, ticked for storefronts."""
    sign_in(world.bss_user)
    answer = client.post(
        "/bss/asset-fields/new",
        data={
            "name": "Serial number", "code": "serial", "kind": "text", "shows_in_storefront": "y",
            "product_types": [str(world.tool.product_type_id)], "is_searchable": "y", "is_required": "y",
        },
    )  # fmt: skip
    assert answer.status_code == HTTPStatus.SEE_OTHER, answer.text
    with scope(world.scope):
        found = session.scalars(select(AssetField)).one()
        session.expunge(found)
        return found


def test_fields_are_filled_in_searched_and_shown_to_the_customer(client, session, world, sign_in, asset, serial):
    """CB-F100: set up, filled in, and read in the storefront; without the tick it is gone there."""
    assert "Serial number" in client.get("/bss/asset-fields").text
    page = f"/bss/assets/{asset.code}"
    assert "Serial number" in client.get(page).text
    empty = client.post(f"{page}/fields", data={f"field-{serial.id}": " "})
    assert empty.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Enter a value" in empty.text
    assert client.post(f"{page}/fields", data={f"field-{serial.id}": "SN-4711"}).status_code == HTTPStatus.SEE_OTHER
    assert asset.code in client.get("/bss/assets?q=sn-4711").text
    sign_in(world.tech.buyers[0])
    own = f"/techsolutions/billing/assets/{asset.code}"
    assert "SN-4711" in client.get(own).text
    assert "€62.50" in client.get(own).text
    sign_in(world.bss_user)
    edited = client.save(
        f"/bss/asset-fields/{serial.id}",
        data={
            "name": "Serial number", "code": "serial", "kind": "text",
            "product_types": [str(world.tool.product_type_id)],
        },
    )  # fmt: skip
    assert edited.status_code == HTTPStatus.SEE_OTHER
    sign_in(world.tech.buyers[0])
    assert "SN-4711" not in client.get(own).text


def test_fields_of_a_canceled_asset_stay_editable(client, session, world, sign_in, asset, serial):
    with scope(world.scope):
        session.get_one(Asset, (world.id, asset.id)).status = AssetStatus.CANCELED
        session.commit()
    page = f"/bss/assets/{asset.code}"
    assert client.post(f"{page}/fields", data={f"field-{serial.id}": "SN-1"}).status_code == HTTPStatus.SEE_OTHER
    with scope(world.scope):
        assert session.scalars(select(AssetFieldValues)).one().answers == {str(serial.id): "SN-1"}


@pytest.mark.parametrize(
    "data",
    [
        {}, {"name": "x", "code": "a b", "kind": "text"}, {"name": "x", "code": "a", "kind": "colour"},
        {"name": "x", "code": "a", "kind": "choice"}, {"name": "x", "code": "a", "kind": "number", "default_value": "x"},
        {"name": "x", "code": "a", "kind": "text", "position": "-1"},
        {"name": "x", "code": "a", "kind": "text", "product_types": "x"},
    ],
)  # fmt: skip
def test_a_wrong_field_comes_back(client, session, world, sign_in, data):
    sign_in(world.bss_user)
    assert client.post("/bss/asset-fields/new", data=data).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    with scope(world.scope):
        assert session.scalars(select(AssetField)).all() == []


def test_only_administrators_set_fields_up(client, session, world, sign_in, staff, serial):
    sign_in(staff("sales"))
    assert client.get("/bss/asset-fields/new").status_code == HTTPStatus.FORBIDDEN
    assert client.post(f"/bss/asset-fields/{serial.id}/delete").status_code == HTTPStatus.FORBIDDEN
    sign_in(world.bss_user)
    assert client.post(f"/bss/asset-fields/{new_id()}/delete").status_code == HTTPStatus.NOT_FOUND
    assert client.post(f"/bss/asset-fields/{serial.id}/delete").status_code == HTTPStatus.SEE_OTHER
    with scope(world.scope):
        assert session.scalars(select(AssetField)).all() == []


def test_what_is_somebody_elses_does_not_exist(client, world, sign_in, asset):
    sign_in(world.bss_user)
    for path in ("", "/price"):
        assert client.get(f"/bss/assets/AST-999999{path}").status_code == HTTPStatus.NOT_FOUND
    sign_in(world.cloudia.buyers[0])
    assert client.get(f"/cloudia/billing/assets/{asset.code}").status_code == HTTPStatus.NOT_FOUND


def test_an_asset_names_its_order_and_its_papers(client, session, world, sign_in, asset):
    """CB-31: fields order and invoices."""
    sign_in(world.bss_user)
    page = client.get(f"/bss/assets/{asset.code}").text
    with scope(world.scope):
        (paper,) = session.scalars(select(Invoice)).all()
        order = session.scalars(select(Order)).one()
        paper_number, order_number = paper.number, order.number
    assert f"/bss/orders/{order_number}" in page
    assert f"/bss/invoices/{paper_number}" in page
