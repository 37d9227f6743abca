"""When, and for what, a product stands in a storefront: days on show, discontinued ones, those sold on request (SF-18)."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

import pytest
from sqlalchemy import func, select, update

from app.catalogue.models import Product, ProductPrice, SaleMode
from app.core import db
from app.core.clock import utc_now
from app.orders.models import BasketItem, Order
from app.pricing.models import PriceListEntry
from app.subscriptions.models import Subscription
from tenants.context import scope
from tests.web.storefront.steps import ALIAS, buy, key_of, put, run_orders, run_provisioning

TODAY = utc_now().date()
DAY = timedelta(days=1)


def change(session, world, product, **values) -> None:
    with scope(world.scope):
        session.execute(update(Product).where(Product.id == product.id).values(**values))
        session.commit()


def basket_items(world) -> int:
    with scope(world.scope):
        return db.session.scalar(select(func.count()).select_from(BasketItem)) or 0


def try_to_put(client, product, path=""):
    data = {"product_id": str(product.id), "price": "P1M.monthly", "quantity": "5"}
    return client.post(f"{path}/basket/items", data=data)


@pytest.mark.parametrize("path", ["", ALIAS])
@pytest.mark.parametrize(
    ("first", "last", "is_shown"),
    [
        (None, TODAY, True),
        (TODAY, None, True),
        (TODAY, TODAY, True),
        (TODAY + DAY, None, False),
        (None, TODAY - DAY, False),
    ],
)
def test_a_product_is_shown_on_its_days_alone(session, world, sign_in, path, first, last, is_shown):
    """SF-18: visible from and to are days of the storefront, both included; outside them it is nowhere."""
    change(session, world, world.seats, visible_from=first, visible_to=last)
    buyer = sign_in(world.tech.buyers[0] if path else world.direct_buyer)
    page = buyer.get(f"{path}/product/{world.seats.slug}")
    assert (page.status_code == HTTPStatus.OK) is is_shown
    assert (f"/product/{world.seats.slug}" in buyer.get(f"{path}/catalogue").text) is is_shown
    assert (f"/product/{world.seats.slug}" in buyer.get(f"{path}/search?q=contoso").text) is is_shown
    added = try_to_put(buyer, world.seats, path)
    assert (added.status_code == HTTPStatus.SEE_OTHER) is is_shown
    assert basket_items(world) == int(is_shown)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"visible_to": TODAY - DAY}, "is no longer available; remove it"),
        ({"sale": SaleMode.MORE_LICENCES}, "is not sold any more"),
        ({"sale": SaleMode.ENQUIRY}, "is sold on request"),
    ],
)
def test_what_a_basket_holds_and_is_not_sold_any_more_cannot_be_ordered(session, world, sign_in, values, words):
    """SF-18: what left its days, or is not sold meanwhile, is named in the basket; even a reviewed order is not placed."""
    buyer = sign_in(world.direct_buyer)
    put(buyer, world.seats)
    buyer.post("/checkout/details", data={})
    key = key_of(buyer.get("/checkout/review").text)
    change(session, world, world.seats, **values)
    assert words in buyer.get("/basket").text

    refused = buyer.post("/checkout/review", data={"checkout_key": key})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    with scope(world.scope):
        assert db.session.scalar(select(func.count()).select_from(Order)) == 0
    assert basket_items(world) == 1


def test_of_a_discontinued_product_only_licences_are_sold(session, world, sign_in):
    """SF-18: no new subscription, but more licences for those there are; it stands in no list, and its page says so."""
    buyer = sign_in(world.direct_buyer)
    buy(buyer, world.seats)
    run_orders(world)
    run_provisioning(world)
    change(session, world, world.seats, sale=SaleMode.MORE_LICENCES)
    with scope(world.scope):
        (owned,) = session.scalars(select(Subscription)).all()
        code = owned.code
    assert f"/product/{world.seats.slug}" not in buyer.get("/catalogue").text
    page = buyer.get(f"/product/{world.seats.slug}")
    assert page.status_code == HTTPStatus.OK
    assert "not sold any more" in page.text
    assert "Add to basket" not in page.text

    refused = try_to_put(buyer, world.seats)
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "is not sold any more" in refused.text
    assert basket_items(world) == 0

    more = buyer.post(f"/basket/licences/{code}", data={"quantity": "2"})
    assert more.status_code == HTTPStatus.SEE_OTHER
    assert "is not sold any more" not in buyer.get("/basket").text
    assert basket_items(world) == 1


@pytest.mark.parametrize("has_price", [True, False])
def test_a_product_on_request_is_shown_without_a_price_and_not_ordered(session, world, sign_in, has_price):
    """SF-18: visible with a price, or with "Tell me more" alone; nobody puts it into a basket."""
    change(session, world, world.seats, sale=SaleMode.ENQUIRY, takes_enquiries=True)
    if not has_price:
        with scope(world.scope):
            for model in (PriceListEntry, ProductPrice):
                for row in session.scalars(select(model).where(model.product_id == world.seats.id)):
                    session.delete(row)
            session.commit()
    buyer = sign_in(world.direct_buyer)
    for address in ("/catalogue", "/search?q=contoso mail"):
        shown = buyer.get(address).text
        assert f"/product/{world.seats.slug}" in shown
        assert "Price on request" in shown
    page = buyer.get(f"/product/{world.seats.slug}").text
    assert f"/product/{world.seats.slug}/ask" in page
    assert "10.00" not in page
    assert "Add to basket" not in page
    answer = try_to_put(buyer, world.seats)
    assert answer.status_code == (HTTPStatus.UNPROCESSABLE_ENTITY if has_price else HTTPStatus.NOT_FOUND)
    assert basket_items(world) == 0


def test_staff_sells_what_is_on_request_and_nobody_what_is_discontinued(session, world):
    """SF-18: people ask so that staff can order it for them; a discontinued product is not begun anew by anybody."""
    with scope(world.scope):
        product = session.get_one(Product, (world.id, world.seats.id))
        product.sale = SaleMode.ENQUIRY
        assert product.is_on_sale
        product.sale = SaleMode.MORE_LICENCES
        assert not product.is_on_sale
