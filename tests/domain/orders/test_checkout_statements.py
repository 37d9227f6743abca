"""How many statements placing an order takes: counted exactly, so that it can only change with somebody knowing."""

from __future__ import annotations

from sqlalchemy import Connection, update

from app.catalogue.models import BillingCycle, PriceScheme, Term
from app.core.db import unit_of_work
from app.identity.models import User
from app.orders.baskets import NewItem, Shopper, add_item, open_basket
from app.orders.checkout import Submission, place_order
from app.orders.models import Order
from app.orders.terms import Evidence
from app.pricing.models import PriceListEntry
from app.pricing.queries import price_list_ids_of
from app.pricing.quotes import alias_buyer
from tenants.context import scope
from tests.counting import statements_of
from tests.factories.world import MONDAY, MONDAY_NOON, World


def place(session, world: World, connection: Connection, cycles: list[tuple[object, Term, BillingCycle]]) -> int:
    """Fill the basket of a reseller's customer, place the order, and return how many statements placing it took."""
    shop = world.tech
    assert shop.storefront is not None
    with scope(world.scope):
        lists = price_list_ids_of(shop.id)
    shopper = Shopper(shop.buyers[0].id, shop.storefront.id, shop.customers[0].id, shop.id)
    with scope(shop.customer_scope().with_price_lists(lists)):
        buyer = alias_buyer(shop.id, shop.customers[0].id, MONDAY)
        with unit_of_work():
            for product_id, term, cycle in cycles:
                add_item(shopper, NewItem(product_id, term, cycle, 2), buyer=buyer, at=MONDAY_NOON)
            key = open_basket(shopper, at=MONDAY_NOON).checkout_key
        session.expunge_all()
        with statements_of(connection) as seen, unit_of_work():
            user = session.get_one(User, (world.id, shopper.user_id))
            submission = Submission(key, frozenset(), Evidence("https://shop.example/checkout", "203.0.113.9", "Test"))
            place_order(shopper, submission, buyer=buyer, placed_by=user, at=MONDAY_NOON)
        session.expunge_all()
    return len(seen)


def test_placing_an_order_takes_as_many_statements_for_two_products_as_for_one(
    session, world: World, connection: Connection
):
    seats, suite = (world.seats.id, Term.P1M, BillingCycle.MONTHLY), (world.suite.id, Term.P1Y, BillingCycle.MONTHLY)
    counts = [place(session, world, connection, wanted) for wanted in ([seats], [seats, suite])]
    assert counts == [4, 4]
    with scope(world.scope):
        assert session.query(Order).count() == 2


def test_tiers_of_a_price_lists_line_cost_no_further_statement(session, world: World, connection: Connection):
    with scope(world.scope):
        session.execute(
            update(PriceListEntry).values(
                price_scheme=PriceScheme.VOLUME, price_tiers=[{"from": 1, "percent": "0"}, {"from": 2, "percent": "50"}]
            )
        )
        session.commit()
    wanted = [(world.seats.id, Term.P1M, BillingCycle.MONTHLY), (world.suite.id, Term.P1Y, BillingCycle.MONTHLY)]

    assert place(session, world, connection, wanted) == 4
