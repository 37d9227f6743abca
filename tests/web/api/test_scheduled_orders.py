"""Orders of programs that wait for a day (SF-32, CB-20), and what is done with orders that stand (SF-35, GO-18)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.clock import utc_now
from app.orders.models import Order, OrderChannel, OrderStatus
from tenants.context import scope
from tenants.days import distributors_day
from tenants.settings import DistributorSettings, save_distributor_settings
from tests.web.api.conftest import refused


@pytest.fixture
def day(session, world):
    """Aliases may schedule; the day is in a week."""
    with scope(world.scope):
        save_distributor_settings(DistributorSettings(scheduled_orders_on_aliases=True))
        session.commit()
        return distributors_day(utc_now()) + timedelta(days=7)


def draft(world, shop) -> str:
    item = {"product_id": str(world.seats.id), "term": "P1M", "cycle": "monthly", "quantity": 2}
    made = shop.post("/orders", {"customer_id": str(world.tech.customers[0].id), "items": [item]})
    assert made.status_code == 201, made.text
    return made.json["number"]


def stored(session, world, number) -> Order:
    with scope(world.scope):
        session.expire_all()
        return session.scalars(select(Order).where(Order.number == number)).one()


def test_a_draft_is_submitted_for_a_day(session, world, shop, day):
    number = draft(world, shop)
    sent = shop.post(f"/orders/{number}/submit", {"net_total": "20.00", "execute_on": day.isoformat()})
    assert (sent.status_code, sent.json["status"], sent.json["execute_on"]) == (200, "scheduled", day.isoformat()), (
        sent.text
    )
    order = stored(session, world, number)
    assert (order.status, order.run_at is not None) == (OrderStatus.SCHEDULED, True)

    later = (day + timedelta(days=1)).isoformat()
    assert shop.patch(f"/orders/{number}", {"execute_on": later}).json["execute_on"] == later
    refused(shop.patch(f"/orders/{number}", {"execute_on": "1999-01-01"}), 422, "execute_on", "range")
    refused(shop.patch(f"/orders/{number}", {"execute_on": None}), 422, "execute_on")
    assert (stored(session, world, number).status, stored(session, world, number).execute_on) == (
        OrderStatus.SCHEDULED, day + timedelta(days=1),
    )  # fmt: skip
    gone = shop.post(f"/orders/{number}/cancel", {"reason": "Closed"})
    assert (gone.status_code, gone.json["status"]) == (200, "canceled")
    refused(shop.post(f"/orders/{number}/cancel", {}), 409)
    refused(shop.patch(f"/orders/{number}", {"execute_on": later}), 409)
    assert stored(session, world, number).status is OrderStatus.CANCELED


@pytest.mark.parametrize("days", [-1, 0, 91, 4000])
def test_a_day_that_cannot_be_waited_for_is_422_and_the_draft_stays(session, world, shop, day, days):
    number = draft(world, shop)
    wrong = (day - timedelta(days=7) + timedelta(days=days)).isoformat()
    refused(shop.post(f"/orders/{number}/submit", {"net_total": "20.00", "execute_on": wrong}), 422, "execute_on")
    assert stored(session, world, number).status is OrderStatus.DRAFT


def test_where_aliases_do_not_schedule_a_program_does_not_either(session, world, shop):
    number = draft(world, shop)
    soon = (distributors_day_of(world) + timedelta(days=7)).isoformat()
    refused(
        shop.post(f"/orders/{number}/submit", {"net_total": "20.00", "execute_on": soon}),
        422,
        "execute_on",
        "not_offered",
    )
    assert stored(session, world, number).status is OrderStatus.DRAFT


def distributors_day_of(world):
    with scope(world.scope):
        return distributors_day(utc_now())


def test_the_back_office_executes_on_a_day_and_cancels(session, world, office):
    item = {"product_id": str(world.seats.id), "term": "P1M", "cycle": "monthly"}
    number = office.post("/orders", {"account_id": str(world.direct.id), "items": [item]}).json["number"]
    office.post(f"/orders/{number}/submit")
    soon = distributors_day_of(world) + timedelta(days=7)
    past = (soon - timedelta(days=4000)).isoformat()
    refused(office.post(f"/orders/{number}/execute", {"starts_on": past}), 422, "starts_on")
    assert stored(session, world, number).status is OrderStatus.SUBMITTED
    waits = office.post(f"/orders/{number}/execute", {"starts_on": soon.isoformat()})
    assert (waits.status_code, waits.json["status"]) == (200, "scheduled"), waits.text
    refused(office.post(f"/orders/{number}/cancel", {}), 422, "reason")
    assert stored(session, world, number).status is OrderStatus.SCHEDULED
    gone = office.post(f"/orders/{number}/cancel", {"reason": "Wrong account"})
    assert (gone.status_code, gone.json["status"]) == (200, "canceled")


@pytest.fixture
def pending(session, world, shop) -> str:
    """An order of the reseller's customer that waits for its approval."""
    number = draft(world, shop)
    with scope(world.scope):
        order = session.scalars(select(Order).where(Order.number == number)).one()
        order.status, order.channel = OrderStatus.PENDING_RESELLER_APPROVAL, OrderChannel.ALIAS
        order.api_client_id, order.placed_by_id = None, world.tech.buyers[0].id
        session.commit()
    return number


def test_the_owners_program_approves_and_declines(session, world, shop, pending):
    refused(shop.post(f"/orders/{pending}/decline", {"reason": "x"}), 422, "reason")
    assert stored(session, world, pending).status is OrderStatus.PENDING_RESELLER_APPROVAL
    declined = shop.post(f"/orders/{pending}/decline", {"reason": "Not this month"})
    assert (declined.status_code, declined.json["status"]) == (200, "canceled"), declined.text
    refused(shop.post(f"/orders/{pending}/approve", {}), 409)
    assert stored(session, world, pending).status is OrderStatus.CANCELED


def test_an_order_is_approved_by_program(session, world, shop, pending):
    approved = shop.post(f"/orders/{pending}/approve", {}, key="yes")
    assert (approved.status_code, approved.json["status"]) == (200, "executing"), approved.text
    assert shop.post(f"/orders/{pending}/approve", {}, key="yes").json == approved.json
