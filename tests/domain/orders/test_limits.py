"""What a type says of quantities holds wherever its products get into an order, an offer or a subscription (CB-01)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import update

from app.audit.services import Actor
from app.catalogue.models import BillingCycle, Product, ProductKind, ProductType, Term
from app.catalogue.quantities import Limits, limits_of, quantity_errors
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.orders import back_office_items, baskets
from app.orders.back_office import NewOrder, create_order
from app.orders.back_office_execution import execute
from app.orders.back_office_items import ItemChange, WantedItem
from app.orders.models import BasketItem, Order, OrderItem, OrderStatus
from app.orders.offers import services as offers
from app.orders.offers.models import OfferItem
from app.orders.offers.rows import Staff
from app.orders.offers.services import OfferDetails, OfferedItem, OfferItemChange
from app.pricing.queries import price_list_ids_of
from app.pricing.quotes import alias_buyer
from tenants.context import scope
from tests.factories.execution import all_of
from tests.factories.world import MONDAY, MONDAY_NOON, World

LEAST, MOST = 3, 9
BEYOND = [LEAST - 1, MOST + 1]


@pytest.fixture
def staff(world: World) -> Actor:
    return Actor(world.bss_user.id, "Mia")


@pytest.fixture
def limited(session, world: World) -> None:
    """The type of all products is sold from 3 to 9; the products themselves say nothing."""
    limit(session, world, LEAST, MOST)


def limit(session, world: World, least: int | None, most: int | None) -> None:
    with scope(world.scope):
        session.execute(update(ProductType).values(min_quantity=least, max_quantity=most))
        session.commit()


def refused(call: Callable[[], object]) -> tuple[str, ...]:
    with pytest.raises(Invalid) as refusal, unit_of_work():
        call()
    return refusal.value.codes


def wanted(world: World, quantity: int) -> WantedItem:
    return WantedItem(world.seats.id, Term.P1M, BillingCycle.MONTHLY, quantity)


@pytest.mark.parametrize(
    ("own", "of_type", "limits"),
    [
        ((1, None), (None, None), Limits(1, 1_000_000)),
        ((1, None), (3, 9), Limits(3, 9)),
        ((5, 7), (3, 9), Limits(5, 7)),
        ((1, 20), (3, 9), Limits(3, 9)),
    ],
)
def test_the_narrower_of_a_products_limits_and_its_types_holds(own, of_type, limits):
    product = Product(min_quantity=own[0], max_quantity=own[1], step_quantity=1)
    product_type = ProductType(kind=ProductKind.SUBSCRIPTION, min_quantity=of_type[0], max_quantity=of_type[1])
    assert limits_of(product, product_type) == limits


def test_limits_that_leave_nothing_sell_nothing():
    product = Product(min_quantity=10, max_quantity=None, step_quantity=1)
    product_type = ProductType(kind=ProductKind.SUBSCRIPTION, max_quantity=9)
    assert [each.code for each in quantity_errors(product, product_type, 10)] == ["quantity_range"]


@pytest.mark.parametrize("quantity", BEYOND)
def test_a_basket_takes_what_the_type_allows(session, world: World, limited, quantity):
    with scope(world.scope):
        lists = price_list_ids_of(world.tech.id)
    shopper = baskets.Shopper(
        world.tech.buyers[0].id, world.tech.storefront.id, world.tech.customers[0].id, world.tech.id
    )
    with scope(world.tech.customer_scope().with_price_lists(lists)):
        buyer = alias_buyer(world.tech.id, world.tech.customers[0].id, MONDAY)

        def put(number: int):
            new = baskets.NewItem(world.seats.id, Term.P1M, BillingCycle.MONTHLY, number)
            return baskets.add_item(shopper, new, buyer=buyer, at=MONDAY_NOON)

        assert refused(lambda: put(quantity)) == ("quantity_range",)
        assert all_of(session, BasketItem) == []
        with unit_of_work():
            item = put(LEAST)
        assert refused(lambda: baskets.change_item(shopper, item.id, quantity=quantity, at=MONDAY_NOON)) == (
            "quantity_range",
        )
        assert [each.quantity for each in all_of(session, BasketItem)] == [LEAST]


@pytest.mark.parametrize("quantity", BEYOND)
def test_an_order_of_the_back_office_takes_what_the_type_allows(session, world: World, staff, limited, quantity):
    with scope(world.scope):
        with unit_of_work():
            order = create_order(NewOrder(world.direct.id), actor=staff, at=MONDAY_NOON)
            number = order.number
        assert refused(
            lambda: back_office_items.add_item(number, wanted(world, quantity), actor=staff, at=MONDAY_NOON)
        ) == ("quantity_range",)
        assert all_of(session, OrderItem) == []
        with unit_of_work():
            item = back_office_items.add_item(number, wanted(world, LEAST), actor=staff, at=MONDAY_NOON)
        assert refused(
            lambda: back_office_items.change_item(
                number, item.id, ItemChange(quantity), version=1, actor=staff, at=MONDAY_NOON
            )
        ) == ("quantity_range",)
        assert [each.quantity for each in all_of(session, OrderItem)] == [LEAST]


@pytest.mark.parametrize("quantity", BEYOND)
def test_an_offer_takes_what_the_type_allows(session, world: World, staff, limited, quantity):
    me = Staff(staff, is_administrator=True)
    with scope(world.scope):
        with unit_of_work():
            number = offers.create_offer(world.direct.id, OfferDetails(), staff=me, at=MONDAY_NOON).number
        beyond = OfferedItem(world.seats.id, Term.P1M, BillingCycle.MONTHLY, quantity)
        assert refused(lambda: offers.add_item(number, beyond, staff=me, at=MONDAY_NOON)) == ("quantity_range",)
        assert all_of(session, OfferItem) == []
        with unit_of_work():
            within = OfferedItem(world.seats.id, Term.P1M, BillingCycle.MONTHLY, MOST)
            item = offers.add_item(number, within, staff=me, at=MONDAY_NOON)
        assert refused(
            lambda: offers.change_item(number, item.id, OfferItemChange(quantity), version=1, staff=me, at=MONDAY_NOON)
        ) == ("quantity_range",)
        assert [each.quantity for each in all_of(session, OfferItem)] == [MOST]


def test_limits_are_judged_again_when_an_order_is_executed(session, world: World, staff):
    """CB-18: at save and again at execution."""
    with scope(world.scope):
        with unit_of_work():
            number = create_order(NewOrder(world.direct.id), actor=staff, at=MONDAY_NOON).number
            back_office_items.add_item(number, wanted(world, 2), actor=staff, at=MONDAY_NOON)
        limit(session, world, LEAST, MOST)
        assert refused(lambda: execute(number, actor=staff, at=MONDAY_NOON)) == ("quantity_range",)
        assert [each.status for each in all_of(session, Order)] == [OrderStatus.SUBMITTED]
        limit(session, world, None, None)
        with unit_of_work():
            execute(number, actor=staff, at=MONDAY_NOON)
        assert [each.status for each in all_of(session, Order)] == [OrderStatus.EXECUTING]
