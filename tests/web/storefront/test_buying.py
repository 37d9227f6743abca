"""A customer buys under an alias, and a reseller at the root: one request after the other through the client."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.core.db import BoundSession
from app.core.ids import new_id
from app.orders.models import BasketItem, Order, OrderItem, OrderStatus, OrderWork
from app.pricing.models import MarkupLevel, MarkupRule
from app.resellers.models import Listing
from tenants.context import scope
from tests.factories.world import MONDAY_NOON, World


@pytest.fixture
def markup(world: World, session: BoundSession) -> None:
    """Tech Solutions adds 25 % to everything: seats cost 10.00 and sell for 12.50."""
    with scope(world.tech.scope):
        session.add(
            MarkupRule(
                reseller_id=world.tech.id, level=MarkupLevel.DEFAULT, percent=Decimal(25), created_at=MONDAY_NOON
            )
        )


def put_into_basket(client: FlaskClient, world: World, path: str = "/techsolutions", **values: str) -> int:
    """Post the product page's form for five seats."""
    data = {"product_id": str(world.seats.id), "price": "P1M.monthly", "quantity": "5", "friendly_name": "", **values}
    return client.post(f"{path}/basket/items", data=data).status_code


def checkout_key(page: str) -> str:
    found = re.search(r'name="checkout_key" value="([^"]+)"', page)
    assert found
    return found.group(1)


def test_product_page_shows_the_sell_price(client: FlaskClient, world: World, sign_in, markup: None) -> None:
    """RS-F51: Mark-up 25 % on cost 10.00 shows 12.50 to customers."""
    sign_in(world.tech.buyers[0])
    page = client.get(f"/techsolutions/product/{world.seats.slug}").text
    assert "12.50" in page
    assert "10.00" not in page


def test_an_unlisted_product_has_no_page(client: FlaskClient, world: World, sign_in, session: BoundSession) -> None:
    """RS-F50, SF-F36: an unlisted product is neither in the alias catalogue nor reachable by its URL."""
    sign_in(world.tech.buyers[0])
    with scope(world.tech.scope):
        session.delete(session.scalars(select(Listing).where(Listing.product_id == world.seats.id)).one())
    assert client.get(f"/techsolutions/product/{world.seats.slug}").status_code == 404
    listed = client.get("/techsolutions/catalogue").text
    assert world.seats.name + "<" not in listed
    assert world.suite.name in listed


@pytest.mark.parametrize(
    ("typed", "words"),
    [("0", "between 1 and"), ("-1", "between 1 and"), ("1.5", "whole number"), ("x", "whole number")],
)
def test_a_wrong_quantity_is_refused_and_the_basket_stays(
    client: FlaskClient, world: World, sign_in, session: BoundSession, typed: str, words: str
) -> None:
    """SF-F43: a quantity of 0, below or above the limits, or no whole number is refused; basket unchanged."""
    sign_in(world.tech.buyers[0])
    response = client.post(
        "/techsolutions/basket/items",
        data={"product_id": str(world.seats.id), "price": "P1M.monthly", "quantity": typed},
    )
    assert response.status_code == 422
    assert words in response.text
    with scope(world.tech.customer_scope()):
        assert session.scalar(select(func.count()).select_from(BasketItem)) == 0


def place(client: FlaskClient, world: World) -> str:
    """Walk from the product to a placed order; returns where the last step leads."""
    assert put_into_basket(client, world) == 303
    assert client.post("/techsolutions/checkout/details", data={"po_number": "PO 7"}).status_code == 303
    review = client.get("/techsolutions/checkout/review").text
    assert "62.50" in review
    done = client.post("/techsolutions/checkout/review", data={"checkout_key": checkout_key(review)})
    assert done.status_code == 303, done.text
    return str(done.headers["Location"])


def test_a_new_customers_order_waits_for_its_reseller(
    client: FlaskClient, world: World, sign_in, session: BoundSession, markup: None
) -> None:
    """RS-F72, SF-F61: with approval on, the order is Pending Reseller Approval and no subscription exists yet."""
    sign_in(world.tech.buyers[0])
    place(client, world)
    with scope(world.tech.customer_scope()):
        order = session.scalars(select(Order)).one()
        item = session.scalars(select(OrderItem)).one()
    assert (order.status, order.net_total, item.unit_price) == (
        OrderStatus.PENDING_RESELLER_APPROVAL,
        Decimal("62.5000"),
        Decimal("12.5000"),
    )
    with scope(world.scope):
        work = session.scalars(select(OrderWork)).one()
    assert work.payload[str(item.id)]["markup_percent"] == "25.00"


def test_a_second_submit_of_the_same_checkout_shows_the_same_order(
    client: FlaskClient, world: World, sign_in, session: BoundSession, markup: None
) -> None:
    """SF-F58: Double submit of the same checkout creates one order."""
    sign_in(world.tech.buyers[0])
    put_into_basket(client, world)
    key = checkout_key(client.get("/techsolutions/checkout/review").text)
    first = client.post("/techsolutions/checkout/review", data={"checkout_key": key})
    second = client.post("/techsolutions/checkout/review", data={"checkout_key": key})
    assert first.headers["Location"] == second.headers["Location"]
    with scope(world.tech.customer_scope()):
        assert session.scalar(select(func.count()).select_from(Order)) == 1


def test_a_price_that_changed_meanwhile_stops_the_order(
    client: FlaskClient, world: World, sign_in, session: BoundSession, markup: None
) -> None:
    sign_in(world.tech.buyers[0])
    put_into_basket(client, world)
    key = checkout_key(client.get("/techsolutions/checkout/review").text)
    with scope(world.tech.scope):
        session.scalars(select(MarkupRule)).one().percent = Decimal(30)
    response = client.post(
        "/techsolutions/checkout/review",
        data={"checkout_key": key},
        headers={"Referer": "http://cloud.nordwind.example/techsolutions/checkout/review"},
    )
    assert response.status_code == 303
    with scope(world.tech.customer_scope()):
        assert session.scalar(select(func.count()).select_from(Order)) == 0
        assert session.scalar(select(func.count()).select_from(BasketItem)) == 1
    review = client.get("/techsolutions/checkout/review").text
    assert "price changed from €12.50 to €13.00" in review
    placed = client.post("/techsolutions/checkout/review", data={"checkout_key": checkout_key(review)})
    assert placed.status_code == 303
    with scope(world.tech.customer_scope()):
        assert session.scalars(select(OrderItem.unit_price)).all() == [Decimal("13.0000")]


def test_a_checkout_key_that_comes_back_with_other_answers_is_refused(
    client: FlaskClient, world: World, sign_in, session: BoundSession, markup: None
) -> None:
    """A key stands for one request: 422 if it differs (decisions section 8)."""
    sign_in(world.tech.buyers[0])
    put_into_basket(client, world)
    key = checkout_key(client.get("/techsolutions/checkout/review").text)
    assert client.post("/techsolutions/checkout/review", data={"checkout_key": key}).status_code == 303
    again = client.post("/techsolutions/checkout/review", data={"checkout_key": key, "terms": str(new_id())})
    assert again.status_code == 422
    with scope(world.tech.customer_scope()):
        assert session.scalar(select(func.count()).select_from(Order)) == 1
