"""Editing the pricing of a subscription in the back office, and locking prices."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

import pytest
from sqlalchemy import select, update

from app.accounts.models import Account, PartialCharges
from app.billing.models import Charge, ChargeKind, Invoice
from app.catalogue.models import ProductPrice
from app.core.clock import utc_now
from app.core.ids import new_id
from app.orders.execution import process_work
from app.pricing.models import PriceListEntry
from app.subscriptions.models import (
    ChangeStatus,
    Subscription,
    SubscriptionChange,
    SubscriptionCost,
    SubscriptionStatus,
)
from app.subscriptions.price_models import ExternalPrice
from tenants.context import scope
from tests.factories.execution import Wanted, root_order
from tests.web.assets.conftest import staff
from tests.web.storefront.steps import run_orders, submit

__all__ = ("staff",)


@pytest.fixture
def bought(session, world) -> Subscription:
    """Ten seats at 10.00 of the direct customer, paid for a month from yesterday."""
    at = utc_now() - timedelta(days=1)
    placed = root_order(session, world, [Wanted(world.seats, 10, "10.00")])
    with scope(world.scope):
        process_work(placed.work.id, at=at)
        session.commit()
        found = session.scalars(select(Subscription)).one()
        session.expunge(found)
        return found


def papers(session, world) -> list[tuple[str, object]]:
    with scope(world.scope):
        return [(each.kind.value, each.net_total) for each in session.scalars(select(Invoice).order_by(Invoice.id))]


def cost(session, world) -> SubscriptionCost:
    with scope(world.scope):
        return session.scalars(select(SubscriptionCost).execution_options(populate_existing=True)).one()


def test_finance_edits_the_current_cycle(client, session, world, sign_in, staff, bought):
    """CB-F83: on the page, a paid 100.00 edited to 90.00 is a credit of 100.00 and a debit of 90.00."""
    sign_in(staff("billing"))
    page = f"/bss/subscription-prices/{bought.code}"
    shown = client.get(page).text
    assert "Change price" in shown
    assert "Partners" in shown
    data = {"timing": "now", "user_price": "9.00", "request_key": str(new_id())}
    for _ in range(2):
        answer = client.post(page, data=data)
        assert answer.status_code == HTTPStatus.SEE_OTHER, answer.text
    assert sorted(papers(session, world)[1:]) == [("credit_note", 100), ("invoice", 90)]
    assert "User priced" in client.get(page).text


def test_an_edit_for_the_next_cycle_is_shown_and_withdrawn(client, session, world, sign_in, staff, bought):
    """CB-26: the request is stored, shown with its date, and may be withdrawn."""
    sign_in(staff("billing"))
    page = f"/bss/subscription-prices/{bought.code}"
    assert (
        client.post(page, data={"timing": "period_end", "discount_percent": "10"}).status_code == HTTPStatus.SEE_OTHER
    )
    assert "An edited price waits for" in client.get(page).text
    assert cost(session, world).unit_cost == 10
    assert client.post(f"{page}/withdraw").status_code == HTTPStatus.SEE_OTHER
    assert "An edited price waits for" not in client.get(page).text
    with scope(world.scope):
        assert session.scalars(select(SubscriptionChange)).one().status is ChangeStatus.WITHDRAWN


def test_a_locked_cycle_says_how_to_unlock_it(client, session, world, sign_in, staff, bought):
    """CB-F82: locked while pending invoices exist; the message tells to generate them."""
    with scope(world.scope):
        session.execute(
            update(Account).where(Account.id == world.direct.id).values(partial_charges=PartialCharges.BILLING_DAY)
        )
        session.commit()
    sign_in(staff("billing"))
    page = f"/bss/subscription-prices/{bought.code}"
    assert client.post(page, data={"timing": "now", "user_price": "9.00"}).status_code == HTTPStatus.SEE_OTHER
    answer = client.post(page, data={"timing": "now", "user_price": "8.50"})
    assert answer.status_code == HTTPStatus.CONFLICT
    assert "pending invoices are generated" in answer.text
    assert 'value="8.50"' in answer.text
    assert cost(session, world).unit_cost == 9


@pytest.mark.parametrize(
    "data",
    [
        {}, {"timing": "now", "user_price": "-1"}, {"timing": "now", "user_price": "x"}, {"timing": "later"},
        {"timing": "now", "discount_percent": "101"}, {"timing": "now", "price_list": "x"},
        {"timing": "now", "price_list": str(new_id())}, {"timing": "now", "cycle": "weekly"},
        {"timing": "now", "cycle": "annual"}, {"timing": "now", "user_price": "7.99"},
        {"timing": "on_date", "user_price": "9"},
    ],
)  # fmt: skip
def test_bad_input_comes_back_and_changes_nothing(client, session, world, sign_in, staff, bought, data):
    sign_in(staff("billing"))
    answer = client.post(f"/bss/subscription-prices/{bought.code}", data=data)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY, answer.text
    assert (cost(session, world).unit_cost, len(papers(session, world))) == (10, 1)


def test_an_administrator_goes_below_cost_and_is_told(client, session, world, sign_in, bought):
    """CB-04: a price below cost needs an administrator, and is flagged."""
    sign_in(world.bss_user)
    page = f"/bss/subscription-prices/{bought.code}"
    assert client.post(page, data={"timing": "now", "user_price": "7.00"}).status_code == HTTPStatus.SEE_OTHER
    assert "below what the vendor charges" in client.get(page).text


@pytest.mark.parametrize("role", ["sales", "operations", "read_only", "product_manager"])
def test_others_look_and_edit_nothing(client, session, world, sign_in, staff, bought, role):
    """CB-44: edit pricing is finance's, administrators', and of sales only with the right."""
    sign_in(staff(role))
    page = f"/bss/subscription-prices/{bought.code}"
    assert "Change price" not in client.get(page).text
    assert client.post(page, data={"timing": "now", "user_price": "9.00"}).status_code == HTTPStatus.FORBIDDEN
    for path in ("withdraw", "vendor"):
        assert client.post(f"{page}/{path}").status_code == HTTPStatus.FORBIDDEN
    assert (cost(session, world).unit_cost, len(papers(session, world))) == (10, 1)


def test_prices_are_locked_one_by_one_or_many_at_once(client, session, world, sign_in, staff, bought):
    """CB-06: single and bulk "activate protection"; CB-F21: none with a price by hand."""
    with scope(world.scope):
        session.execute(update(ProductPrice).values(protection_months=12))
        session.commit()
    sign_in(staff("sales"))
    assert bought.code in client.get("/bss/subscription-prices").text
    assert client.post("/bss/subscription-prices/protect").status_code == HTTPStatus.SEE_OTHER
    assert cost(session, world).protected_until is None
    refused = client.post("/bss/subscription-prices/protect", data={"selected": [str(bought.id)] * 2})
    assert refused.status_code == HTTPStatus.SEE_OTHER
    assert cost(session, world).protected_until is not None
    assert bought.code not in client.get("/bss/subscription-prices").text
    page = f"/bss/subscription-prices/{bought.code}"
    assert "Protected until" in client.get(page).text
    again = client.post("/bss/subscription-prices/protect", data={"selected": str(bought.id)})
    assert again.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "protected already" in again.text
    sign_in(staff("billing"))
    client.post(page, data={"timing": "now", "user_price": "9.00"})
    assert cost(session, world).protected_until is None
    client.post(f"{page}/protect")
    assert cost(session, world).protected_until is None


def test_the_vendor_is_asked_for_its_price_or_no_longer(client, session, world, sign_in, staff, bought):
    sign_in(staff("billing"))
    page = f"/bss/subscription-prices/{bought.code}"
    client.post(f"{page}/vendor", data={"follow": "1"})
    assert "Not asked yet" in client.get(page).text
    client.post(f"{page}/vendor", data={"follow": "0"})
    with scope(world.scope):
        assert session.scalars(select(ExternalPrice)).all() == []


def test_an_unknown_subscription_has_no_pricing(client, world, sign_in):
    sign_in(world.bss_user)
    for method in (client.get, client.post):
        assert method("/bss/subscription-prices/SUB-999999").status_code == HTTPStatus.NOT_FOUND


def test_added_licences_are_offered_at_the_price_they_are_billed_at(client, session, world, sign_in, bought):
    """CB-F20: after a price rise the basket of who pays shows the subscription's locked price, and so does the invoice."""
    with scope(world.scope):
        session.execute(update(SubscriptionCost).values(protected_until=utc_now().date() + timedelta(days=300)))
        session.execute(update(Subscription).values(status=SubscriptionStatus.ACTIVE))
        session.execute(
            update(PriceListEntry).where(PriceListEntry.product_id == world.seats.id).values(price=12, value=12)
        )
        session.commit()
    sign_in(world.direct_buyer)
    client.post(f"/basket/licences/{bought.code}", data={"quantity": "2"})
    basket = client.get("/basket").text
    assert "€10.00" in basket
    assert "12.00" not in basket
    client.post("/checkout/details", data={})
    submit(client)
    run_orders(world)
    with scope(world.scope):
        (charge,) = session.scalars(select(Charge).where(Charge.kind == ChargeKind.QUANTITY)).all()
        assert charge.unit_cost == 10
