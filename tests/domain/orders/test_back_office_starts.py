from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from app.audit.services import Actor
from app.billing.models import Invoice
from app.catalogue.models import BillingCycle, Term
from app.core.db import unit_of_work
from app.core.errors import Forbidden, Invalid
from app.orders.agreed import AgreedPrice, PricingRights
from app.orders.back_office import NewOrder, create_order
from app.orders.back_office_execution import Start, execute
from app.orders.back_office_items import WantedItem, add_item
from app.orders.execution import process_work
from app.orders.models import Order, OrderItem, OrderStatus, OrderWork, WorkState
from app.subscriptions.models import Subscription
from tenants.context import scope
from tests.factories.execution import all_of
from tests.factories.world import MONDAY, MONDAY_NOON, World

FIRST = date(2026, 3, 1)


@pytest.fixture
def staff(world: World) -> Actor:
    return Actor(world.bss_user.id, "Mia")


@pytest.fixture
def number(session, world: World, staff: Actor) -> str:
    """An order of two seats for the direct customer."""
    with scope(world.scope), unit_of_work():
        order = create_order(NewOrder(world.direct.id), actor=staff, at=MONDAY_NOON)
        wanted = WantedItem(world.seats.id, Term.P1M, BillingCycle.MONTHLY, 2)
        add_item(order.number, wanted, actor=staff, at=MONDAY_NOON)
        return order.number


def order_of(session, world: World, number: str) -> Order:
    return next(each for each in all_of(session, Order) if each.number == number)


def test_a_start_in_the_past_is_the_first_day_of_everything(session, world: World, staff, number):
    """CB-20: down to the start of the open billing month, for billing and administrators."""
    with scope(world.scope):
        with unit_of_work():
            execute(number, start=Start(FIRST, may_backdate=True), actor=staff, at=MONDAY_NOON)
        (work,) = [each for each in all_of(session, OrderWork) if each.state is WorkState.PENDING]
        with unit_of_work():
            process_work(work.id, at=MONDAY_NOON)
        (subscription,) = all_of(session, Subscription)
        (invoice,) = all_of(session, Invoice)
        assert (subscription.starts_on, invoice.issued_on) == (FIRST, FIRST)


@pytest.mark.parametrize("day", [FIRST - timedelta(days=1), MONDAY + timedelta(days=91)])
def test_a_start_outside_of_month_and_ninety_days_is_refused(session, world: World, staff, number, day):
    with scope(world.scope):
        with pytest.raises(Invalid) as refusal, unit_of_work():
            execute(number, start=Start(day, may_backdate=True), actor=staff, at=MONDAY_NOON)
        assert refusal.value.codes == ("range",)
        assert order_of(session, world, number).status is OrderStatus.SUBMITTED


def test_a_start_in_the_past_takes_the_right(session, world: World, staff, number):
    with scope(world.scope):
        with pytest.raises(Forbidden), unit_of_work():
            execute(number, start=Start(FIRST), actor=staff, at=MONDAY_NOON)
        assert order_of(session, world, number).status is OrderStatus.SUBMITTED


@pytest.mark.parametrize(
    ("agreed", "rights", "error"),
    [
        (AgreedPrice(Decimal(9)), PricingRights(may_agree=False, may_go_below_cost=False), Forbidden),
        (AgreedPrice(discount_percent=Decimal(1)), PricingRights(may_agree=False, may_go_below_cost=False), Forbidden),
        (AgreedPrice(Decimal("7.99")), PricingRights(may_agree=True, may_go_below_cost=False), Invalid),
        (AgreedPrice(discount_percent=Decimal(21)), PricingRights(may_agree=True, may_go_below_cost=False), Invalid),
        (AgreedPrice(Decimal(-1)), PricingRights(may_agree=True, may_go_below_cost=True), Invalid),
    ],
)
def test_prices_that_take_a_right_one_has_not(session, world: World, staff, agreed, rights, error):
    """CB-F12: below cost (8.00) takes an administrator; another price at all takes the right. Nothing is added."""
    with scope(world.scope):
        with unit_of_work():
            order = create_order(NewOrder(world.direct.id), actor=staff, at=MONDAY_NOON)
        wanted = WantedItem(world.seats.id, Term.P1M, BillingCycle.MONTHLY, agreed=agreed)
        with pytest.raises(error), unit_of_work():
            add_item(order.number, wanted, rights=rights, actor=staff, at=MONDAY_NOON)
        assert all_of(session, OrderItem) == []
