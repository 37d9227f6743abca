"""Add-ons on offers: below an item or for a subscription, and along into the order (CB-17, CB-27)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.catalogue.models import BillingCycle, Product, RelationKind, Term
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.core.ids import new_id
from app.orders.models import OrderItem
from app.orders.offers.lifecycle import convert, mark
from app.orders.offers.machine import OfferMove
from app.orders.offers.rows import items_of
from app.orders.offers.services import OfferedItem, OfferItemChange, add_item, change_item, copy_offer, remove_item
from tenants.context import scope
from tests.factories.execution import all_of
from tests.factories.parts import make_sibling, relate
from tests.factories.subscriptions import make_running
from tests.factories.world import MONDAY_NOON

MONTH = (Term.P1M, BillingCycle.MONTHLY)


@pytest.fixture
def archive(session, world) -> Product:
    """An add-on of the seats at 2.00 a month, as many as there are seats."""
    product = make_sibling(session, world, "Contoso Archive", "2.00", is_add_on=True)
    relate(session, world, RelationKind.ADD_ON, world.seats, product, is_quantity_linked=True)
    return product


@pytest.fixture
def put(world, manager):
    def put_on(offer, product, quantity, parent_id=None):
        with scope(world.scope), unit_of_work():
            wanted = OfferedItem(product.id, *MONTH, quantity, parent_id=parent_id)
            return add_item(offer.number, wanted, staff=manager, at=MONDAY_NOON).id

    return put_on


def listed(world, offer) -> list[tuple[str, int, Decimal]]:
    with scope(world.scope):
        return [(item.product_name, item.quantity, item.line_total) for item in items_of(offer)]


def test_an_add_on_goes_along_into_the_order(session, world, make_offer, manager, archive, put):
    """CB-17: products and quantities are copied, add-ons below what they were offered with."""
    offer = make_offer()
    with scope(world.scope):
        seats = items_of(offer)[0]
    put(offer, archive, 5, seats.id)
    with scope(world.scope):
        with unit_of_work():
            mark(offer.number, OfferMove.ACCEPT, staff=manager, at=MONDAY_NOON)
        with unit_of_work():
            order = convert(offer.number, staff=manager, at=MONDAY_NOON)
        items = {item.product_id: item for item in all_of(session, OrderItem)}
        assert items[archive.id].parent_item_id == items[world.seats.id].id
        assert (items[archive.id].quantity, order.net_total) == (5, Decimal("80.00"))


def test_an_add_on_for_a_running_subscription_is_ordered_for_it(session, world, make_offer, manager, archive, put):
    running = make_running(session, world, world.direct, world.seats, quantity=4)
    offer = make_offer()
    put(offer, archive, 4, running.id)
    with scope(world.scope):
        with unit_of_work():
            mark(offer.number, OfferMove.ACCEPT, staff=manager, at=MONDAY_NOON)
        with unit_of_work():
            convert(offer.number, staff=manager, at=MONDAY_NOON)
        found = next(item for item in all_of(session, OrderItem) if item.product_id == archive.id)
        assert (found.parent_subscription_id, found.parent_item_id) == (running.id, None)


@pytest.mark.parametrize("parent", ["nothing", "unknown", "not_its"])
def test_an_add_on_alone_is_not_offered(session, world, make_offer, manager, archive, put, parent):
    """CB-27: it would be accepted, and could never be ordered."""
    offer = make_offer()
    with scope(world.scope):
        suite = items_of(offer)[1]
    parents = {"nothing": None, "unknown": new_id(), "not_its": suite.id}
    before = listed(world, offer)
    with pytest.raises(Invalid) as refusal:
        put(offer, archive, 5, parents[parent])
    assert {error.field for error in refusal.value.errors} == {"parent_id"}
    session.rollback()
    assert listed(world, offer) == before


def test_linked_add_ons_follow_and_leave_with_their_product(session, world, make_offer, manager, archive, put):
    offer = make_offer()
    with scope(world.scope):
        seats = items_of(offer)[0]
    put(offer, archive, 5, seats.id)
    with scope(world.scope), unit_of_work():
        change_item(offer.number, seats.id, OfferItemChange(8), version=1, staff=manager, at=MONDAY_NOON)
    assert listed(world, offer)[2] == ("Contoso Archive", 8, Decimal("16.00"))
    with scope(world.scope), unit_of_work():
        copied = copy_offer(offer.number, staff=manager, at=MONDAY_NOON)
    assert listed(world, copied) == listed(world, offer)
    with scope(world.scope):
        first, _, add_on = items_of(copied)
        assert add_on.parent_item_id == first.id
        with unit_of_work():
            remove_item(offer.number, seats.id, staff=manager, at=MONDAY_NOON)
    assert [name for name, _, _ in listed(world, offer)] == [world.suite.name]
