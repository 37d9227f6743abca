"""What services must know of whoever receives them is asked at checkout, once, and told to their vendors (SF-27, CB-22)."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

import pytest

from app.core import db
from app.core.db import unit_of_work
from app.core.ids import new_id
from app.orders.models import Basket, Order
from app.provisioning.account_links import account_refused, link_account
from app.provisioning.managers import record_test
from app.provisioning.models import ServiceManager, VendorAccountLink
from app.subscriptions.models import SyncStatus
from tenants.context import scope
from tests.factories.execution import all_of, use_service_manager
from tests.factories.world import MONDAY_NOON, World
from tests.fakes.connector import FakeConnector
from tests.web.storefront.steps import ALIAS, key_of, put, run_orders, run_provisioning, submit
from workers.jobs import provisioning

SERVICES = "/checkout/services"
OPTIONS = [
    {"id": "tax-id", "name": "Tax number <of the company>", "is_required": True},
    {"id": "segment", "name": "Segment", "is_required": False},
]


@pytest.fixture
def manager_id(session, world: World) -> UUID:
    """The seats' service asks for a tax number, and takes accounts that exist."""
    made = use_service_manager(session, world)
    with scope(world.scope), unit_of_work():
        db.session.get_one(ServiceManager, (world.id, made.id)).accepts_existing_accounts = True
        record_test(made.id, problem="", account_options=OPTIONS, at=MONDAY_NOON)
        return made.id


@pytest.fixture
def vendor(monkeypatch) -> FakeConnector:
    made = FakeConnector()
    monkeypatch.setattr(provisioning, "CONNECTORS", {**provisioning.CONNECTORS, "fake": made.as_factory})
    return made


@pytest.fixture
def buyer(sign_in, world: World):
    return sign_in(world.direct_buyer)


def answer(client, manager_id: UUID, *, path: str = "", existing: str | None = None, **options: str):
    data = {f"{key.replace('_', '-')}-{manager_id}": text for key, text in options.items()}
    if existing is not None:
        data |= {f"existing-{manager_id}": "1", f"reference-{manager_id}": existing}
    return client.post(f"{path}{SERVICES}", data=data)


def rows(world: World, model: type) -> list:
    with scope(world.scope):
        found = all_of(db.session, model)
        db.session.commit()
        db.session.expunge_all()
        return found


def test_nothing_is_asked_where_no_service_asks(buyer, world: World):
    put(buyer, world.seats)
    assert buyer.get("/checkout").headers["Location"] == "/checkout/details"
    assert buyer.get(SERVICES).headers["Location"] == "/checkout/details"
    assert "Service details" not in buyer.get("/checkout/details").text


def test_checkout_asks_and_the_vendor_is_told(buyer, world: World, manager_id, vendor):
    """CB-22: the missing options are asked at checkout, then the account is made known, then the service."""
    put(buyer, world.seats)
    assert buyer.get("/checkout/review").headers["Location"] == SERVICES
    shown = buyer.get(SERVICES).text
    assert "Tax number &lt;of the company&gt;" in shown
    assert world.seats.name in shown
    assert answer(buyer, manager_id, tax_id="EL 123", segment="SMB").headers["Location"] == "/checkout/details"
    assert 'value="EL 123"' in buyer.get(SERVICES).text
    submit(buyer)
    (order,) = rows(world, Order)
    assert order.service_answers == {str(manager_id): {"options": {"tax-id": "EL 123", "segment": "SMB"}}}
    run_orders(world)
    run_provisioning(world)
    (known,) = vendor.accounts.values()
    assert dict(known.options) == {"tax-id": "EL 123", "segment": "SMB"}
    (link,) = rows(world, VendorAccountLink)
    assert (link.account_id, link.sync_status) == (world.direct.id, SyncStatus.SYNCHRONISED)
    put(buyer, world.seats)
    assert "Service details" not in buyer.get("/checkout/details").text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "Enter: Tax number"),
        ({"tax_id": " "}, "Enter: Tax number"),
        ({"tax_id": "x" * 256}, "Use at most 255 characters"),
        ({"existing": ""}, "Enter the id or domain of your account there"),
        ({"existing": "two words"}, "letters, digits"),
        ({"existing": "x" * 201}, "letters, digits"),
        ({"existing": "<script>"}, "letters, digits"),
    ],
)
def test_answers_that_cannot_be_are_refused_at_their_fields(buyer, world: World, manager_id, given, message):
    put(buyer, world.seats)
    refused = answer(buyer, manager_id, **given)
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert message in refused.text
    assert 'class="field__error"' in refused.text
    assert [each.service_answers for each in rows(world, Basket)] == [{}]


