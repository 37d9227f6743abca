"""Domain products: names that can be, stand once, and are asked for at their vendor before they are ordered (CB-01, CB-22)."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

import pytest
from sqlalchemy import delete, update

from app.catalogue.characteristics import characteristics_of, checked_value, domain_of
from app.catalogue.models import BillingCycle, Product, ProductKind, ProductType, Term
from app.catalogue.quantities import limits_of
from app.core import db
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.orders.models import BasketItem, Order, OrderItem, OrderStatus
from app.orders.prechecks.models import CheckState, ServiceCheck
from app.orders.prechecks.services import PATIENCE
from app.provisioning.account_links import link_account
from app.provisioning.models import ServiceManager, VendorAccountLink
from app.subscriptions.domains.models import DomainClaim
from app.subscriptions.domains.services import is_taken, release_ended, take_name
from app.subscriptions.models import Subscription, SubscriptionStatus, VendorProblem
from tenants.context import scope
from tests.factories.execution import all_of
from tests.factories.world import MONDAY_NOON, World, make_entry, make_product
from tests.fakes.connector import FakeConnector
from tests.web.conftest import signed_in_browser
from tests.web.storefront.steps import key_of, run_orders, submit
from workers.connectors.base import AccountPicture
from workers.jobs import prechecks, provisioning, sweeps

PRICE = "P1Y.annual"
NAME = "characteristic-domain"


@pytest.fixture
def domain(session, world: World) -> Product:
    """A domain for a year at 20.00, registered by a service manager that pre-checks."""
    with scope(world.scope):
        manager = ServiceManager(name="Registry", kind="fake", timeout_seconds=30, created_at=MONDAY_NOON)
        session.add(manager)
        session.flush()
        kind = ProductType(
            name="Domains", kind=ProductKind.DOMAIN, service_manager_id=manager.id, created_at=MONDAY_NOON
        )
        session.add(kind)
        session.flush()
        year = {"term": Term.P1Y, "cycle": BillingCycle.ANNUAL}
        product = make_product(session, kind, "Domain .example", list_price="24.00", **year)
        make_entry(session, world.price_list, product, "20.00", **year)
        for account in (world.direct, world.basic.account):
            link_account(manager.id, account.id, f"at-vendor-{account.code}", at=MONDAY_NOON)
        session.commit()
        session.refresh(product)
        session.expunge_all()
    return product


@pytest.fixture
def vendor(monkeypatch, world: World) -> FakeConnector:
    """It knows the direct customer and the basic reseller, and nobody else."""
    made = FakeConnector()
    for account in (world.direct, world.basic.account):
        known = AccountPicture(
            code=account.code,
            name=account.name,
            email=account.email,
            country="GR",
            vendor_reference=f"at-vendor-{account.code}",
        )
        made.accounts[f"at-vendor-{account.code}"] = known
    connectors = {**provisioning.CONNECTORS, "fake": made.as_factory}
    monkeypatch.setattr(provisioning, "CONNECTORS", connectors)
    monkeypatch.setattr(prechecks, "CONNECTORS", connectors)
    return made


@pytest.fixture
def buyer(sign_in, world: World):
    return sign_in(world.direct_buyer)


@pytest.fixture
def bss(app, world: World):
    browser = app.test_client()
    browser.host = world.host
    return signed_in_browser(browser, world, world.bss_user)


def put(client, product: Product, name: str, *, action: str = "register", quantity: str = "1", **more: str):
    data = {"product_id": str(product.id), "price": PRICE, "quantity": quantity, NAME: name}
    return client.post("/basket/items", data={**data, "characteristic-action": action, **more})


def rows(world: World, model: type) -> list:
    with scope(world.scope):
        found = all_of(db.session, model)
        db.session.commit()
        db.session.expunge_all()
        return found


def run_checks(world: World) -> list[CheckState]:
    for each in rows(world, ServiceCheck):
        prechecks.precheck(str(each.id), distributor_id=str(world.id))
    return [each.state for each in rows(world, ServiceCheck)]


def order(client, world: World, product: Product, name: str) -> str:
    put(client, product, name)
    client.get("/checkout/review")
    run_checks(world)
    return submit(client)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Example.COM", "example.com"), ("example.com.", "example.com"), ("Bücher.example", "xn--bcher-kva.example"),
        ("παράδειγμα.δοκιμή", "xn--hxajbheg2az3al.xn--jxalpdlp"), ("a.b.c.example", "a.b.c.example"),
    ],
)  # fmt: skip
def test_names_are_kept_as_idna_writes_them(typed, kept):
    """CB-01: IDNA-valid, lower-cased."""
    product_type = ProductType(kind=ProductKind.DOMAIN, characteristics=[])
    name = characteristics_of(product_type)[0]
    assert checked_value(name, typed) == kept
    assert domain_of(product_type, {"domain": kept}) == kept
    assert domain_of(ProductType(kind=ProductKind.SUBSCRIPTION), {"domain": kept}) is None


@pytest.mark.parametrize(
    "typed",
    ["example", "-a.com", "a-.com", "a..com", "two words.com", "a_b.com", "x" * 64 + ".com", "a.1", "<b>.com",
     "1.2.3.4", "a." * 127 + "com", "\u202eevil.com"],
)  # fmt: skip
def test_what_is_no_name_is_refused_at_its_field(buyer, world: World, domain, vendor, typed):
    refused = put(buyer, domain, typed)
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Enter a domain name, such as example.com" in refused.text
    assert 'class="field__error"' in refused.text
    assert rows(world, BasketItem) == []


def test_a_domain_is_bought_once(buyer, world: World, domain, vendor):
    """CB-01: quantity fixed to 1."""
    assert limits_of(domain, ProductType(kind=ProductKind.DOMAIN)).is_single
    assert 'type="hidden" name="quantity" value="1"' in buyer.get(f"/product/{domain.slug}").text
    assert put(buyer, domain, "one.example", quantity="2").status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert rows(world, BasketItem) == []


def test_the_vendor_is_asked_before_anything_is_ordered(buyer, world: World, domain, vendor):
    """CB-22: a pre-check provisions nothing; until it is answered the order waits."""
    put(buyer, domain, "shop.example")
    review = buyer.get("/checkout/review").text
    assert "We are asking whether the domain name can be had" in review
    early = buyer.post("/checkout/review", data={"checkout_key": key_of(review)})
    assert early.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert rows(world, Order) == []
    assert run_checks(world) == [CheckState.PASSED]
    (asked,) = vendor.checks
    assert {each.id: each.value for each in asked.characteristics}["domain"] == "shop.example"
    assert (vendor.requests, vendor.resources) == ([], {})
    assert "We are asking" not in buyer.get("/checkout/review").text
    submit(buyer)
    run_orders(world)
    assert [each.status for each in rows(world, Order)] == [OrderStatus.EXECUTED]


def test_what_the_vendor_refuses_cannot_be_ordered(buyer, world: World, domain, vendor):
    """CB-01: a non-available name is a pre-check error. CB-22: it is shown and stops the action."""
    vendor.reject_next(reason="SECRET registry: taken by Contoso")
    put(buyer, domain, "gone.example")
    review = key_of(buyer.get("/checkout/review").text)
    assert run_checks(world) == [CheckState.REFUSED]
    shown = buyer.get("/basket").text
    assert "gone.example cannot be had this way; choose another name" in shown
    assert "SECRET" not in shown
    refused = buyer.post("/checkout/review", data={"checkout_key": review})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert (rows(world, Order), rows(world, DomainClaim)) == ([], [])
    assert [each.reason for each in rows(world, VendorProblem)] == ["SECRET registry: taken by Contoso"]
    (item,) = rows(world, BasketItem)
    buyer.post(f"/basket/items/{item.id}", data={"quantity": "1", "friendly_name": "", NAME: "free.example"})
    buyer.get("/checkout/review")
    assert run_checks(world) == [CheckState.PASSED]
    assert rows(world, VendorProblem) == []
    submit(buyer)


def test_a_vendor_that_does_not_answer_keeps_nobody_from_ordering(buyer, session, world: World, domain, vendor):
    put(buyer, domain, "slow.example")
    key = key_of(buyer.get("/checkout/review").text)
    with scope(world.scope):
        session.execute(update(ServiceCheck).values(asked_at=utc_now() - PATIENCE - timedelta(seconds=1)))
        session.commit()
    assert buyer.post("/checkout/review", data={"checkout_key": key}).status_code == HTTPStatus.SEE_OTHER


def test_a_refusal_of_an_account_the_vendor_does_not_know_says_nothing_of_the_name(
    buyer, session, world: World, domain, vendor
):
    """CB-22: account first; a basket makes no account at a vendor, so its first order is checked with the task."""
    with scope(world.scope):
        session.execute(delete(VendorAccountLink))
        session.commit()
    put(buyer, domain, "first.example")
    buyer.get("/checkout/review")
    assert run_checks(world) == [CheckState.UNANSWERED]
    assert rows(world, VendorProblem) == []
    submit(buyer)


def test_a_check_is_asked_once_and_survives_trouble(buyer, world: World, domain, vendor):
    put(buyer, domain, "once.example")
    for _ in range(3):
        buyer.get("/basket")
    assert len(rows(world, ServiceCheck)) == 1
    vendor.fail_next()
    assert run_checks(world) == [CheckState.UNANSWERED]
    asked = len(vendor.checks)
    assert run_checks(world) == [CheckState.UNANSWERED]
    assert len(vendor.checks) == asked
    submit(buyer)


def test_a_name_stands_once_among_open_orders_and_live_subscriptions(buyer, sign_in, app, world: World, domain, vendor):
    """CB-01: unique among active ones, whoever has it, and whatever the case it was typed in."""
    order(buyer, world, domain, "mine.example")
    other = signed_in_browser(_browser(app, world), world, world.basic.admin)
    put(other, domain, "MINE.example")
    other.post("/checkout/recipient", data={"recipient": "own"})
    key = key_of(other.get("/checkout/review").text)
    assert run_checks(world)[-1] is CheckState.REFUSED
    assert "mine.example cannot be had" in other.get("/basket").text
    with scope(world.scope), unit_of_work():
        db.session.execute(update(ServiceCheck).values(state=CheckState.PASSED))
    refused = other.post("/checkout/review", data={"checkout_key": key})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "mine.example is on order or in use already" in refused.text
    assert world.direct.name not in refused.text
    run_orders(world)
    assert len(rows(world, Order)) == len(rows(world, DomainClaim)) == len(rows(world, Subscription)) == 1


def test_one_order_cannot_hold_a_name_twice(buyer, world: World, domain, vendor):
    for label in ("One", "Two"):
        put(buyer, domain, "twice.example", friendly_name=label)
    key = key_of(buyer.get("/checkout/review").text)
    run_checks(world)
    refused = buyer.post("/checkout/review", data={"checkout_key": key})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert (rows(world, Order), rows(world, DomainClaim)) == ([], [])


@pytest.mark.parametrize("status", [SubscriptionStatus.CANCELED, SubscriptionStatus.EXPIRED])
def test_a_name_is_free_again_once_its_subscription_has_ended(buyer, session, world: World, domain, vendor, status):
    order(buyer, world, domain, "back.example")
    run_orders(world)
    with scope(world.scope), unit_of_work():
        assert release_ended() == 0
        assert is_taken("back.example")
        db.session.execute(update(Subscription).values(status=status))
    sweep(world)
    assert rows(world, DomainClaim) == []
    order(buyer, world, domain, "back.example")


def test_a_name_is_free_again_once_its_order_is_canceled(buyer, bss, world: World, domain, vendor):
    number = order(buyer, world, domain, "never.example")
    with scope(world.scope), unit_of_work():
        db.session.execute(update(Order).values(status=OrderStatus.SUBMITTED))
    assert bss.post(f"/bss/orders/{number}/cancel", data={"reason": "No"}).status_code == HTTPStatus.SEE_OTHER
    sweep(world)
    assert rows(world, DomainClaim) == []


def test_staff_meets_the_same_rules_at_their_fields(buyer, bss, world: World, domain, vendor):
    order(buyer, world, domain, "mine.example")
    made = bss.post(f"/bss/orders/new/{world.direct.id}", data={})
    number = str(made.headers["Location"]).split("/")[-2]

    def add(name: str, **more: str):
        data = {"key": f"{domain.id}:P1Y:annual", "quantity": "1", NAME: name, "characteristic-action": "register"}
        return bss.post(f"/bss/orders/{number}/items/new", data={**data, **more})

    for name, message in (
        ("no name", "Enter a domain name"), ("Mine.example", "mine.example is on order or in use already"),
    ):  # fmt: skip
        refused = add(name)
        assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert message in refused.text
        assert 'class="field__error"' in refused.text
    assert add("two.example", quantity="2").status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert len(rows(world, OrderItem)) == len(rows(world, DomainClaim)) == 1

    vendor.reject_next(reason="The registry says no")
    assert add("two.example").status_code == HTTPStatus.SEE_OTHER
    run_checks(world)
    assert "The registry says no" in bss.get(f"/bss/orders/{number}").text
    stopped = bss.post(f"/bss/orders/{number}/execute", data={}, headers={"Accept": "application/json"})
    assert stopped.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    item = next(each for each in rows(world, OrderItem) if each.characteristics["domain"] == "two.example")
    path = f"/bss/orders/{number}/items/{item.id}"
    changed = bss.save(path, data={"quantity": "1", NAME: "three.example", "characteristic-action": "register"})
    assert changed.status_code == HTTPStatus.SEE_OTHER
    assert {each.name for each in rows(world, DomainClaim)} == {"mine.example", "three.example"}
    run_checks(world)
    assert "The registry says no" not in bss.get(f"/bss/orders/{number}").text
    bss.post(f"{path}/remove", data={})
    assert {each.name for each in rows(world, DomainClaim)} == {"mine.example"}


def test_a_claim_twice_is_one_claim(buyer, world: World, domain, vendor):
    order(buyer, world, domain, "mine.example")
    (claim,) = rows(world, DomainClaim)
    with scope(world.scope), unit_of_work():
        assert take_name("mine.example", order_item_id=claim.order_item_id, at=MONDAY_NOON)
        assert not take_name("mine.example", subscription_id=claim.id, at=MONDAY_NOON)
    assert [each.id for each in rows(world, DomainClaim)] == [claim.id]


def sweep(world: World) -> None:
    with scope(world.scope), unit_of_work():
        sweeps.release_domains(utc_now())


def _browser(app, world: World):
    browser = app.test_client()
    browser.host = world.host
    return browser
