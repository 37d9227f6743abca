from __future__ import annotations

from http import HTTPStatus

import pytest

from app.catalogue.models import ProductKind, ProductType, Term
from app.core import db
from app.core.db import unit_of_work
from app.orders.execution import process_work
from app.orders.models import DeliveryStatus, Order, OrderItem, OrderStatus
from app.subscriptions.models import Subscription, SubscriptionStatus, SubscriptionVendorLink
from tenants.context import scope
from tests.factories.execution import Placed, Wanted, all_of, root_order
from tests.factories.world import MONDAY_NOON


@pytest.fixture
def placed(session, world) -> Placed:
    """An order In Progress: one item by hand, one automatic."""
    with scope(world.scope):
        by_hand = ProductType(
            name="Migration service", kind=ProductKind.SUBSCRIPTION, non_automatic=True, created_at=MONDAY_NOON
        )
        session.add(by_hand)
        session.flush()
        session.merge(world.suite).product_type_id = by_hand.id
        session.commit()
    made = root_order(session, world, [Wanted(world.suite, 1, "20.00", term=Term.P1Y), Wanted(world.seats, 2, "10.00")])
    with scope(world.scope), unit_of_work():
        process_work(made.work.id, at=MONDAY_NOON)
    return made


def status_of(world, placed) -> OrderStatus:
    with scope(world.scope):
        return db.session.get_one(Order, (world.id, placed.id), populate_existing=True).status


def test_recording_every_delivery_executes_the_order(world, placed, sign_in):
    """SF-F64: the order is not Executed until each activation is recorded."""
    client = sign_in(world.bss_user)
    assert "Deliveries by people" in client.get("/bss/provisioning").text
    assert placed.number in client.get("/bss/provisioning/deliveries").text
    first, second = (item.id for item in placed.items)
    answer = client.post(f"/bss/provisioning/deliveries/{placed.number}/{first}", data={"vendor_reference": " M-1 "})
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert status_of(world, placed) is OrderStatus.PARTIALLY_EXECUTED
    client.post(f"/bss/provisioning/deliveries/{placed.number}/{second}")
    assert status_of(world, placed) is OrderStatus.EXECUTED
    with scope(world.scope):
        assert {each.status for each in all_of(db.session, Subscription)} == {SubscriptionStatus.ACTIVE}
        assert [link.vendor_reference for link in all_of(db.session, SubscriptionVendorLink)] == ["M-1"]
    assert "Nothing waits for people" in client.get("/bss/provisioning/deliveries").text


def test_a_delivery_is_recorded_once(world, placed, sign_in):
    client = sign_in(world.bss_user)
    path = f"/bss/provisioning/deliveries/{placed.number}/{placed.items[0].id}"
    client.post(path)
    again = client.post(path)
    assert again.status_code in (HTTPStatus.SEE_OTHER, HTTPStatus.CONFLICT)
    with scope(world.scope):
        assert len(all_of(db.session, Subscription)) == 1


def test_a_reference_that_is_too_long_is_refused_and_nothing_is_delivered(world, placed, sign_in):
    answer = sign_in(world.bss_user).post(
        f"/bss/provisioning/deliveries/{placed.number}/{placed.items[0].id}", data={"vendor_reference": "x" * 201}
    )
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "at most 200 characters" in answer.text
    with scope(world.scope):
        assert {item.delivery_status for item in all_of(db.session, OrderItem)} == {DeliveryStatus.PENDING}
