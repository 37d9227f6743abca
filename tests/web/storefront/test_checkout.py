"""From the basket to the confirmation: for whom, under which terms, and what the request leaves to the workers."""

from __future__ import annotations

import time
from http import HTTPStatus

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.accounts.models import Account
from app.catalogue.attachments.models import TermsDocument
from app.catalogue.models import ProductGroup
from app.core.db import BoundSession
from app.orders.models import BasketItem, Order, OrderStatus, OrderWork, TermsAcceptance, WorkState
from app.provisioning.models import ProvisioningTask
from app.resellers.models import Listing
from app.subscriptions.models import Subscription
from tenants.context import scope
from tests.factories.execution import use_service_manager
from tests.factories.world import MONDAY_NOON, World
from tests.fakes.connector import FakeConnector
from tests.web.conftest import SignIn
from tests.web.storefront.steps import ALIAS, buy, key_of, put, run_orders, run_provisioning, submit
from workers.jobs import provisioning

NEW_CUSTOMER = {"recipient": "new", "name": "Corner Bakery", "email": "hi@bakery.example", "country": "GR"}


def count_of(world: World, session: BoundSession, model: type) -> int:
    with scope(world.scope):
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_a_reseller_says_for_whom_it_orders(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession
) -> None:
    """SF-F46: a reseller must choose own use or an end customer, and can create a new customer in that step."""
    sign_in(world.basic.admin)
    put(client, world.seats)
    first = client.get("/checkout")
    skipped = client.get("/checkout/review")
    unanswered = client.post("/checkout/recipient", data={})
    answered = client.post("/checkout/recipient", data=NEW_CUSTOMER)
    client.post("/checkout/details", data={})
    review = client.get("/checkout/review").text
    number = submit(client)

    assert first.headers["Location"] == skipped.headers["Location"] == "/checkout/recipient"
    assert (unanswered.status_code, "Choose who the order is for" in unanswered.text) == (422, True)
    assert answered.status_code == HTTPStatus.SEE_OTHER
    assert "Corner Bakery" in review
    with scope(world.basic.scope):
        order = session.scalars(select(Order).where(Order.number == number)).one()
        customer = session.scalars(select(Account).where(Account.name == "Corner Bakery")).one()
    assert (order.account_id, order.payer_id, customer.reseller_id) == (customer.id, world.basic.id, world.basic.id)


def test_the_recipient_of_another_reseller_is_refused(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession
) -> None:
    """RS-03: customers of others cannot be chosen by id, nor is a new one made of wrong data."""
    sign_in(world.basic.admin)
    put(client, world.seats)
    before = count_of(world, session, Account)
    foreign = client.post(
        "/checkout/recipient", data={"recipient": "customer", "customer": str(world.tech.customers[0].id)}
    )
    nameless = client.post("/checkout/recipient", data={**NEW_CUSTOMER, "name": "", "email": "nobody"})

    assert (foreign.status_code, nameless.status_code) == (422, 422)
    assert world.tech.customers[0].name not in foreign.text
    assert 'value="nobody"' in nameless.text
    assert count_of(world, session, Account) == before
    assert client.get("/checkout/review").headers["Location"] == "/checkout/recipient"


@pytest.fixture
def terms(world: World, session: BoundSession) -> TermsDocument:
    """The group of seats and suite has terms of use."""
    with scope(world.scope):
        document = TermsDocument(title="Contoso terms", body_html="<p>Be kind.</p>", created_at=MONDAY_NOON)
        session.add(document)
        session.flush()
        session.get_one(ProductGroup, (world.id, world.group.id)).terms_document_id = document.id
    return document


def test_terms_are_ticked_before_an_order_and_the_log_proves_it(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession, terms: TermsDocument
) -> None:
    """SF-F49: terms must be ticked; the log holds product, order, account, user, mail, URL, IP, browser and time."""
    buyer = world.tech.buyers[0]
    sign_in(buyer)
    put(client, world.seats, path=ALIAS)
    put(client, world.suite, path=ALIAS, price="P1Y.monthly")
    client.post(f"{ALIAS}/checkout/details", data={})
    page = client.get(f"{ALIAS}/checkout/review").text
    refused = client.post(f"{ALIAS}/checkout/review", data={"checkout_key": key_of(page)})
    placed_before = count_of(world, session, Order)
    number = submit(client, path=ALIAS, terms=str(terms.id))
    with scope(world.scope):
        log = session.scalars(select(TermsAcceptance).order_by(TermsAcceptance.product_name)).all()

    assert page.count('type="checkbox"') == 1  # one text, however many products it is about
    assert "checked" not in page
    assert (refused.status_code, "Accept “Contoso terms”" in refused.text, placed_before) == (422, True, 0)
    assert [row.product_name for row in log] == [world.seats.name, world.suite.name]
    assert {
        (row.order_number, row.account_name, row.first_name, row.last_name, row.email, row.document_version)
        for row in log
    } == {(number, world.tech.customers[0].name, buyer.first_name, buyer.last_name, buyer.email, 1)}
    assert all(row.url.endswith(f"{ALIAS}/checkout/review") and row.browser and row.address for row in log)
    assert all(row.accepted_at is not None and len(row.document_digest) == 64 for row in log)


