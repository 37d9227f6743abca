"""Orders of a reseller's customers: the approval queue, one order with both sides, the reseller's word."""

from __future__ import annotations

from decimal import Decimal
from http import HTTPStatus

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Connection, select

from app.accounts.models import Account
from app.core.db import BoundSession
from app.orders.models import Order, OrderStatus, OrderWork
from app.pricing.models import PriceListEntry
from tenants.context import distributor_scope, scope
from tests.counting import statements_of
from tests.factories.execution import Placed, Wanted, alias_order
from tests.factories.world import World
from tests.web.conftest import SignIn
from tests.web.manage.conftest import MANAGE


def place(session: BoundSession, world: World) -> Placed:
    """An order of the first customer over 125.00 that waits for Tech Solutions; its cost is 10.00 a seat."""
    return alias_order(session, world, [Wanted(world.seats, 10, "12.50")])


def now(session: BoundSession, world: World, placed: Placed) -> Order:
    with scope(distributor_scope(world.id)):
        return session.scalars(
            select(Order).where(Order.id == placed.id).execution_options(populate_existing=True)
        ).one()


def test_the_queue_shows_both_sides_of_an_order(admin: FlaskClient, world: World, session: BoundSession) -> None:
    """RS-25: the queue names customer, items, sell total, cost total, margin and age."""
    placed = place(session, world)

    page = admin.get(f"{MANAGE}/orders/pending").text

    for words in (placed.number, "Tech Customer 1", "10 x Contoso Mail", "€125.00", "€100.00", "€25.00", "20.0 %"):
        assert words in page
    assert '<span class="count">1</span>' in page  # the badge beside the entry of the navigation


def test_the_queue_costs_a_bounded_number_of_statements(
    admin: FlaskClient, world: World, session: BoundSession, connection: Connection
) -> None:
    """RS-25, decisions section 6: a queue of ten orders asks the database no more often than one of two."""
    for _ in range(2):
        place(session, world)
    with statements_of(connection) as few:
        assert admin.get(f"{MANAGE}/orders/pending").status_code == HTTPStatus.OK
    for _ in range(8):
        place(session, world)
    with statements_of(connection) as many:
        assert admin.get(f"{MANAGE}/orders/pending").status_code == HTTPStatus.OK

    assert len(many) <= len(few)


def test_approving_executes_and_rejecting_cancels(admin: FlaskClient, world: World, session: BoundSession) -> None:
    """SF-F61: approving executes, rejecting gives Canceled; a reason of 3 to 500 characters is needed."""
    first, second = place(session, world), place(session, world)

    assert admin.post(f"{MANAGE}/orders/{first.number}/approve").status_code == HTTPStatus.SEE_OTHER
    assert now(session, world, first).status is OrderStatus.EXECUTING

    short = admin.post(f"{MANAGE}/orders/{second.number}/reject", data={"reason": "no"})
    assert short.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Give a reason" in short.text
    assert now(session, world, second).status is OrderStatus.PENDING_RESELLER_APPROVAL
    admin.post(f"{MANAGE}/orders/{second.number}/reject", data={"reason": "Order the yearly plan"})
    assert now(session, world, second).status is OrderStatus.CANCELED
    assert "Order the yearly plan" in admin.get(f"{MANAGE}/orders/{second.number}").text


def test_a_second_decision_is_told_and_changes_nothing(admin: FlaskClient, world: World, session: BoundSession) -> None:
    """RS-25: the first decision wins; the second gets 409 `already_decided`."""
    placed = place(session, world)
    admin.post(f"{MANAGE}/orders/{placed.number}/approve")

    late = admin.post(
        f"{MANAGE}/orders/{placed.number}/reject", data={"reason": "Too late"}, headers={"Accept": "application/json"}
    )

    assert late.status_code == HTTPStatus.CONFLICT
    assert (late.json or {})["errors"][0]["code"] == "already_decided"
    assert now(session, world, placed).status is OrderStatus.EXECUTING


def test_over_the_credit_limit_an_order_stays_pending(
    admin: FlaskClient, sign_in: SignIn, world: World, session: BoundSession
) -> None:
    """RS-F77: over the credit limit approving is refused, the order stays pending, the customer sees no reason."""
    placed = place(session, world)
    with scope(distributor_scope(world.id)):
        session.get_one(Account, (world.id, world.tech.id)).credit_limit = Decimal("20.00")
        session.commit()

    refused = admin.post(
        f"{MANAGE}/orders/{placed.number}/approve",
        headers={"Referer": f"http://{world.host}{MANAGE}/orders/{placed.number}"},
    )
    told = admin.get(f"{MANAGE}/orders/{placed.number}").text

    assert refused.status_code == HTTPStatus.SEE_OTHER
    assert "The available credit does not cover" in told
    assert now(session, world, placed).status is OrderStatus.PENDING_RESELLER_APPROVAL
    customer = sign_in(world.tech.buyers[0])
    seen = customer.get(f"/techsolutions/orders/{placed.number}").text
    assert "Pending Reseller Approval" in seen
    assert "credit" not in seen.lower()


