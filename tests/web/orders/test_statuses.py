from __future__ import annotations

from http import HTTPStatus

import pytest

from app.catalogue.models import ProductType
from app.core import db
from app.core.db import unit_of_work
from app.notifications.models import OutboundMail
from app.orders.execution import process_work
from app.orders.models import Order, OrderStatus, OrderStatusRow
from app.orders.statuses import MANDATORY, list_statuses
from tenants.context import scope
from tests.factories.execution import Placed, Wanted, all_of, root_order
from tests.factories.world import MONDAY_NOON, World
from tests.web.storefront.steps import run_orders

WAITING = {
    "number": "55", "name": "Waiting for parts", "description": "", "type": "in_progress",
    "storefront_type": "viewable", "is_active": "y",
}  # fmt: skip
JSON = {"Accept": "application/json"}


@pytest.fixture
def bss(sign_in, world):
    return sign_in(world.bss_user)


@pytest.fixture
def waiting(bss, world) -> str:
    """A status of the distributor's own, as its address names it."""
    assert bss.post("/bss/order-statuses/new", data=WAITING).status_code == HTTPStatus.SEE_OTHER
    with scope(world.scope):
        return next(each.ref for each in list_statuses() if each.built_in is None)


def order_of(world: World, placed: Placed) -> Order:
    with scope(world.scope):
        return db.session.get_one(Order, (world.id, placed.id), populate_existing=True)


def test_default_statuses_are_neither_deleted_nor_switched_off(bss, world):
    """CB-F53: Draft, Submitted, Executed and Canceled answer 409 to both, and nothing changes."""
    for status in MANDATORY:
        deleted = bss.post(f"/bss/order-statuses/{status.value}/delete", headers=JSON)
        switched_off = bss.post(f"/bss/order-statuses/{status.value}", data={"version": "1"}, headers=JSON)
        assert (deleted.status_code, switched_off.status_code) == (HTTPStatus.CONFLICT, HTTPStatus.CONFLICT)
    with scope(world.scope):
        assert all_of(db.session, OrderStatusRow) == []
        assert {each.built_in for each in list_statuses() if each.details.is_active} >= MANDATORY


def test_an_own_status_can_be_added_and_used(session, bss, world, waiting):
    """CB-F53: a custom In-progress status can be added and used."""
    placed = root_order(session, world, [Wanted(world.seats)], status=OrderStatus.SUBMITTED)
    assert "Waiting for parts" in bss.get(f"/bss/orders/{placed.number}/status").text
    moved = bss.post(f"/bss/orders/{placed.number}/status", data={"status_ref": waiting})
    assert moved.status_code == HTTPStatus.SEE_OTHER
    assert "Waiting for parts" in bss.get(f"/bss/orders/{placed.number}").text
    assert "Waiting for parts" in bss.get("/bss/orders").text
    assert order_of(world, placed).status is OrderStatus.SUBMITTED
    bss.post(f"/bss/orders/{placed.number}/status", data={"status_ref": ""})
    assert order_of(world, placed).custom_status_id is None


def test_the_customer_reads_an_own_status_that_storefronts_show(session, bss, sign_in, world, waiting):
    placed = root_order(session, world, [Wanted(world.seats)], status=OrderStatus.SUBMITTED)
    bss.post(f"/bss/orders/{placed.number}/status", data={"status_ref": waiting})
    client = sign_in(world.direct_buyer)
    assert "Waiting for parts" in client.get(f"/orders/{placed.number}").text


@pytest.mark.parametrize("status", [OrderStatus.EXECUTED, OrderStatus.CANCELED, OrderStatus.EXECUTING])
def test_final_orders_are_not_moved_by_hand(session, bss, world, waiting, status):
    """CB-19: only orders that are not final; 409 and unchanged."""
    placed = root_order(session, world, [Wanted(world.seats)], status=status)
    answer = bss.post(f"/bss/orders/{placed.number}/status", data={"status_ref": waiting}, headers=JSON)
    assert answer.status_code == HTTPStatus.CONFLICT
    assert order_of(world, placed).custom_status_id is None


def test_a_status_that_does_not_exist_is_no_choice(session, bss, world):
    placed = root_order(session, world, [Wanted(world.seats)], status=OrderStatus.SUBMITTED)
    for ref in ("nope", "submitted", str(world.id)):
        answer = bss.post(f"/bss/orders/{placed.number}/status", data={"status_ref": ref})
        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert order_of(world, placed).custom_status_id is None


@pytest.mark.parametrize(
    ("field", "typed", "message"),
    [
        ("name", "", "Enter a name"),
        ("name", "x" * 61, "Enter a name of 1 to 60 characters"),
        ("name", "submitted", "Another status has this name"),
        ("number", "0", "Enter 1 to 9999"),
        ("type", "automatic_execute", "Not a valid choice"),
        ("storefront_type", "draft", "Not a valid choice"),
    ],
)
def test_what_a_status_cannot_be(bss, world, field, typed, message):
    answer = bss.post("/bss/order-statuses/new", data={**WAITING, field: typed})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert message in answer.text
    with scope(world.scope):
        assert all_of(db.session, OrderStatusRow) == []