def test_an_order_without_terms_asks_for_none_and_logs_nothing(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession, terms: TermsDocument
) -> None:
    """SF-F50: an order without terms items shows no terms tick and writes no log row."""
    sign_in(world.tech.buyers[0])
    put(client, world.tool, path=ALIAS, price="none.one_time")
    client.post(f"{ALIAS}/checkout/details", data={})
    page = client.get(f"{ALIAS}/checkout/review").text
    submit(client, path=ALIAS)

    assert 'type="checkbox"' not in page
    assert (count_of(world, session, Order), count_of(world, session, TermsAcceptance)) == (1, 0)


def test_the_confirmation_does_not_wait_for_the_vendor(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SF-F59, CB-F65 (partly): confirmed within 2 s with nothing asked of the vendor; the order's page then follows."""
    vendor = FakeConnector()
    monkeypatch.setattr(provisioning, "CONNECTORS", {**provisioning.CONNECTORS, "fake": vendor.as_factory})
    use_service_manager(session, world)
    sign_in(world.direct_buyer)
    put(client, world.seats)
    client.post("/checkout/details", data={})
    started = time.monotonic()
    number = submit(client)
    confirmed = client.get(f"/checkout/done/{number}").text
    took = time.monotonic() - started
    asked_in_request = list(vendor.requests)
    tasks_in_request = count_of(world, session, ProvisioningTask)
    made_in_request = count_of(world, session, Subscription)
    with scope(world.scope):
        waiting = session.scalars(select(OrderWork.state)).all()
    run_orders(world)
    executed = client.get(f"/orders/{number}").text
    run_provisioning(world)
    delivered = client.get(f"/orders/{number}/progress").text

    assert took < 2
    assert "Provisioning continues in the background" in confirmed
    assert number in confirmed
    assert (asked_in_request, tasks_in_request, made_in_request, waiting) == ([], 0, 0, [WorkState.PENDING])
    assert "data-poll-url" in executed
    assert "Provisioning" in executed
    assert "Delivered" in delivered
    assert "data-poll-url" not in delivered


def test_an_empty_or_blocked_basket_leads_back_to_the_basket(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession
) -> None:
    """RS-03, RS-27: an empty basket is not ordered; an unlisted product in it blocks checkout until removed."""
    sign_in(world.tech.buyers[0])
    empty = client.get(f"{ALIAS}/checkout/review")
    put(client, world.seats, path=ALIAS)
    with scope(world.tech.scope):
        session.delete(session.scalars(select(Listing).where(Listing.product_id == world.seats.id)).one())
    basket = client.get(f"{ALIAS}/basket").text
    blocked = client.get(f"{ALIAS}/checkout")

    assert empty.headers["Location"] == blocked.headers["Location"] == f"{ALIAS}/basket"
    assert "is no longer available; remove it" in basket
    assert "Proceed to checkout" not in basket
    assert (count_of(world, session, Order), count_of(world, session, BasketItem)) == (0, 1)


def test_a_buyer_withdraws_its_waiting_order_once(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession
) -> None:
    """SF-31: who placed an order cancels it while it waits; afterwards it cannot be withdrawn or approved."""
    sign_in(world.tech.buyers[0])
    number = buy(client, world.seats, path=ALIAS)
    offered = client.get(f"{ALIAS}/orders/{number}").text
    withdrawn = client.post(f"{ALIAS}/orders/{number}/withdraw")
    again = client.post(f"{ALIAS}/orders/{number}/withdraw", headers={"Accept": "application/json"})
    run_orders(world)
    page = client.get(f"{ALIAS}/orders/{number}").text

    assert "Withdraw order" in offered
    assert withdrawn.status_code == HTTPStatus.SEE_OTHER
    assert again.status_code in (HTTPStatus.CONFLICT, HTTPStatus.SEE_OTHER)
    assert "Canceled" in page
    assert "Withdraw order" not in page
    with scope(world.scope):
        assert session.scalars(select(Order.status)).all() == [OrderStatus.CANCELED]
    assert count_of(world, session, Subscription) == 0


def test_only_who_placed_an_order_withdraws_it(
    client: FlaskClient, world: World, sign_in: SignIn, session: BoundSession
) -> None:
    sign_in(world.tech.buyers[0])
    number = buy(client, world.seats, path=ALIAS)
    sign_in(world.tech.buyers[1])
    foreign = client.post(f"{ALIAS}/orders/{number}/withdraw")
    sign_in(world.tech.admin)
    supplier = client.post(f"{ALIAS}/orders/{number}/withdraw")

    assert (foreign.status_code, supplier.status_code) == (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN)
    with scope(world.scope):
        assert session.scalars(select(Order.status)).all() == [OrderStatus.PENDING_RESELLER_APPROVAL]
