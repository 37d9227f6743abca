from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from http import HTTPStatus

import pytest

from app.core import db
from app.core.clock import utc_now
from app.orders.models import Order, OrderStatus
from app.subscriptions.models import Subscription
from tenants.context import scope
from tenants.days import distributors_day
from tenants.settings import distributor_settings, save_distributor_settings
from tests.factories.execution import all_of
from tests.factories.world import World
from tests.web.storefront.steps import ALIAS, put, run_orders, submit

JSON = {"Accept": "application/json"}


@pytest.fixture
def today(world: World) -> date:
    with scope(world.scope):
        return distributors_day(utc_now())


def order_of(world: World, number: str) -> Order:
    with scope(world.scope):
        return next(each for each in all_of(db.session, Order) if each.number == number)


@pytest.fixture
def scheduled(sign_in, world: World, today: date) -> str:
    """An order of the direct customer's for tomorrow."""
    client = sign_in(world.direct_buyer)
    put(client, world.seats)
    answer = client.post("/checkout/details", data={"execute_on": str(today + timedelta(days=1))})
    assert answer.status_code == HTTPStatus.SEE_OTHER
    return submit(client)


def test_an_order_with_a_day_is_scheduled_and_executed_by_nobody_before(sign_in, world, today, scheduled):
    """SF-32: at the root a buyer chooses a day; the order is Scheduled and nothing is made."""
    client = sign_in(world.direct_buyer)
    run_orders(world)
    order = order_of(world, scheduled)
    assert (order.status, order.execute_on) == (OrderStatus.SCHEDULED, today + timedelta(days=1))
    with scope(world.scope):
        assert all_of(db.session, Subscription) == []
    shown = client.get(f"/orders/{scheduled}").text
    assert "Scheduled" in shown
    assert "Reschedule" in shown
    assert "It is executed on" in client.get(f"/checkout/done/{scheduled}").text


@pytest.mark.parametrize("days", [0, -1, 91])
def test_days_that_cannot_be_chosen(sign_in, world, today, days):
    client = sign_in(world.direct_buyer)
    put(client, world.seats)
    answer = client.post("/checkout/details", data={"execute_on": str(today + timedelta(days=days))})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Choose a date between" in answer.text
    assert order_of_nobody(world)


def order_of_nobody(world: World) -> bool:
    with scope(world.scope):
        return all_of(db.session, Order) == []


def test_the_ninetieth_day_can_be_chosen(sign_in, world, today):
    client = sign_in(world.direct_buyer)
    put(client, world.seats)
    answer = client.post("/checkout/details", data={"execute_on": str(today + timedelta(days=90))})
    assert answer.status_code == HTTPStatus.SEE_OTHER


def test_a_buyer_reschedules_and_cancels(sign_in, world, today, scheduled):
    """SF-32: both until the execution starts; a day that cannot be is 422 and changes nothing."""
    client = sign_in(world.direct_buyer)
    refused = client.post(f"/orders/{scheduled}/reschedule", data={"execute_on": str(today)})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    empty = client.post(f"/orders/{scheduled}/reschedule", data={})
    assert empty.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert order_of(world, scheduled).execute_on == today + timedelta(days=1)
    moved = client.post(f"/orders/{scheduled}/reschedule", data={"execute_on": str(today + timedelta(days=9))})
    assert moved.status_code == HTTPStatus.SEE_OTHER
    assert order_of(world, scheduled).execute_on == today + timedelta(days=9)
    assert client.post(f"/orders/{scheduled}/cancel").status_code == HTTPStatus.SEE_OTHER
    assert order_of(world, scheduled).status is OrderStatus.CANCELED
    assert client.post(f"/orders/{scheduled}/cancel", headers=JSON).status_code == HTTPStatus.CONFLICT