def test_a_status_in_use_is_switched_off_rather_than_deleted(session, bss, world, waiting):
    placed = root_order(session, world, [Wanted(world.seats)], status=OrderStatus.SUBMITTED)
    bss.post(f"/bss/orders/{placed.number}/status", data={"status_ref": waiting})
    assert bss.post(f"/bss/order-statuses/{waiting}/delete", headers=JSON).status_code == HTTPStatus.CONFLICT
    off = {name: value for name, value in WAITING.items() if name != "is_active"}
    assert bss.save(f"/bss/order-statuses/{waiting}", data=off).status_code == HTTPStatus.SEE_OTHER
    assert "Waiting for parts" in bss.get(f"/bss/orders/{placed.number}").text
    assert "Waiting for parts" not in bss.get(f"/bss/orders/{placed.number}/status").text


def test_non_automatic_types_need_a_status_to_wait_in(bss, world, waiting):
    """CB-F58: without an active In-progress status that storefronts show, the switch is not saved, and says why."""
    off = {name: value for name, value in WAITING.items() if name != "is_active"}
    bss.save(f"/bss/order-statuses/{waiting}", data=off)
    assert bss.save("/bss/order-statuses/in_progress", data={}).status_code == HTTPStatus.SEE_OTHER
    wanted = {"name": "Migration", "kind": "subscription", "non_automatic": "y", "is_active": "y"}
    refused = bss.post("/bss/product-types/new", data=wanted)
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Add an active order status" in refused.text
    with scope(world.scope):
        assert "Migration" not in {each.name for each in all_of(db.session, ProductType)}
    bss.save("/bss/order-statuses/in_progress", data={"is_active": "y"})
    assert bss.post("/bss/product-types/new", data=wanted).status_code == HTTPStatus.SEE_OTHER
    last = bss.save("/bss/order-statuses/in_progress", data={}, headers=JSON)
    assert last.status_code == HTTPStatus.CONFLICT


def test_orders_for_people_start_in_the_default_status(session, bss, world, waiting):
    bss.save(f"/bss/order-statuses/{waiting}", data={**WAITING, "is_default": "y"})
    with scope(world.scope):
        session.merge(world.product_type).non_automatic = True
        session.commit()
    placed = root_order(session, world, [Wanted(world.seats, 1, "10.00")])
    with scope(world.scope), unit_of_work():
        process_work(placed.work.id, at=MONDAY_NOON)
    order = order_of(world, placed)
    assert order.status is OrderStatus.IN_PROGRESS
    assert str(order.custom_status_id) == waiting


def mails_of(world: World) -> list[tuple[str, str]]:
    with scope(world.scope):
        return [
            (each.to_email, each.fields["status"])
            for each in all_of(db.session, OutboundMail)
            if each.template == "order_status"
        ]


def test_a_status_mails_whoever_ordered_where_it_says_so(session, bss, world, waiting):
    """CB-19: off by default; on, an order that gets there tells its buyer, once."""
    placed = root_order(session, world, [Wanted(world.seats)], status=OrderStatus.SUBMITTED)
    move = f"/bss/orders/{placed.number}/status"
    bss.post(move, data={"status_ref": waiting})
    assert mails_of(world) == []
    bss.post(move, data={"status_ref": ""})
    on = bss.save(f"/bss/order-statuses/{waiting}", data={**WAITING, "mails_customer": "y"})
    assert on.status_code == HTTPStatus.SEE_OTHER
    for _ in range(2):
        bss.post(move, data={"status_ref": waiting})
    assert mails_of(world) == [(world.direct_buyer.email, "Waiting for parts")]


def test_a_built_in_status_mails_too_and_nothing_else_of_it_changes(session, bss, world):
    """CB-20: executed; a customer of a reseller without a storefront hears nothing from the distributor."""
    switched = bss.save("/bss/order-statuses/executed", data={"is_active": "y", "mails_customer": "y"})
    assert switched.status_code == HTTPStatus.SEE_OTHER
    for account in (world.direct, world.basic.customers[0]):
        made = bss.post(f"/bss/orders/new/{account.id}", data={})
        number = str(made.headers["Location"]).split("/")[-2]
        bss.post(f"/bss/orders/{number}/items/new", data={"key": f"{world.seats.id}:P1M:monthly", "quantity": "1"})
        bss.post(f"/bss/orders/{number}/execute")
    run_orders(world)
    assert mails_of(world) == [(world.direct_buyer.email, "Executed")]
    refused = bss.save("/bss/order-statuses/executed", data={"mails_customer": ""}, headers=JSON)
    assert refused.status_code == HTTPStatus.CONFLICT


@pytest.mark.parametrize("ref", ["draft", "submitted", "pending_reseller_approval", "scheduled", "executing"])
def test_where_an_order_stands_at_first_its_confirmation_says(bss, world, ref):
    """CB-19: these statuses have no mail of their own to switch on."""
    assert "mails_customer" not in bss.get(f"/bss/order-statuses/{ref}").text
    wanted = {"is_active": "y", "mails_customer": "y", "version": "1"}
    refused = bss.post(f"/bss/order-statuses/{ref}", data=wanted, headers=JSON)
    assert refused.status_code == HTTPStatus.CONFLICT
    assert "are not mailed" in refused.text
    with scope(world.scope):
        assert all_of(db.session, OrderStatusRow) == []
