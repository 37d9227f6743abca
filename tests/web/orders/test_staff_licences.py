"""Adding licences to a running subscription on the pages of staff's orders (CB-18)."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from app.core import db
from app.core.ids import new_id
from app.orders.models import OrderItem
from app.subscriptions.models import Subscription
from tenants.context import scope
from tests.counting import statements_of
from tests.factories.execution import all_of
from tests.factories.parts import make_sibling
from tests.factories.subscriptions import Running, make_running
from tests.factories.world import World
from tests.web.storefront.steps import run_orders

REFUSED = HTTPStatus.UNPROCESSABLE_ENTITY


@pytest.fixture
def bss(sign_in, world: World):
    return sign_in(world.bss_user)


@pytest.fixture
def number(bss, world: World) -> str:
    made = bss.post(f"/bss/orders/new/{world.direct.id}", data={})
    return str(made.headers["Location"]).split("/")[-2]


@pytest.fixture
def running(session, world: World) -> Running:
    return make_running(session, world, world.direct, world.seats)


def put(bss, world: World, number: str, adds_to: object = ""):
    data = {"key": f"{world.seats.id}:P1M:monthly", "quantity": "3", "subscription_id": str(adds_to)}
    return bss.post(f"/bss/orders/{number}/items/new", data=data)


def items(world: World) -> list[OrderItem]:
    with scope(world.scope):
        found = sorted(all_of(db.session, OrderItem), key=lambda each: each.position)
        db.session.commit()
        db.session.expunge_all()
        return found


def test_the_accounts_subscriptions_are_offered_and_get_what_is_ordered(bss, world: World, session, number, running):
    """CB-18: an item carries the subscription's id; the execution increases the quantity."""
    stranger = make_running(session, world, world.basic.account, world.seats)
    shown = bss.get(f"/bss/orders/{number}/products").text
    assert running.code in shown
    assert stranger.code not in shown
    assert running.code not in bss.get(f"/bss/orders/{number}/products?q=SUB-nothing").text
    form = bss.get(f"/bss/orders/{number}/items/new?key={world.seats.id}:P1M:monthly&subscription={running.id}").text
    assert f'selected value="{running.id}"' in form
    assert put(bss, world, number, running.id).status_code == HTTPStatus.SEE_OTHER
    assert f'href="/bss/subscriptions/{running.code}"' in bss.get(f"/bss/orders/{number}").text
    bss.post(f"/bss/orders/{number}/execute", data={})
    run_orders(world)
    with scope(world.scope):
        (found,) = [each for each in all_of(db.session, Subscription) if each.id == running.id]
        assert found.quantity == 8


@pytest.mark.parametrize("whose", ["stranger", "nobody", "garbage"])
def test_another_subscription_is_refused_at_the_field(bss, world: World, session, number, running, whose):
    stranger = make_running(session, world, world.basic.account, world.seats)
    adds_to = {"stranger": stranger.id, "nobody": new_id(), "garbage": "x'"}[whose]
    refused = put(bss, world, number, adds_to)
    assert refused.status_code == REFUSED
    assert 'id="subscription_id-error"' in refused.text
    assert items(world) == []


def test_items_are_assigned_from_the_orders_menu(bss, world: World, session, number, running):
    """CB-18: the shortcut of the order view."""
    put(bss, world, number)
    other = make_sibling(session, world, "Contoso Backup", "6.00")
    bss.post(f"/bss/orders/{number}/items/new", data={"key": f"{other.id}:P1M:monthly", "quantity": "1"})
    seats, backup = items(world)
    path = f"/bss/orders/{number}/assign"
    assert f'href="{path}"' in bss.get(f"/bss/orders/{number}").text
    page = bss.get(path).text
    assert f'name="item-{seats.id}"' in page
    assert f'name="item-{backup.id}"' not in page
    for wrong in (str(new_id()), "x", str(backup.id)):
        refused = bss.post(path, data={f"item-{seats.id}": wrong})
        assert refused.status_code == REFUSED
        assert f'id="item-{seats.id}-error"' in refused.text
    assert items(world)[0].subscription_id is None
    # what is not asked is not taken
    bss.post(path, data={f"item-{seats.id}": str(running.id), f"item-{backup.id}": str(running.id)})
    assert [each.subscription_id for each in items(world)] == [running.id, None]
    bss.post(path, data={f"item-{seats.id}": ""})
    assert items(world)[0].subscription_id is None


def test_without_anything_running_there_is_nothing_to_assign(bss, world: World, number):
    put(bss, world, number)
    assert "Nothing to assign" in bss.get(f"/bss/orders/{number}/assign").text


def test_what_was_executed_is_not_assigned(bss, world: World, number, running):
    put(bss, world, number)
    (seats,) = items(world)
    bss.post(f"/bss/orders/{number}/execute", data={})
    late = bss.post(
        f"/bss/orders/{number}/assign",
        data={f"item-{seats.id}": str(running.id)},
        headers={"Accept": "application/json"},
    )
    assert late.status_code == HTTPStatus.CONFLICT
    assert items(world)[0].subscription_id is None


def test_more_items_and_subscriptions_ask_no_more_of_the_database(bss, world: World, session, number):
    """CB-18: the order, its products' page and the assigning, with one item and with six."""

    def count() -> list[int]:
        found = []
        for page in ("", "/products", "/assign"):
            with statements_of(session.connection()) as asked:
                assert bss.get(f"/bss/orders/{number}{page}").status_code == HTTPStatus.OK
            found.append(len(asked))
        return found

    first = make_running(session, world, world.direct, world.seats)
    put(bss, world, number, first.id)
    count()
    before = count()
    for _ in range(5):
        put(bss, world, number, make_running(session, world, world.direct, world.seats).id)
    assert all(before)
    assert count() == before