def test_selling_below_cost_needs_an_explicit_yes(admin: FlaskClient, world: World, session: BoundSession) -> None:
    """RS-25: where cost has risen above the submitted sell price, approving demands an explicit confirmation."""
    placed = place(session, world)
    with scope(distributor_scope(world.id)):
        entry = session.scalars(select(PriceListEntry).where(PriceListEntry.product_id == world.seats.id)).one()
        entry.price = entry.value = Decimal("13.00")
        session.commit()

    page = admin.get(f"{MANAGE}/orders/{placed.number}").text
    assert "This order sells below cost" in page
    admin.post(f"{MANAGE}/orders/{placed.number}/approve")
    assert now(session, world, placed).status is OrderStatus.PENDING_RESELLER_APPROVAL

    admin.post(f"{MANAGE}/orders/{placed.number}/approve", data={"confirm_below_cost": "1"})
    assert now(session, world, placed).status is OrderStatus.EXECUTING


def test_several_orders_are_approved_at_once(admin: FlaskClient, world: World, session: BoundSession) -> None:
    """RS-25: up to 50 orders are approved at once; one that cannot be does not hold up the others."""
    placed = [place(session, world) for _ in range(3)]
    admin.post(f"{MANAGE}/orders/{placed[0].number}/reject", data={"reason": "Not now"})

    answer = admin.post(
        f"{MANAGE}/orders/pending", data={"selected": [each.number for each in placed]}, follow_redirects=True
    )

    assert "2 orders approved" in answer.text
    assert f"{placed[0].number} was already decided" in answer.text
    assert [now(session, world, each).status for each in placed[1:]] == [OrderStatus.EXECUTING] * 2
    too_many = admin.post(
        f"{MANAGE}/orders/pending", data={"selected": [f"SO-2026-{n:06d}" for n in range(51)]}, follow_redirects=True
    )
    assert "at most 50 orders" in too_many.text


@pytest.mark.parametrize("path", ["", "/approve", "/reject"])
def test_another_resellers_order_does_not_exist(
    sign_in: SignIn, world: World, session: BoundSession, path: str
) -> None:
    """RS-25, RS-32: an order of another reseller's customer answers 404 and stays as it is."""
    placed = place(session, world)
    stranger = sign_in(world.cloudia.admin)
    address = f"/cloudia/manage/orders/{placed.number}{path}"

    answer = stranger.post(address, data={"reason": "Mine now"}) if path else stranger.get(address)

    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert now(session, world, placed).status is OrderStatus.PENDING_RESELLER_APPROVAL


def test_the_list_is_searched_filtered_and_exported(admin: FlaskClient, world: World, session: BoundSession) -> None:
    """RS-24: all orders with sell and cost totals; the export holds what the filter finds."""
    first, second = place(session, world), place(session, world)
    admin.post(f"{MANAGE}/orders/{second.number}/reject", data={"reason": "Not now"})

    admin.get(f"{MANAGE}/orders")  # takes the notice about the rejection with it
    pending = admin.get(f"{MANAGE}/orders?status=pending_reseller_approval").text
    assert first.number in pending
    assert second.number not in pending
    csv = admin.get(f"{MANAGE}/orders?export=csv&q={first.number}").text
    assert first.number in csv
    assert second.number not in csv
    assert "125.00" in csv


def test_a_customer_cannot_approve_its_own_order(sign_in: SignIn, world: World, session: BoundSession) -> None:
    """RS-F70 (partly): the approval queue is the reseller's alone."""
    placed = place(session, world)
    customer = sign_in(world.tech.buyers[0])

    assert customer.get(f"{MANAGE}/orders/pending").status_code == HTTPStatus.FORBIDDEN
    assert customer.post(f"{MANAGE}/orders/{placed.number}/approve").status_code == HTTPStatus.FORBIDDEN
    assert now(session, world, placed).status is OrderStatus.PENDING_RESELLER_APPROVAL
    with scope(distributor_scope(world.id)):
        works = session.scalars(select(OrderWork).where(OrderWork.order_id == placed.id)).all()
    assert [work.id for work in works] == [placed.work.id]


def test_a_confirmations_link_leads_through_the_login_to_the_order(
    visitor: FlaskClient, sign_in: SignIn, world: World, session: BoundSession
) -> None:
    """RS-F79, SF-F60: opened signed out the order's link asks for login and then shows that order."""
    placed = place(session, world)
    address = f"/techsolutions/orders/{placed.number}"

    asked = visitor.get(address)
    assert asked.status_code == HTTPStatus.SEE_OTHER
    assert "/techsolutions/login?next=" in asked.headers["Location"]
    assert placed.number in asked.headers["Location"]
    shown = sign_in(world.tech.buyers[0]).get(address)
    assert shown.status_code == HTTPStatus.OK
    assert placed.number in shown.text
