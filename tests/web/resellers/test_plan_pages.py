"""A reseller buys its plan in the storefront, from the page to the live storefront (RS-04, RS-07, RS-08, RS-09)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from http import HTTPStatus

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.accounts.models import Account
from app.audit.services import SYSTEM
from app.catalogue.models import Product
from app.core import db
from app.core.db import BoundSession
from app.identity.models import UserKind, UserType
from app.notifications.models import OutboundMail
from app.notifications.services import MailTemplate
from app.orders.models import BasketItem, Order, OrderStatus
from app.pricing.models import PriceListEntry
from app.resellers.plans import deactivate_reseller_plans
from app.subscriptions.models import Subscription, SubscriptionStatus
from tenants.context import scope
from tenants.models import Address, AddressState
from tests.domain.resellers.conftest import live_plan_of
from tests.factories.world import MONDAY_NOON, World, make_user
from tests.web.conftest import SignIn


def value_of(plan: Product, term: str = "P1M", cycle: str = "monthly") -> str:
    return f"{plan.id}:{term}:{cycle}"


def buy(client: FlaskClient, plan: Product, alias: str, *, term: str = "P1M", cycle: str = "monthly") -> str:
    """Walk from the plans page to the placed order; returns where the last step leads."""
    chosen = client.post("/reseller-plans", data={"plan": value_of(plan, term, cycle)})
    assert chosen.status_code == HTTPStatus.SEE_OTHER
    details = client.post("/checkout/details", data={"alias": alias})
    assert details.status_code == HTTPStatus.SEE_OTHER, details.text
    review = client.get("/checkout/review").text
    key = re.search(r'name="checkout_key"[^>]*value="([^"]+)"', review)
    assert key is not None, review
    done = client.post("/checkout/review", data={"checkout_key": key.group(1)})
    assert done.status_code == HTTPStatus.SEE_OTHER, done.text
    return str(done.headers["Location"])


def test_a_direct_customer_has_no_plans_page(world: World, plans: Sequence[Product], sign_in: SignIn) -> None:
    """RS-F1: an account without reselling sees neither the link nor the page (403 by URL)."""
    browser = sign_in(world.direct_buyer)
    home = browser.get("/").get_data(as_text=True)

    assert "/reseller-plans" not in home
    assert browser.get("/reseller-plans").status_code == HTTPStatus.FORBIDDEN
    assert browser.get("/reseller-plans/alias-check?alias=sunrise").status_code == HTTPStatus.FORBIDDEN


def test_a_resellers_user_without_the_buyers_role_has_no_plans_page(
    world: World, plans: Sequence[Product], session: BoundSession, sign_in: SignIn
) -> None:
    with scope(world.scope):
        agent = make_user(
            session, world.basic.account, kind=UserKind.RESELLER, realms=(world.root.id,), type=UserType.USER,
            roles=("billing_agent",),
        )  # fmt: skip

    assert sign_in(agent).get("/reseller-plans").status_code == HTTPStatus.FORBIDDEN


def test_a_basic_reseller_chooses_between_priced_plans(world: World, plans: Sequence[Product], sign_in: SignIn) -> None:
    browser = sign_in(world.basic.admin)
    home = browser.get("/").get_data(as_text=True)
    page = browser.get("/reseller-plans").get_data(as_text=True)

    assert "/reseller-plans" in home
    assert page.count("<article") == 2
    assert "€49.00" in page
    assert "€490.00" in page
    assert "Choose" in page


def test_without_the_service_manager_there_is_no_plans_page(
    world: World, plans: Sequence[Product], sign_in: SignIn, session: BoundSession
) -> None:
    """RS-F8: with the service manager off, plans are neither shown nor orderable."""
    with scope(world.scope):
        deactivate_reseller_plans(actor=SYSTEM, at=MONDAY_NOON)
    browser = sign_in(world.basic.admin)
    home = browser.get("/").get_data(as_text=True)
    shown = browser.get("/reseller-plans")
    chosen = browser.post("/reseller-plans", data={"plan": value_of(plans[0])})
    with scope(world.basic.scope):
        items = db.session.scalar(select(func.count()).select_from(BasketItem))

    assert "/reseller-plans" not in home
    assert shown.status_code == HTTPStatus.FORBIDDEN
    assert (chosen.status_code, items) == (HTTPStatus.NOT_FOUND, 0)


def test_a_reseller_without_a_price_for_plans_is_not_led_to_them(
    world: World, plans: Sequence[Product], sign_in: SignIn
) -> None:
    with scope(world.scope):
        for entry in db.session.scalars(
            select(PriceListEntry).where(PriceListEntry.product_id.in_([p.id for p in plans]))
        ):
            db.session.delete(entry)
    browser = sign_in(world.basic.admin)
    home = browser.get("/").get_data(as_text=True)

    assert "/reseller-plans" not in home
    assert browser.get("/reseller-plans").status_code == HTTPStatus.FORBIDDEN


def test_there_are_no_plans_under_an_alias(world: World, plans: Sequence[Product], sign_in: SignIn) -> None:
    assert sign_in(world.tech.admin).get("/techsolutions/reseller-plans").status_code == HTTPStatus.FORBIDDEN


def test_a_plan_leads_from_the_page_to_a_live_storefront(
    world: World, plans: Sequence[Product], sign_in: SignIn, session: BoundSession, run_workers: Callable[[], None]
) -> None:
    """RS-F15, RS-F16, RS-F17, RS-F9, RS-F24: page, basket, alias, checkout; then the storefront is live by itself."""
    browser = sign_in(world.basic.admin)
    before = browser.get("/basicresale/login").status_code
    buy(browser, plans[0], "BasicResale")
    run_workers()
    after = browser.get("/basicresale/login").status_code
    with scope(world.scope):
        order = db.session.scalars(select(Order)).one()
        subscription = db.session.scalars(select(Subscription)).one()
        account = db.session.get_one(Account, (world.id, world.basic.id))
        mails = db.session.scalars(
            select(OutboundMail).where(OutboundMail.template == MailTemplate.STOREFRONT_WELCOME.value)
        ).all()

    assert (before, after) == (HTTPStatus.NOT_FOUND, HTTPStatus.OK)
    assert (order.status, order.net_total) == (OrderStatus.EXECUTED, Decimal(0))
    assert (subscription.status, subscription.plan_edition) == (SubscriptionStatus.ACTIVE, "free")
    assert account.edition == "free"
    assert [mail.to_email for mail in mails] == [world.basic.admin.email]
    assert mails[0].fields["storefront_url"].endswith("/basicresale/")


def test_short_credit_leaves_the_plan_submitted_and_its_alias_held_until_staff_execute_it(
    world: World, plans: Sequence[Product], sign_in: SignIn, session: BoundSession, run_workers: Callable[[], None]
) -> None:
    """RS-F15 (partly), RS-07: a paid plan beyond the credit waits; with the credit raised, staff execute it."""
    with scope(world.scope):
        db.session.get_one(Account, (world.id, world.basic.id)).credit_limit = Decimal(0)
    browser = sign_in(world.basic.admin)
    buy(browser, plans[1], "sunrise", term="P1Y", cycle="annual")
    run_workers()
    with scope(world.scope):
        order = db.session.scalars(select(Order)).one()
        waiting = (order.status, db.session.scalar(select(Address.state).where(Address.alias == "sunrise")))
        db.session.get_one(Account, (world.id, world.basic.id)).credit_limit = Decimal(1000)
    executed = sign_in(world.bss_user).post(f"/bss/orders/{order.number}/execute")
    run_workers()
    with scope(world.scope):
        status = db.session.scalar(select(Order.status))

    assert waiting == (OrderStatus.SUBMITTED, AddressState.HELD)
    assert (executed.status_code, status) == (HTTPStatus.SEE_OTHER, OrderStatus.EXECUTED)
    assert browser.get("/sunrise/login").status_code == HTTPStatus.OK


def test_upgrading_in_the_storefront_asks_for_no_alias(
    world: World, plans: Sequence[Product], sign_in: SignIn, session: BoundSession, run_workers: Callable[[], None]
) -> None:
    """RS-F27 (partly): Free to Standard through the basket keeps the alias; the subscription goes on."""
    with scope(world.scope):
        current = live_plan_of(world.cloudia, plans[0])
    browser = sign_in(world.cloudia.admin, realm=world.root.id)
    buy(browser, plans[1], "")
    run_workers()
    with scope(world.scope):
        subscription = db.session.scalars(select(Subscription)).one()
        aliases = db.session.scalars(select(Address.alias).where(Address.reseller_id == world.cloudia.id)).all()
        edition = db.session.scalar(select(Account.edition).where(Account.id == world.cloudia.id))

    assert (subscription.id, subscription.plan_edition, edition) == (current.id, "standard", "standard")
    assert list(aliases) == ["cloudia"]


def test_customers_from_before_the_upgrade_are_the_storefronts(
    world: World, plans: Sequence[Product], sign_in: SignIn, session: BoundSession, run_workers: Callable[[], None]
) -> None:
    """RS-F2, RS-F3: a Basic reseller orders for itself and for a customer; that customer is there after the upgrade."""
    browser = sign_in(world.basic.admin)
    orders: list[tuple[str, str]] = []
    for recipient in ({"recipient": "own"}, {"recipient": "new", "name": "Corner Bakery",
                                             "email": "hi@bakery.example", "country": "GR"}):  # fmt: skip
        added = browser.post(
            "/basket/items",
            data={"product_id": str(world.seats.id), "price": "P1M.monthly", "quantity": "2", "friendly_name": ""},
        )
        assert added.status_code == HTTPStatus.SEE_OTHER
        assert browser.post("/checkout/recipient", data=recipient).status_code == HTTPStatus.SEE_OTHER
        assert browser.post("/checkout/details", data={}).status_code == HTTPStatus.SEE_OTHER
        key = re.search(r'name="checkout_key"[^>]*value="([^"]+)"', browser.get("/checkout/review").text)
        assert key is not None
        assert browser.post("/checkout/review", data={"checkout_key": key.group(1)}).status_code == HTTPStatus.SEE_OTHER
    buy(browser, plans[0], "basicresale")
    run_workers()
    with scope(world.scope):
        names = {account.id: account.name for account in db.session.scalars(select(Account))}
        orders = [
            (names[order.account_id or order.payer_id], names[order.payer_id])
            for order in db.session.scalars(select(Order).order_by(Order.placed_at, Order.id))
        ]
        number = db.session.scalar(select(Order.number).where(Order.account_id != Order.payer_id))
    customers = sign_in(world.bss_user).get(f"/bss/accounts/{world.basic.id}/customers").get_data(as_text=True)
    page = browser.get(f"/bss/orders/{number}").get_data(as_text=True)

    assert orders == [
        ("Basic Resale", "Basic Resale"),
        ("Corner Bakery", "Basic Resale"),
        ("Basic Resale", "Basic Resale"),
    ]
    assert "Corner Bakery" in customers
    assert "Corner Bakery" in page
    assert "Basic Resale" in page


def test_a_taken_alias_is_refused_at_checkout(
    world: World, plans: Sequence[Product], sign_in: SignIn, session: BoundSession
) -> None:
    """SF-F2, RS-F20: a taken alias at plan purchase is refused and another asked for; unknown aliases answer 404."""
    browser = sign_in(world.basic.admin)
    browser.post("/reseller-plans", data={"plan": value_of(plans[0])})
    refused = browser.post("/checkout/details", data={"alias": "TechSolutions"})
    with scope(world.basic.scope):
        orders = db.session.scalar(select(func.count()).select_from(Order))

    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "This alias is taken; choose another" in refused.text
    assert "Tech Solutions" not in refused.text
    assert orders == 0
    assert browser.get("/nosuchshop/").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sunrise", {"alias": "sunrise", "available": True, "reason": "ok"}),
        ("TechSolutions", {"alias": "techsolutions", "available": False, "reason": "taken"}),
        ("a_b", {"alias": "a_b", "available": False, "reason": "invalid"}),
        ("login", {"alias": "login", "available": False, "reason": "reserved"}),
    ],
)
def test_an_alias_is_checked_while_it_is_typed(
    world: World, plans: Sequence[Product], sign_in: SignIn, text: str, expected: dict[str, object]
) -> None:
    """RS-F17, RS-F18, RS-F19, RS-F20 (partly): {alias, available, reason}, never by whom it is taken."""
    for browser, path in (
        (sign_in(world.basic.admin), "/reseller-plans/alias-check"),
        (sign_in(world.bss_user), f"/bss/accounts/{world.basic.id}/alias-check"),
    ):
        answer = browser.get(f"{path}?alias={text}")
        found = answer.get_json()
        assert {name: found[name] for name in expected} == expected
        assert "Tech Solutions" not in answer.text


def test_the_alias_check_is_limited_per_user(world: World, plans: Sequence[Product], sign_in: SignIn) -> None:
    browser = sign_in(world.basic.admin)
    statuses = [browser.get("/reseller-plans/alias-check?alias=sunrise").status_code for _ in range(31)]

    assert statuses == [HTTPStatus.OK] * 30 + [HTTPStatus.TOO_MANY_REQUESTS]


def test_the_current_plan_cannot_be_chosen_again(
    world: World, plans: Sequence[Product], sign_in: SignIn, session: BoundSession
) -> None:
    with scope(world.scope):
        live_plan_of(world.cloudia, plans[0])
    browser = sign_in(world.cloudia.admin, realm=world.root.id)
    page = browser.get("/reseller-plans").get_data(as_text=True)
    browser.post("/reseller-plans", data={"plan": value_of(plans[0])})
    with scope(world.cloudia.scope):
        items = db.session.scalar(select(func.count()).select_from(BasketItem))

    assert "Your plan" in page
    assert "Upgrade" in page
    assert items == 0