def test_an_order_is_not_placed_before_its_services_know_enough(buyer, world: World, manager_id):
    """CB-22: also where the review was open before the service began to ask."""
    put(buyer, world.seats)
    answer(buyer, manager_id, tax_id="EL 123")
    key = key_of(buyer.get("/checkout/review").text)
    with scope(world.scope), unit_of_work():
        more = [*OPTIONS, {"id": "size", "name": "Size", "is_required": True}]
        record_test(manager_id, problem="", account_options=more, at=MONDAY_NOON)
    refused = buyer.post("/checkout/review", data={"checkout_key": key})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Complete the service details" in refused.text
    assert rows(world, Order) == []


def test_an_account_that_exists_is_named_and_needs_no_details(buyer, world: World, manager_id, vendor):
    put(buyer, world.seats)
    assert answer(buyer, manager_id, existing="contoso.example").status_code == HTTPStatus.SEE_OTHER
    submit(buyer)
    run_orders(world)
    run_provisioning(world)
    (known,) = vendor.accounts.values()
    assert (known.vendor_reference, known.options) == ("contoso.example", ())
    (link,) = rows(world, VendorAccountLink)
    assert (link.vendor_reference, link.existing_reference) == ("contoso.example", "contoso.example")


def test_nobody_gets_into_the_account_of_somebody_else(buyer, world: World, manager_id, vendor):
    """The vendor is not even asked where the account is another customer's here; the buyer is asked again."""
    with scope(world.scope), unit_of_work():
        link_account(manager_id, world.tech.id, "tech.example", at=MONDAY_NOON)
    put(buyer, world.seats)
    answer(buyer, manager_id, existing="tech.example")
    submit(buyer)
    run_orders(world)
    run_provisioning(world)
    assert vendor.accounts == {}
    assert vendor.resources == {}
    by_account = {each.account_id: each for each in rows(world, VendorAccountLink)}
    assert by_account[world.direct.id].sync_status is SyncStatus.FAILED
    assert by_account[world.tech.id].vendor_reference == "tech.example"
    put(buyer, world.seats)
    assert buyer.get("/checkout/review").headers["Location"] == SERVICES


def test_who_cannot_take_existing_accounts_does_not_offer_it(buyer, world: World, manager_id):
    with scope(world.scope), unit_of_work():
        db.session.get_one(ServiceManager, (world.id, manager_id)).accepts_existing_accounts = False
        record_test(manager_id, problem="", account_options=OPTIONS, at=MONDAY_NOON)
    put(buyer, world.seats)
    assert "Use the account we have there already" not in buyer.get(SERVICES).text
    refused = answer(buyer, manager_id, existing="contoso.example")
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert [each.service_answers for each in rows(world, Basket)] == [{}]


def test_an_account_its_vendor_knows_is_not_asked_about(buyer, world: World, manager_id):
    with scope(world.scope), unit_of_work():
        link_account(manager_id, world.direct.id, "acc-1", at=MONDAY_NOON)
    put(buyer, world.seats)
    assert buyer.get("/checkout").headers["Location"] == "/checkout/details"
    assert "Service details" not in buyer.get("/checkout/details").text
    with scope(world.scope), unit_of_work():
        account_refused(manager_id, world.direct.id, "gone", at=MONDAY_NOON)
    assert buyer.get("/checkout/review").headers["Location"] == SERVICES


def test_answers_are_about_one_receiver(sign_in, world: World, manager_id):
    """A reseller that goes on to another customer is asked about that one."""
    reseller = sign_in(world.basic.admin)
    put(reseller, world.seats)
    assert reseller.get("/checkout/review").headers["Location"] == "/checkout/recipient"
    reseller.post("/checkout/recipient", data={"recipient": "own"})
    answer(reseller, manager_id, tax_id="EL 1")
    assert reseller.get("/checkout/review").status_code == HTTPStatus.OK
    new = {"recipient": "new", "name": "Corner Bakery", "email": "hi@bakery.example", "country": "GR"}
    reseller.post("/checkout/recipient", data=new)
    assert reseller.get("/checkout/review").headers["Location"] == SERVICES


def test_a_customer_of_a_reseller_is_asked_under_its_alias(sign_in, world: World, manager_id):
    customer = sign_in(world.tech.buyers[0])
    put(customer, world.seats, path=ALIAS)
    assert customer.get(f"{ALIAS}/checkout/review").headers["Location"].endswith(f"{ALIAS}{SERVICES}")
    shown = customer.get(f"{ALIAS}{SERVICES}").text
    assert "Contoso cloud" not in shown  # the service manager's name is the distributor's
    answer(customer, manager_id, path=ALIAS, tax_id="EL 9")
    number = submit(customer, path=ALIAS)
    (order,) = rows(world, Order)
    assert (order.number, order.account_id) == (number, world.tech.customers[0].id)
    assert order.service_answers[str(manager_id)]["options"] == {"tax-id": "EL 9"}


def test_foreign_service_managers_are_not_answered(buyer, world: World, manager_id):
    put(buyer, world.seats)
    refused = answer(buyer, new_id(), tax_id="EL 1")
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert [each.service_answers for each in rows(world, Basket)] == [{}]
