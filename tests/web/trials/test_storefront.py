"""Trials in storefronts: started, seen and upgraded by those who may, refused to everybody else."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from sqlalchemy import func, select, update

from app.catalogue.models import Product
from app.core.clock import utc_now
from app.identity.models import UserKind, UserType
from app.orders.models import BasketItem, Order
from app.resellers.models import Listing
from app.subscriptions.models import Subscription, SubscriptionStatus
from app.subscriptions.price_models import Trial
from tenants.context import scope
from tests.factories.world import make_user
from tests.web.storefront.steps import ALIAS, key_of, run_orders, submit


def trials(session, world) -> list[Trial]:
    with scope(world.scope):
        return list(session.scalars(select(Trial)))


@pytest.mark.parametrize("prefix", [ALIAS, ""])
def test_a_buyer_starts_a_trial_from_the_products_page(client, world, sign_in, session, open_all, prefix):
    """CB-12: "Try it free" on the product's page, in a reseller's storefront as at the root."""
    sign_in(world.tech.buyers[0] if prefix else world.direct_buyer)
    page = f"{prefix}/product/{world.seats.slug}"
    assert "Try it free for 30 days" in client.get(page).text
    assert "Try it free" not in client.get(f"{prefix}/product/{world.suite.slug}").text
    form = f"{prefix}/billing/trials/new/{world.seats.slug}"
    assert "Start trial" in client.get(form).text
    answer = client.post(form, data={"quantity": "5", "friendly_name": "Sales team"})
    assert (answer.status_code, answer.location) == (HTTPStatus.SEE_OTHER, f"{prefix}/billing/trials")
    listed = client.get(f"{prefix}/billing/trials").text
    assert "Sales team" in listed
    assert "Starting" in listed
    (trial,) = open_all()
    listed = client.get(f"{prefix}/billing/trials").text
    assert trial.code in listed
    assert "Running" in listed
    assert (trial.quantity, trial.status) == (5, SubscriptionStatus.ACTIVE)
    assert "Free until" in client.get(f"{prefix}/billing/subscriptions/{trial.code}").text


def test_a_second_trial_is_refused_on_its_page(client, world, sign_in, session, open_all):
    """CB-F30: the page says that it was used, and a POST makes nothing."""
    sign_in(world.direct_buyer)
    form = f"/billing/trials/new/{world.seats.slug}"
    client.post(form, data={"quantity": "1"})
    open_all()
    assert "already used" in client.get(form).text
    answer = client.post(form, data={"quantity": "1"})
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert "already used" in client.get(answer.location).text
    assert len(trials(session, world)) == 1


@pytest.mark.parametrize("data", [{}, {"quantity": "0"}, {"quantity": "26"}, {"quantity": "x"}, {"quantity": "-1"},
                                  {"quantity": "1", "friendly_name": "x" * 101}, {"quantity": "1", "friendly_name": "<b>"}])  # fmt: skip
def test_bad_input_comes_back_and_starts_nothing(client, world, sign_in, session, data):
    sign_in(world.direct_buyer)
    answer = client.post(f"/billing/trials/new/{world.seats.slug}", data=data)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert trials(session, world) == []


def test_what_is_not_offered_has_no_trial(client, world, sign_in, session):
    sign_in(world.direct_buyer)
    for slug in (world.suite.slug, "no-such-product"):
        assert client.get(f"/billing/trials/new/{slug}").status_code == HTTPStatus.NOT_FOUND
        assert client.post(f"/billing/trials/new/{slug}", data={"quantity": "1"}).status_code == HTTPStatus.NOT_FOUND
    assert trials(session, world) == []


def test_who_may_not_order_may_not_try(client, world, sign_in, session):
    with scope(world.scope):
        reader = make_user(
            session, world.direct, kind=UserKind.DIRECT, realms=(world.root.id,), first_name="Rita",
            type=UserType.USER, roles=("billing_agent",),
        )  # fmt: skip
    sign_in(reader)
    answer = client.post(f"/billing/trials/new/{world.seats.slug}", data={"quantity": "1"})
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert trials(session, world) == []


def test_staff_of_a_reseller_tries_nothing_in_its_own_storefront(client, world, sign_in, session):
    """Decisions section 8: reseller staff on alias pages has a preview, no checkout; nor trials."""
    sign_in(world.tech.admin)
    answer = client.post(f"{ALIAS}/billing/trials/new/{world.seats.slug}", data={"quantity": "1"})
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert trials(session, world) == []


def test_upgrade_to_paid_goes_through_basket_and_checkout_to_the_same_subscription(
    client, world, sign_in, session, open_all
):
    """CB-F31: during a trial the product cannot be bought separately; "upgrade to paid" works."""
    sign_in(world.direct_buyer)
    client.post(f"/billing/trials/new/{world.seats.slug}", data={"quantity": "2"})
    (trial,) = open_all()
    client.post("/basket/items", data={"product_id": str(world.seats.id), "price": "P1M.monthly", "quantity": "3"})
    client.post("/checkout/details", data={})
    key = key_of(client.get("/checkout/review").text)
    refused = client.post("/checkout/review", data={"checkout_key": key})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "upgrade it to paid instead" in refused.text
    with scope(world.scope):
        assert session.scalar(select(func.count()).select_from(Order)) == 0
        item_id = session.scalars(select(BasketItem.id)).one()
    client.post(f"/basket/items/{item_id}/remove")
    detail = client.get(f"/billing/trials/{trial.code}").text
    assert "Upgrade to paid" in detail
    answer = client.post(
        f"/billing/trials/{trial.code}/upgrade",
        data={"offer": "P1M.monthly", "quantity": "4", "friendly_name": "Sales team"},
    )
    assert answer.location == "/basket"
    assert client.post("/checkout/details", data={}).status_code == HTTPStatus.SEE_OTHER
    submit(client)
    run_orders(world)
    with scope(world.scope):
        paid = session.scalars(select(Subscription)).one()
        assert (paid.id, paid.quantity, paid.trial_ends_on) == (trial.id, 4, None)
        assert (paid.friendly_name, paid.unit_price) == ("Sales team", 10)
    assert "Upgraded" in client.get("/billing/trials").text


@pytest.mark.parametrize("data", [{}, {"offer": "P3Y.monthly", "quantity": "1"}, {"offer": "x", "quantity": "1"},
                                  {"offer": "P1M.monthly", "quantity": "0"}, {"offer": "P1M.monthly", "quantity": "x"}])  # fmt: skip
def test_a_bad_upgrade_puts_nothing_into_the_basket(client, world, sign_in, session, open_all, data):
    sign_in(world.direct_buyer)
    client.post(f"/billing/trials/new/{world.seats.slug}", data={"quantity": "2"})
    (trial,) = open_all()
    answer = client.post(f"/billing/trials/{trial.code}/upgrade", data=data)
    assert answer.status_code in (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.NOT_FOUND)
    with scope(world.scope):
        assert session.scalar(select(func.count()).select_from(BasketItem)) == 0


def test_another_companys_trial_does_not_exist(client, world, sign_in, session, open_all):
    sign_in(world.direct_buyer)
    client.post(f"/billing/trials/new/{world.seats.slug}", data={"quantity": "2"})
    (trial,) = open_all()
    sign_in(world.tech.buyers[0])
    assert client.get(f"{ALIAS}/billing/trials/{trial.code}").status_code == HTTPStatus.NOT_FOUND
    answer = client.post(f"{ALIAS}/billing/trials/{trial.code}/upgrade", data={"offer": "P1M.monthly", "quantity": "1"})
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert trial.code not in client.get(f"{ALIAS}/billing/trials").text


def test_a_trial_that_is_over_cannot_be_upgraded_later(client, world, sign_in, session, open_all):
    sign_in(world.direct_buyer)
    client.post(f"/billing/trials/new/{world.seats.slug}", data={"quantity": "2"})
    (trial,) = open_all()
    with scope(world.scope):
        session.execute(
            update(Subscription).values(
                status=SubscriptionStatus.EXPIRED, trial_ends_on=utc_now().date().replace(year=2020)
            )
        )
        session.commit()
    assert "Upgrade to paid" not in client.get(f"/billing/trials/{trial.code}").text
    answer = client.post(f"/billing/trials/{trial.code}/upgrade", data={"offer": "P1M.monthly", "quantity": "1"})
    assert answer.status_code == HTTPStatus.CONFLICT
    with scope(world.scope):
        assert session.scalar(select(func.count()).select_from(BasketItem)) == 0
        assert session.get_one(Product, (world.id, world.seats.id)).trial_days == 30


def test_a_reseller_that_offers_no_trial_gives_none(session, world, sign_in):
    """RS-19: the switch of a listing takes the trial from its storefront, and from nobody else's."""
    with scope(world.tech.scope):
        session.execute(update(Listing).where(Listing.product_id == world.seats.id).values(trial_enabled=False))
        session.commit()
    customer = sign_in(world.tech.buyers[0])
    assert "Try it free" not in customer.get(f"{ALIAS}/product/{world.seats.slug}").text
    started = customer.post(f"{ALIAS}/billing/trials/new/{world.seats.slug}", data={"quantity": "1"})
    assert started.status_code == HTTPStatus.NOT_FOUND
    with scope(world.scope):
        assert session.scalars(select(Trial)).all() == []
    assert "Try it free" in sign_in(world.direct_buyer).get(f"/product/{world.seats.slug}").text
