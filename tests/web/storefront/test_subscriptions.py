"""What buyers read of their subscriptions, and how they get more of them."""

from __future__ import annotations

from decimal import Decimal
from http import HTTPStatus

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.core.db import BoundSession
from app.orders.models import BasketItem, Order, OrderItem, OrderStatus
from app.pricing.models import PriceListEntry
from app.resellers.models import Listing
from app.subscriptions.models import Subscription, SubscriptionStatus
from tenants.context import scope
from tests.factories.execution import Wanted, alias_order
from tests.factories.world import World
from tests.web.conftest import SignIn
from tests.web.storefront.steps import ALIAS, buy, key_of, run_orders, submit


@pytest.fixture
def running(world: World, session: BoundSession) -> Subscription:
    """A customer of Tech Solutions runs five seats, bought at 12.50."""
    alias_order(session, world, [Wanted(world.seats, 5, "12.50")], status=OrderStatus.EXECUTING)
    run_orders(world)
    with scope(world.scope):
        return session.scalars(select(Subscription)).one()


def test_a_listed_products_subscription_offers_more_licences_and_an_unlisted_one_does_not(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession, running: Subscription
) -> None:
    """RS-F82: unlisting a product: its subscription shows "-" and no Buy licences."""
    sign_in(world.tech.buyers[0])
    path = f"{ALIAS}/billing/subscriptions/{running.code}"
    listed = client.get(path).text
    with scope(world.tech.scope):
        session.delete(session.scalars(select(Listing).where(Listing.product_id == world.seats.id)).one())
    unlisted = client.get(path).text
    in_list = client.get(f"{ALIAS}/billing/subscriptions").text
    added = client.post(f"{ALIAS}/basket/licences/{running.code}", data={"quantity": "1"})

    assert "Buy licences" in listed
    assert "€12.50" in listed
    for page in (unlisted, in_list):
        assert running.code in page
        assert "Buy licences" not in page
        assert "12.50" not in page
        assert "62.50" not in page
    assert added.status_code == HTTPStatus.NOT_FOUND
    with scope(world.scope):
        assert session.scalar(select(func.count()).select_from(BasketItem)) == 0


def test_more_licences_go_through_basket_and_approval_to_the_same_subscription(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession, running: Subscription
) -> None:
    sign_in(world.tech.buyers[0])
    for _ in range(2):  # the second time adds to the same line
        added = client.post(f"{ALIAS}/basket/licences/{running.code}", data={"quantity": "2"})
        assert added.status_code == HTTPStatus.SEE_OTHER
    basket = client.get(f"{ALIAS}/basket").text
    client.post(f"{ALIAS}/checkout/details", data={})
    number = submit(client, path=ALIAS)
    sign_in(world.tech.admin)
    client.post(f"{ALIAS}/manage/orders/{number}/approve", data={})
    run_orders(world)

    assert "More licences for" in basket
    with scope(world.scope):
        item = session.scalars(select(OrderItem).where(OrderItem.quantity == 4)).one()
        quantities = session.scalars(select(Subscription.quantity)).all()
    assert (item.subscription_id, list(quantities)) == (running.id, [9])


@pytest.mark.parametrize("typed", ["0", "-3", "1.5", "many", ""])
def test_a_wrong_number_of_licences_is_refused(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession, running: Subscription, typed: str
) -> None:
    sign_in(world.tech.buyers[0])
    path = f"{ALIAS}/billing/subscriptions/{running.code}"
    refused = client.post(f"{ALIAS}/basket/licences/{running.code}", data={"quantity": typed})

    assert refused.headers["Location"] == path
    assert "notice--danger" in client.get(path).text
    with scope(world.scope):
        assert session.scalar(select(func.count()).select_from(BasketItem)) == 0


def test_licences_of_anothers_subscription_cannot_be_added(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession, running: Subscription
) -> None:
    sign_in(world.tech.buyers[1])
    assert client.get(f"{ALIAS}/billing/subscriptions/{running.code}").status_code == HTTPStatus.NOT_FOUND
    added = client.post(f"{ALIAS}/basket/licences/{running.code}", data={"quantity": "1"})

    assert added.status_code == HTTPStatus.NOT_FOUND
    with scope(world.scope):
        assert session.scalar(select(func.count()).select_from(BasketItem)) == 0


