"""Orders by API in the back office: drafted, filled, recorded and executed, at wholesale."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import event, select

from app.accounts.models import Account
from app.core.db import engine
from app.core.ids import new_id
from app.identity.api_clients.models import ApiClientKind
from app.orders.models import Order, OrderChannel, OrderItem, OrderStatus, OrderWork
from app.subscriptions.models import Subscription
from tenants.context import scope
from tests.factories.subscriptions import make_running
from tests.web.api.conftest import EVERYTHING, Caller, make_program, refused
from tests.web.leaks.conftest import run_due


def seats(world, quantity=3) -> dict[str, object]:
    return {"product_id": str(world.seats.id), "term": "P1M", "cycle": "monthly", "quantity": quantity}


def all_orders(session, world) -> list[Order]:
    with scope(world.scope):
        session.expire_all()
        return list(session.scalars(select(Order).order_by(Order.number)))


@pytest.fixture
def customer(session, world) -> Account:
    with scope(world.scope):
        session.get_one(Account, (world.id, world.tech.id)).credit_limit = None
        session.commit()
    return world.tech.customers[0]


def draft(office, account, *items) -> dict[str, object]:
    made = office.post("/orders", {"account_id": str(account.id), "items": list(items)})
    assert made.status_code == 201, made.text
    return made.json


def test_a_draft_is_recorded_and_executed(session, world, office, customer):
    """BC-32, GO-18: what staff does with an order a program can do; a reseller's customer is billed to its reseller."""
    made = office.post("/orders", {"account_id": str(customer.id), "name": "Mail for all", "po_number": "PO-9"})
    number = made.json["number"]
    assert (made.json["status"], made.json["channel"], made.json["payer"]["name"]) == ("draft", "api", "Tech Solutions")
    assert office.get(f"/orders/{number}").json["status"] == "draft"
    filled = office.post(f"/orders/{number}/items", seats(world))
    assert (filled.status_code, filled.json["net_total"]) == (201, "30.0000")
    assert filled.json["items"][0]["unit_cost"] == "10.0000"
    sent = office.post(f"/orders/{number}/submit")
    assert (sent.json["status"], sent.json["channel"]) == ("submitted", "bss")
    with scope(world.scope):
        assert session.scalars(select(OrderWork)).all() == []
    asked = office.post(f"/orders/{number}/execute")
    assert (asked.status_code, asked.json["status"]) == (200, "executing")
    run_due(session, world)
    assert office.get(f"/orders/{number}").json["status"] == "executed"
    with scope(world.scope):
        (made,) = session.scalars(select(Subscription))
        assert (made.account_id, made.payer_id, made.quantity) == (customer.id, world.tech.id, 3)
        order = session.scalars(select(Order)).one()
        assert (order.placed_by_id, order.api_client_id, order.channel) == (None, office.program.id, OrderChannel.BSS)


def test_items_are_taken_off_and_an_empty_draft_is_not_recorded(session, world, office, customer):
    made = draft(office, customer, seats(world))
    item = made["items"][0]["id"]
    left = office.delete(f"/orders/{made['number']}/items/{item}")
    assert (left.status_code, left.json["items"]) == (200, [])
    refused(office.delete(f"/orders/{made['number']}/items/{item}"), 404)
    refused(office.post(f"/orders/{made['number']}/submit"), 422, "items", "order_empty")
    refused(office.post(f"/orders/{made['number']}/execute"), 404)
    (order,) = all_orders(session, world)
    assert order.status is OrderStatus.DRAFT


def test_a_draft_is_its_programs_alone(client, session, world, office, customer):
    number = draft(office, customer, seats(world))["number"]
    other = make_program(session, world, world.id, "/bss/api/v1", kind=ApiClientKind.API_KEY, scopes=EVERYTHING)
    second = Caller(client, other)
    refused(second.get(f"/orders/{number}"), 404)
    refused(second.post(f"/orders/{number}/items", seats(world)), 404)
    refused(second.post(f"/orders/{number}/submit"), 404)
    assert (second.get("/orders").json["total"], office.get("/orders").json["total"]) == (0, 1)
    office.post(f"/orders/{number}/submit")
    assert second.get("/orders").json["total"] == 1
    refused(second.post(f"/orders/{number}/items", seats(world)), 404)
    refused(office.post(f"/orders/{number}/items", seats(world)), 409)


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"quantity": 0}, "quantity"), ({"product_id": str(new_id())}, "product"), ({"alias": 7}, "alias")],
)
def test_a_bad_item_is_422_and_changes_nothing(session, world, office, customer, changed, field):
    number = draft(office, customer)["number"]
    refused(office.post(f"/orders/{number}/items", {**seats(world), **changed}), 422, field)
    with scope(world.scope):
        assert session.scalars(select(OrderItem)).all() == []


def test_an_unknown_account_is_404_and_nothing_is_made(session, world, office):
    refused(office.post("/orders", {"account_id": str(new_id())}), 404)
    assert all_orders(session, world) == []


def test_no_statement_reads_a_sell_price(session, world, office, customer):
    """Decisions section 8: the BSS API shows the wholesale side only."""
    number = draft(office, customer, seats(world))["number"]
    seen = []

    def note(_conn, _cursor, statement, *_rest):
        seen.append(statement)

    event.listen(engine(), "before_cursor_execute", note)
    try:
        for path in ("/orders", f"/orders/{number}", "/accounts", "/products", "/invoices", "/subscriptions"):
            assert office.get(path).status_code == 200
    finally:
        event.remove(engine(), "before_cursor_execute", note)
    assert [each for each in seen if "unit_price" in each and "invoice_lines" not in each] == []
    assert Decimal(office.get(f"/orders/{number}").json["net_total"]) == 30


def test_an_item_adds_licences_to_a_subscription(session, world, office, customer):
    """CB-18: it carries the subscription's id, and the execution increases the quantity."""
    running = make_running(session, world, customer, world.seats, payer=world.tech.account)
    stranger = make_running(session, world, world.direct, world.seats)
    number = draft(office, customer)["number"]
    wrong = office.post(f"/orders/{number}/items", {**seats(world), "subscription_id": str(stranger.id)})
    refused(wrong, 422, "subscription_id", "subscription_unknown")
    filled = office.post(f"/orders/{number}/items", {**seats(world), "subscription_id": str(running.id)})
    assert [each["subscription_id"] for each in filled.json["items"]] == [str(running.id)]
    office.post(f"/orders/{number}/submit")
    office.post(f"/orders/{number}/execute")
    run_due(session, world)
    with scope(world.scope):
        session.expire_all()
        assert session.get_one(Subscription, (world.id, running.id)).quantity == 8