def test_an_alias_schedules_only_where_the_distributor_lets_it(session, sign_in, world, today):
    """Decisions 5: on at the root; the distributor may switch it on for aliases."""
    client = sign_in(world.tech.buyers[0])
    put(client, world.seats, path=ALIAS)
    tomorrow = {"execute_on": str(today + timedelta(days=1))}
    assert 'name="execute_on"' not in client.get(f"{ALIAS}/checkout/details").text
    client.post(f"{ALIAS}/checkout/details", data=tomorrow)
    assert order_of(world, submit(client, path=ALIAS)).execute_on is None
    with scope(world.scope):
        save_distributor_settings(replace(distributor_settings(), scheduled_orders_on_aliases=True))
        session.commit()
    put(client, world.seats, path=ALIAS)
    assert 'name="execute_on"' in client.get(f"{ALIAS}/checkout/details").text
    client.post(f"{ALIAS}/checkout/details", data=tomorrow)
    order = order_of(world, submit(client, path=ALIAS))
    assert (order.status, order.execute_on) == (
        OrderStatus.PENDING_RESELLER_APPROVAL, today + timedelta(days=1)
    )  # fmt: skip


def test_an_approved_order_waits_for_its_day(session, sign_in, world, today):
    """SF-32: with approval, first Pending Reseller Approval; approved, it is Scheduled."""
    with scope(world.scope):
        save_distributor_settings(replace(distributor_settings(), scheduled_orders_on_aliases=True))
        session.commit()
    client = sign_in(world.tech.buyers[0])
    put(client, world.seats, path=ALIAS)
    client.post(f"{ALIAS}/checkout/details", data={"execute_on": str(today + timedelta(days=3))})
    number = submit(client, path=ALIAS)
    sign_in(world.tech.admin)
    client.post(f"{ALIAS}/manage/orders/{number}/approve")
    order = order_of(world, number)
    assert order.status is OrderStatus.SCHEDULED
    assert order.run_at is not None


def test_staff_executes_on_a_day_to_come(session, sign_in, world, today):
    """CB-20: a start in the future makes the order Scheduled; up to 90 days."""
    bss = sign_in(world.bss_user)
    number = str(bss.post(f"/bss/orders/new/{world.direct.id}", data={}).headers["Location"]).split("/")[-2]
    key = f"{world.seats.id}:P1M:monthly"
    assert bss.post(f"/bss/orders/{number}/items/new", data={"key": key, "quantity": "1"}).status_code == 303
    assert "Choose the start" in bss.get(f"/bss/orders/{number}").text
    assert bss.get(f"/bss/orders/{number}/execute").status_code == HTTPStatus.OK
    too_far = bss.post(f"/bss/orders/{number}/execute", data={"starts_on": str(today + timedelta(days=91))})
    long_ago = bss.post(
        f"/bss/orders/{number}/execute", data={"starts_on": str(today.replace(day=1) - timedelta(days=1))}
    )
    assert {too_far.status_code, long_ago.status_code} == {HTTPStatus.UNPROCESSABLE_ENTITY}
    assert order_of(world, number).status is OrderStatus.SUBMITTED
    bss.post(f"/bss/orders/{number}/execute", data={"starts_on": str(today + timedelta(days=90))})
    order = order_of(world, number)
    assert (order.status, order.execute_on) == (OrderStatus.SCHEDULED, today + timedelta(days=90))


def test_staff_executes_back_to_the_start_of_the_month(session, sign_in, world, today):
    """CB-20: a start in the past, down to the open billing month, is the first day of the subscription."""
    bss = sign_in(world.bss_user)
    number = str(bss.post(f"/bss/orders/new/{world.direct.id}", data={}).headers["Location"]).split("/")[-2]
    bss.post(f"/bss/orders/{number}/items/new", data={"key": f"{world.seats.id}:P1M:monthly", "quantity": "1"})
    first = today.replace(day=1)
    bss.post(f"/bss/orders/{number}/execute", data={"starts_on": str(first)})
    run_orders(world)
    with scope(world.scope):
        (subscription,) = all_of(db.session, Subscription)
        assert subscription.starts_on == first
