"""Add-ons on orders of the back office: below an item, or for a subscription of the account (CB-18, CB-27)."""

from __future__ import annotations

from datetime import date
from http import HTTPStatus

import pytest

from app.catalogue.models import Product, RelationKind
from app.core import db
from app.core.ids import new_id
from app.orders.models import Order, OrderItem
from app.subscriptions.models import Subscription, SubscriptionRole
from tenants.context import scope
from tests.factories.execution import all_of
from tests.factories.parts import make_sibling, relate
from tests.factories.subscriptions import make_running
from tests.factories.world import World
from tests.web.storefront.steps import run_orders


@pytest.fixture
def bss(sign_in, world: World):
    return sign_in(world.bss_user)


@pytest.fixture
def backup(session, world: World) -> Product:
    """An add-on of the seats at 6.00 a month."""
    product = make_sibling(session, world, "Contoso Backup", "6.00", is_add_on=True)
    relate(session, world, RelationKind.ADD_ON, world.seats, product)
    return product


@pytest.fixture
def archive(session, world: World) -> Product:
    """An add-on of the seats at 2.00 a month, as many as there are seats."""
    product = make_sibling(session, world, "Contoso Archive", "2.00", is_add_on=True)
    relate(session, world, RelationKind.ADD_ON, world.seats, product, is_quantity_linked=True)
    return product


def start(bss, account) -> str:
    made = bss.post(f"/bss/orders/new/{account.id}", data={})
    return str(made.headers["Location"]).split("/")[-2]


@pytest.fixture
def number(bss, world: World) -> str:
    return start(bss, world.direct)


def put(bss, number: str, product: Product, quantity: int, parent: object = ""):
    key = f"{product.id}:P1M:monthly"
    data = {"key": key, "quantity": str(quantity), "parent_id": str(parent)}
    return bss.post(f"/bss/orders/{number}/items/new", data=data)


def items(world: World) -> list[OrderItem]:
    with scope(world.scope):
        found = sorted(all_of(db.session, OrderItem), key=lambda each: (each.order_id, each.position))
        db.session.commit()
        db.session.expunge_all()
        return found


def test_an_add_on_goes_below_an_item_and_is_executed_with_it(bss, world: World, number, backup):
    """CB-F54 (partly): parent and add-on in one order of the back office."""
    put(bss, number, world.seats, 4)
    (main,) = items(world)
    asked = bss.get(f"/bss/orders/{number}/items/new?key={backup.id}:P1M:monthly").text
    assert f"{world.seats.name} (in this order)" in asked
    assert put(bss, number, backup, 2, main.id).status_code == HTTPStatus.SEE_OTHER
    assert [each.parent_item_id for each in items(world)] == [None, main.id]
    assert f"Add-on for {world.seats.name}" in bss.get(f"/bss/orders/{number}").text
    bss.post(f"/bss/orders/{number}/execute", data={})
    run_orders(world)
    with scope(world.scope):
        found = {each.role: each for each in all_of(db.session, Subscription)}
        add_on = found[SubscriptionRole.ADD_ON]
        assert (add_on.parent_id, add_on.quantity) == (found[SubscriptionRole.MAIN].id, 2)
    assert (
        f"{found[SubscriptionRole.MAIN].code})"
        in bss.get(f"/bss/orders/{start(bss, world.direct)}/items/new?key={backup.id}:P1M:monthly").text
    )


def test_an_add_on_is_bought_for_a_running_subscription(bss, world: World, number, backup):
    put(bss, number, world.seats, 4)
    bss.post(f"/bss/orders/{number}/execute", data={})
    run_orders(world)
    with scope(world.scope):
        (seats,) = all_of(db.session, Subscription)
    second = start(bss, world.direct)
    assert put(bss, second, backup, 2, seats.id).status_code == HTTPStatus.SEE_OTHER
    assert items(world)[-1].parent_subscription_id == seats.id
    stranger = start(bss, world.basic.account)
    refused = put(bss, stranger, backup, 2, seats.id)
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Choose one of the items here, or a subscription of the account" in refused.text
    assert seats.code not in bss.get(f"/bss/orders/{stranger}/items/new?key={backup.id}:P1M:monthly").text


def test_a_trial_is_offered_no_add_ons(session, bss, world: World, number, backup):
    """CB-12: the order would be taken, and its item could not be executed."""
    trial = make_running(session, world, world.direct, world.seats, quantity=4, trial_ends_on=date(2026, 6, 30))
    refused = put(bss, number, backup, 2, trial.id)
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "paid for" in refused.text
    assert items(world) == []
    assert trial.code not in bss.get(f"/bss/orders/{number}/items/new?key={backup.id}:P1M:monthly").text


def test_an_add_on_alone_or_of_something_else_is_refused(bss, world: World, number, backup):
    """CB-27: an add-on without an active parent, or not allowed for the product, is 422."""
    put(bss, number, world.seats, 4)
    bss.post(f"/bss/orders/{number}/items/new", data={"key": f"{world.suite.id}:P1Y:monthly", "quantity": "1"})
    before = items(world)
    suite = next(each for each in before if each.product_id == world.suite.id)
    for parent in ("", "x", new_id(), suite.id):
        refused = put(bss, number, backup, 2, parent)
        assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert 'class="field__error"' in refused.text
    assert [each.id for each in items(world)] == [each.id for each in before]


def test_linked_add_ons_follow_and_removing_the_item_removes_them(bss, world: World, number, backup, archive):
    put(bss, number, world.seats, 4)
    (main,) = items(world)
    assert put(bss, number, archive, 3, main.id).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    put(bss, number, archive, 4, main.id)
    put(bss, number, backup, 1, main.id)
    bss.save(f"/bss/orders/{number}/items/{main.id}", data={"quantity": "6"})
    assert [each.quantity for each in items(world)] == [6, 6, 1]
    linked = items(world)[1]
    refused = bss.save(f"/bss/orders/{number}/items/{linked.id}", data={"quantity": "5"})
    assert (refused.status_code, "There are as many" in refused.text) == (HTTPStatus.UNPROCESSABLE_ENTITY, True)
    assert [each.quantity for each in items(world)] == [6, 6, 1]
    bss.post(f"/bss/orders/{number}/items/{main.id}/remove", data={})
    assert items(world) == []


def test_a_copied_order_keeps_its_add_ons(bss, world: World, number, backup):
    put(bss, number, world.seats, 4)
    (main,) = items(world)
    put(bss, number, backup, 2, main.id)
    assert bss.post(f"/bss/orders/{number}/copy", data={}).status_code == HTTPStatus.SEE_OTHER
    with scope(world.scope):
        copied = max(all_of(db.session, Order), key=lambda each: each.number)
    main, child = [each for each in items(world) if each.order_id == copied.id]
    assert (child.parent_item_id, child.product_id, child.quantity) == (main.id, backup.id, 2)
