from __future__ import annotations

from http import HTTPStatus

import pytest

from app.billing.models import Invoice
from app.core import db
from app.core.db import unit_of_work
from app.orders.execution import process_work
from app.orders.models import OrderStatus
from tenants.context import scope
from tests.factories.execution import Wanted, alias_order, all_of
from tests.factories.world import MONDAY_NOON


@pytest.fixture
def number(session, world) -> str:
    placed = alias_order(session, world, [Wanted(world.seats, 5)], status=OrderStatus.EXECUTING)
    with scope(world.scope):
        with unit_of_work():
            process_work(placed.work.id, at=MONDAY_NOON)
        return all_of(db.session, Invoice)[0].number


def test_an_invoice_is_listed_shown_and_printed(world, number, sign_in):
    client = sign_in(world.bss_user)
    listed = client.get("/bss/invoices?q=tech")
    assert number in listed.text
    shown = client.get(f"/bss/invoices/{number}")
    assert world.tech.customers[0].name in shown.text
    assert "€50.00" in shown.text
    printed = client.get(f"/bss/invoices/{number}/pdf")
    assert printed.mimetype == "application/pdf"
    assert printed.data.startswith(b"%PDF-")


def test_the_back_office_never_shows_what_the_customer_pays(world, number, sign_in):
    client = sign_in(world.bss_user)
    for path in ("/bss/invoices", f"/bss/invoices/{number}", "/bss/invoices?format=csv"):
        text = client.get(path).text
        assert "60.00" not in text
        assert "12.00" not in text


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_the_list_can_be_exported(world, number, sign_in, kind):
    answer = sign_in(world.bss_user).get(f"/bss/invoices?format={kind}")
    assert answer.status_code == HTTPStatus.OK
    assert f"invoices.{kind}" in answer.headers["Content-Disposition"]
    assert kind == "xlsx" or number in answer.text


def test_an_unknown_invoice_is_not_found(world, number, sign_in):
    assert sign_in(world.bss_user).get("/bss/invoices/INV-1999-000001").status_code == HTTPStatus.NOT_FOUND


def test_an_empty_filter_says_what_will_be_here(world, sign_in):
    assert "issued when an order is executed" in sign_in(world.bss_user).get("/bss/invoices").text