def test_a_subscription_that_ended_meanwhile_blocks_the_basket(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession, running: Subscription
) -> None:
    sign_in(world.tech.buyers[0])
    client.post(f"{ALIAS}/basket/licences/{running.code}", data={"quantity": "1"})
    with scope(world.scope):
        session.get_one(Subscription, (world.id, running.id)).status = SubscriptionStatus.CANCELED
    basket = client.get(f"{ALIAS}/basket").text

    assert "The subscription is not active any more; remove this item" in basket
    assert client.get(f"{ALIAS}/checkout").headers["Location"] == f"{ALIAS}/basket"


def test_a_subscription_from_before_the_storefront_shows_no_price(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession
) -> None:
    """RS-F81: a subscription older than the upgrade shows "-" as unit price: only its reseller can have bought it."""
    customer = world.tech.customers[0]
    sign_in(world.tech.admin, realm=world.root.id)
    buy(client, world.seats, recipient={"recipient": "customer", "customer": str(customer.id)})
    run_orders(world)
    with scope(world.scope):
        running = session.scalars(select(Subscription)).one()
    reseller_sees = client.get("/billing/subscriptions").text
    sign_in(world.tech.buyers[0])
    listed = client.get(f"{ALIAS}/billing/subscriptions").text
    detail = client.get(f"{ALIAS}/billing/subscriptions/{running.code}").text

    assert customer.name in reseller_sees
    for page in (listed, detail):
        assert running.code in page
        assert "€" not in page
    assert client.get(f"{ALIAS}/billing/subscriptions?export=xlsx").status_code == HTTPStatus.OK


def test_end_customers_have_no_invoices_and_pay_nothing_here(
    client: FlaskClient, world: World, sign_in: SignIn, running: Subscription
) -> None:
    """RS-F84: end customers see no invoices and no payment step."""
    sign_in(world.tech.buyers[0])
    start = client.get(f"{ALIAS}/billing").text
    invoices = client.get(f"{ALIAS}/billing/invoices")
    client.post(
        f"{ALIAS}/basket/items", data={"product_id": str(world.seats.id), "price": "P1M.monthly", "quantity": "1"}
    )
    client.post(f"{ALIAS}/checkout/details", data={})
    review = client.get(f"{ALIAS}/checkout/review").text

    assert "Invoices" not in start
    assert "credit" not in start
    assert invoices.status_code == HTTPStatus.NOT_FOUND
    assert "ayment" not in review
    assert review.count('aria-current="step"') == 1


def test_a_new_price_is_the_next_orders_and_not_the_running_subscriptions(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession
) -> None:
    """RS-F7: a new price list price changes the next order, not a live subscription."""
    sign_in(world.basic.admin)
    buy(client, world.seats, recipient={"recipient": "own"})
    run_orders(world)
    with scope(world.scope):
        entry = session.scalars(select(PriceListEntry).where(PriceListEntry.product_id == world.seats.id)).one()
        entry.value = entry.price = Decimal("11.00")
    buy(client, world.seats, recipient={"recipient": "own"})
    run_orders(world)
    with scope(world.scope):
        prices = session.scalars(select(Subscription.unit_price).order_by(Subscription.code)).all()

    assert [str(price) for price in prices] == ["10.0000", "11.0000"]


def test_a_reseller_adds_licences_for_the_customer_whose_subscription_it_is(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession, running: Subscription
) -> None:
    """RS-03: the order is for who has the subscription; another recipient is refused and nothing is ordered."""
    sign_in(world.tech.admin, realm=world.root.id)
    added = client.post(f"/basket/licences/{running.code}", data={"quantity": "2"})
    chosen = client.get("/checkout/recipient").text
    client.post("/checkout/recipient", data={"recipient": "own"})
    client.post("/checkout/details", data={})
    refused = client.post("/checkout/review", data={"checkout_key": key_of(client.get("/checkout/review").text)})
    with scope(world.scope):
        before = session.scalar(select(func.count()).select_from(Order))
    client.post("/checkout/recipient", data={"recipient": "customer", "customer": str(running.account_id)})
    number = submit(client)
    run_orders(world)

    assert added.status_code == HTTPStatus.SEE_OTHER
    assert f'<option selected value="{running.account_id}"' in chosen
    assert (refused.status_code, before) == (HTTPStatus.UNPROCESSABLE_ENTITY, 1)
    assert "belongs to another company than the order" in refused.text
    with scope(world.scope):
        order = session.scalars(select(Order).where(Order.number == number)).one()
        assert session.scalars(select(Subscription.quantity)).all() == [7]
    assert (order.account_id, order.payer_id, order.placed_by_reseller) == (running.account_id, world.tech.id, True)
