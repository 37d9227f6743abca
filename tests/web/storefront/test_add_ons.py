"""Add-ons ticked with their product: into the basket, below it, and as one order (SF-21, SF-26, CB-27)."""

from __future__ import annotations

from datetime import date
from http import HTTPStatus
from uuid import UUID

import pytest

from app.catalogue.models import Product, RelationKind
from app.core import db
from app.core.ids import new_id
from app.orders.models import BasketItem, OrderItem
from app.subscriptions.models import Subscription, SubscriptionRole
from tenants.context import scope
from tests.factories.execution import all_of
from tests.factories.parts import make_sibling, relate
from tests.factories.subscriptions import make_running
from tests.factories.world import World
from tests.web.storefront.steps import ALIAS, run_orders, submit


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


@pytest.fixture
def buyer(sign_in, world: World):
    return sign_in(world.direct_buyer)


def put(client, world: World, *ticked: Product | UUID, path: str = "", quantity: str = "5", **more: str):
    ids = [str(each.id) if isinstance(each, Product) else str(each) for each in ticked]
    data = {"product_id": str(world.seats.id), "price": "P1M.monthly", "quantity": quantity, "add_on": ids, **more}
    return client.post(f"{path}/basket/items", data=data)


def held(world: World) -> list[tuple[str, int, bool]]:
    """Name, quantity and whether it stands below something, of everything in baskets."""
    with scope(world.scope):
        names = {each.id: each.name for each in all_of(db.session, Product)}
        items = sorted(all_of(db.session, BasketItem), key=lambda each: each.position)
        return [(names[each.product_id], each.quantity, each.parent_item_id is not None) for each in items]


def test_ticked_add_ons_stand_below_their_product(buyer, world: World, backup, archive):
    page = buyer.get(f"/product/{world.seats.slug}").text
    assert "Contoso Backup" in page
    assert "As many as you buy of the product" in page
    assert (
        put(buyer, world, backup, archive, **{f"add_on_quantity-{backup.id}": "2"}).status_code == HTTPStatus.SEE_OTHER
    )
    assert held(world) == [
        (world.seats.name, 5, False), ("Contoso Backup", 2, True), ("Contoso Archive", 5, True),
    ]  # fmt: skip
    put(buyer, world, quantity="1", friendly_name="Second")
    basket = buyer.get("/basket").text
    seats, second = basket.index(f">{world.seats.name}<"), basket.rindex(f">{world.seats.name}<")
    assert seats < basket.index(">Contoso Backup<") < second
    assert basket.count(f"Add-on for {world.seats.name}") == 2
    assert basket.count("basket-line--below") == 2


def test_what_is_not_ticked_is_not_bought(buyer, world: World, backup):
    assert put(buyer, world, **{f"add_on_quantity-{backup.id}": "2"}).status_code == HTTPStatus.SEE_OTHER
    assert held(world) == [(world.seats.name, 5, False)]


def test_linked_add_ons_follow_the_number_of_their_product(buyer, world: World, archive):
    put(buyer, world, archive)
    put(buyer, world, quantity="2")
    assert held(world) == [(world.seats.name, 7, False), ("Contoso Archive", 7, True)]
    main, child = _items(world)
    buyer.post(f"/basket/items/{main.id}", data={"quantity": "3", "friendly_name": ""})
    assert held(world) == [(world.seats.name, 3, False), ("Contoso Archive", 3, True)]
    alone = buyer.post(f"/basket/items/{child.id}", data={"quantity": "4", "friendly_name": ""})
    assert alone.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "There are as many as of its product: 3" in alone.text
    assert held(world) == [(world.seats.name, 3, False), ("Contoso Archive", 3, True)]


def test_removing_the_product_removes_its_add_ons(buyer, world: World, backup, archive):
    put(buyer, world, backup, archive)
    main, *_ = _items(world)
    assert buyer.post(f"/basket/items/{main.id}/remove").status_code == HTTPStatus.SEE_OTHER
    assert held(world) == []


def test_an_add_on_can_be_removed_by_itself(buyer, world: World, backup):
    put(buyer, world, backup)
    _, child = _items(world)
    buyer.post(f"/basket/items/{child.id}/remove")
    assert held(world) == [(world.seats.name, 5, False)]


@pytest.mark.parametrize("number", ["0", "-1", "x", "1000001", "1.5", ""])
def test_a_wrong_number_of_an_add_on_is_refused_at_it(buyer, world: World, backup, number):
    refused = put(buyer, world, backup, **{f"add_on_quantity-{backup.id}": number})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'class="field__error"' in refused.text
    assert held(world) == []


def test_what_is_no_add_on_of_the_product_is_refused(buyer, world: World, backup):
    for other in (world.suite, new_id()):
        refused = put(buyer, world, other)
        assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "This add-on is not sold with the product" in refused.text
    assert held(world) == []


def test_an_add_on_is_not_bought_alone(buyer, world: World, backup):
    """CB-27: an add-on needs what it is added to."""
    page = buyer.get(f"/product/{backup.slug}").text
    assert "This is an add-on" in page
    assert "Add to basket" not in page
    refused = buyer.post("/basket/items", data={"product_id": str(backup.id), "price": "P1M.monthly", "quantity": "1"})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "it is bought with its product" in refused.text
    assert held(world) == []


def test_a_reseller_sells_the_add_ons_it_has_listed(sign_in, world: World, backup):
    buyer = sign_in(world.tech.buyers[0])
    assert "Contoso Backup" not in buyer.get(f"{ALIAS}/product/{world.seats.slug}").text
    assert put(buyer, world, backup, path=ALIAS).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert held(world) == []


def test_product_and_add_on_are_one_order_and_one_subscription(buyer, world: World, backup):
    """CB-F54 (partly): ordered together, the add-on becomes the one record of its subscription."""
    put(buyer, world, backup, **{f"add_on_quantity-{backup.id}": "2"})
    assert f"Add-on for {world.seats.name}" in buyer.get("/checkout/review").text
    submit(buyer)
    with scope(world.scope):
        main, child = sorted(all_of(db.session, OrderItem), key=lambda each: each.position)
        assert (main.parent_item_id, child.parent_item_id) == (None, main.id)
        assert (child.product_id, child.quantity) == (backup.id, 2)
    run_orders(world)
    with scope(world.scope):
        by_role = {each.role: each for each in all_of(db.session, Subscription)}
        add_on = by_role[SubscriptionRole.ADD_ON]
        assert (add_on.parent_id, add_on.product_id, add_on.quantity) == (
            by_role[SubscriptionRole.MAIN].id, backup.id, 2,
        )  # fmt: skip


def _items(world: World) -> list[BasketItem]:
    with scope(world.scope):
        return sorted(all_of(db.session, BasketItem), key=lambda each: each.position)


def test_a_trial_is_offered_no_add_ons(session, buyer, world: World, backup):
    """CB-12: they come with its upgrade to paid; an order for them would be taken and could not be executed."""
    trial = make_running(session, world, world.direct, world.seats, quantity=4, trial_ends_on=date(2026, 6, 30))
    page = f"/billing/subscriptions/{trial.code}"
    assert "Manage add-ons" not in buyer.get(page).text
    assert "paid for" in buyer.get(f"{page}/add-ons").text
    put_in = buyer.post(f"{page}/add-ons/{backup.id}", data={"request_key": str(new_id()), "quantity": "2"})
    assert put_in.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert held(world) == []
