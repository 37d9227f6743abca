"""One checkout submitted several times at the same moment, on connections of their own and committed data."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import monotonic
from uuid import UUID

import pytest
from sqlalchemy import text

from app.catalogue.models import BillingCycle, Term
from app.core import db
from app.core.db import unit_of_work
from app.identity.models import User
from app.orders.baskets import NewItem, Shopper, add_item, open_basket
from app.orders.checkout import Submission, place_order
from app.orders.models import BasketItem, Order, OrderItem, OrderWork
from app.orders.terms import Evidence
from app.pricing.queries import price_list_ids_of
from app.pricing.quotes import alias_buyer
from tenants.context import Scope, scope
from tests.committed import committed_database
from tests.domain.orders.test_races import at_once
from tests.factories.execution import all_of
from tests.factories.world import MONDAY, MONDAY_NOON, World, make_world


@pytest.fixture
def world(database: None) -> Iterator[World]:
    with committed_database():
        made = make_world(db.session())
        db.session.expunge_all()
        yield made


def buying_scope(world: World) -> Scope:
    """The scope of the first customer of Tech Solutions, as a request opens it: with its supplier's price lists."""
    with scope(world.scope):
        lists = price_list_ids_of(world.tech.id)
    return world.tech.customer_scope().with_price_lists(lists)


def test_a_checkout_submitted_five_times_at_once_makes_one_order(world: World) -> None:
    """SF-F58: Double submit of the same checkout creates one order, also when all submits arrive together."""
    here = buying_scope(world)
    buyer_id, customer_id = world.tech.buyers[0].id, world.tech.customers[0].id
    assert world.tech.storefront is not None
    shopper = Shopper(buyer_id, world.tech.storefront.id, customer_id, world.tech.id)
    new = NewItem(world.seats.id, Term.P1M, BillingCycle.MONTHLY, 5)
    with scope(here), unit_of_work():
        add_item(shopper, new, buyer=alias_buyer(world.tech.id, customer_id, MONDAY), at=MONDAY_NOON)
        key = open_basket(shopper, at=MONDAY_NOON).checkout_key
    numbers: list[str] = []

    def submit() -> None:
        with scope(here), unit_of_work():
            order = place_order(
                shopper,
                Submission(key, frozenset[UUID](), Evidence("https://shop.example/checkout", "203.0.113.9", "Test")),
                buyer=alias_buyer(world.tech.id, customer_id, MONDAY),
                placed_by=db.session.get_one(User, (world.id, buyer_id)),
                at=MONDAY_NOON,
            )
            numbers.append(order.number)

    ended = at_once(*[submit] * 5)

    with scope(world.scope):
        orders, works, left = (all_of(db.session, model) for model in (Order, OrderWork, BasketItem))
    assert ended == ["done"] * 5
    assert set(numbers) == {orders[0].number}
    assert (len(orders), len(works), len(left)) == (1, 1, 0)


def test_a_basket_changed_while_the_submit_waited_is_ordered_as_it_is_then(world: World) -> None:
    """Another tab holds the basket, with one more item, when the submit arrives: both items are ordered, none is lost."""
    here = buying_scope(world)
    buyer_id, customer_id = world.tech.buyers[0].id, world.tech.customers[0].id
    assert world.tech.storefront is not None
    shopper = Shopper(buyer_id, world.tech.storefront.id, customer_id, world.tech.id)
    with scope(here):
        buyer = alias_buyer(world.tech.id, customer_id, MONDAY)
    with scope(here), unit_of_work():
        add_item(shopper, NewItem(world.seats.id, Term.P1M, BillingCycle.MONTHLY, 5), buyer=buyer, at=MONDAY_NOON)
        key = open_basket(shopper, at=MONDAY_NOON).checkout_key

    def submit() -> None:
        with scope(here), unit_of_work():
            place_order(
                shopper,
                Submission(key, frozenset[UUID](), Evidence("https://shop.example/checkout", "203.0.113.9", "Test")),
                buyer=buyer,
                placed_by=db.session.get_one(User, (world.id, buyer_id)),
                at=MONDAY_NOON + timedelta(minutes=2),
            )

    with ThreadPoolExecutor(1) as pool:
        with scope(here), unit_of_work():
            later = MONDAY_NOON + timedelta(minutes=1)
            add_item(shopper, NewItem(world.suite.id, Term.P1Y, BillingCycle.MONTHLY, 2), buyer=buyer, at=later)
            waiting = pool.submit(at_once, submit)
            assert somebody_waits()
        assert waiting.result(timeout=60) == ["done"]

    with scope(world.scope):
        items, left = (all_of(db.session, model) for model in (OrderItem, BasketItem))
    assert sorted(item.product_name for item in items) == sorted([world.seats.name, world.suite.name])
    assert left == []


def somebody_waits() -> bool:
    """Whether a connection comes to wait for another one's lock within ten seconds."""
    until = monotonic() + 10
    while monotonic() < until:
        waiting = db.session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
        if waiting:
            return True
    return False
