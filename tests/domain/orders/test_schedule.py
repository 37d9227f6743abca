from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from app.audit.services import Actor
from app.billing.models import Invoice
from app.catalogue.models import Product
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.notifications.models import OutboundMail
from app.orders.back_office_queries import BackOfficeFilter, find_orders
from app.orders.errors import WrongOrderState
from app.orders.execution import process_work
from app.orders.models import DeliveryStatus, Order, OrderItem, OrderStatus, OrderWork, WorkState
from app.orders.schedule import TRIES, cancel_scheduled, count_flagged, reschedule, run_time
from app.orders.scheduled_runs import nudge_due, run_scheduled
from app.pricing.models import PriceListEntry
from app.resellers.aliases import hold_alias
from app.subscriptions.models import Subscription
from tenants.context import scope
from tenants.models import Address
from tests.factories.execution import Placed, Wanted, alias_order, all_of, root_order
from tests.factories.world import MONDAY, MONDAY_NOON, World

FRIDAY = date(2026, 3, 6)
ONE_DAY = timedelta(days=1)


def order_of(session, placed: Placed) -> Order:
    return session.get_one(Order, (placed.order.distributor_id, placed.id), populate_existing=True)


def for_a_day(session, world: World, placed: Placed, day: date = FRIDAY) -> Placed:
    """Let an order wait for a day, as checkout does."""
    with scope(world.scope):
        order = order_of(session, placed)
        order.status, order.execute_on, order.run_at = OrderStatus.SCHEDULED, day, run_time(day)
        session.get_one(OrderWork, (world.id, placed.work.id)).state = WorkState.DONE
        session.commit()
    return placed


@pytest.fixture
def placed(session, world) -> Placed:
    """Five seats at 10.00, for Friday."""
    return for_a_day(
        session, world, root_order(session, world, [Wanted(world.seats, 5, "10.00")], status=OrderStatus.DRAFT)
    )


@pytest.fixture
def buyer(world) -> Actor:
    return Actor(world.direct_buyer.id, "Ada")


def run(session, world: World, placed: Placed, at: datetime) -> None:
    """Do what the workers would at an instant: the run, then the work it asked for."""
    with scope(world.scope):
        with unit_of_work():
            run_scheduled(placed.id, at=at)
        for work in all_of(session, OrderWork):
            if work.state is WorkState.PENDING:
                with unit_of_work():
                    process_work(work.id, at=at)


def set_price(session, world: World, product: Product, price: str) -> None:
    with scope(world.scope):
        entry = next(each for each in all_of(session, PriceListEntry) if each.product_id == product.id)
        entry.price = entry.value = Decimal(price)
        session.commit()


def mails(session, template: str) -> list[str]:
    return [mail.to_email for mail in all_of(session, OutboundMail) if mail.template == template]


def test_a_scheduled_order_runs_on_its_day_at_the_prices_of_that_day(session, world: World, placed):
    """CB-F64: it runs on its date with prices of that day."""
    set_price(session, world, world.seats, "11.00")
    with scope(world.scope):
        due = order_of(session, placed).run_at
        assert due == datetime(2026, 3, 6, 0, 0, tzinfo=UTC)  # 02:00 in Athens
    run(session, world, placed, due - timedelta(seconds=1))
    with scope(world.scope):
        assert order_of(session, placed).status is OrderStatus.SCHEDULED
        assert all_of(session, Subscription) == []
    run(session, world, placed, due)
    with scope(world.scope):
        order = order_of(session, placed)
        assert (order.status, order.net_total, order.run_at) == (OrderStatus.EXECUTED, Decimal("55.00"), None)
        (invoice,) = all_of(session, Invoice)
        assert (invoice.net_total, invoice.issued_on) == (Decimal("55.00"), FRIDAY)
        (subscription,) = all_of(session, Subscription)
        assert (subscription.starts_on, subscription.unit_price) == (FRIDAY, Decimal("11.00"))
        assert mails(session, "scheduled_order_done") == [world.direct_buyer.email]


def test_two_in_the_morning_is_the_distributors(session, world: World):
    with scope(world.scope):
        session.merge(world.distributor).time_zone = "Europe/Athens"
        session.commit()
        assert run_time(FRIDAY) == datetime(2026, 3, 6, 0, 0, tzinfo=UTC)
        assert run_time(date(2026, 7, 1)) == datetime(2026, 6, 30, 23, 0, tzinfo=UTC)


def test_a_second_run_does_nothing_more(session, world: World, placed):
    due = run_at(session, world, placed)
    for _ in range(2):
        run(session, world, placed, due)
    with scope(world.scope):
        assert len(all_of(session, Invoice)) == len(all_of(session, Subscription)) == 1


def run_at(session, world: World, placed: Placed) -> datetime:
    with scope(world.scope):
        found = order_of(session, placed).run_at
    assert found is not None
    return found


def test_too_little_credit_keeps_it_scheduled_for_three_tries_then_it_is_flagged(session, world: World, placed):
    """CB-F64: with too little credit it stays Scheduled; daily, three tries, then the operators' queue."""
    with scope(world.scope):
        session.merge(world.direct).credit_limit = Decimal("49.99")
        session.commit()
    due = run_at(session, world, placed)
    for attempt in range(1, TRIES + 1):
        run(session, world, placed, due)
        with scope(world.scope):
            order = order_of(session, placed)
            assert (order.status, order.run_attempts) == (OrderStatus.SCHEDULED, attempt)
            assert all_of(session, Subscription) == all_of(session, Invoice) == []
            if attempt < TRIES:
                assert order.run_at == due + ONE_DAY
                assert count_flagged() == 0
                due = order.run_at
    with scope(world.scope):
        order = order_of(session, placed)
        assert (order.run_at, order.run_failed_at) == (None, due)
        flagged = find_orders(BackOfficeFilter(is_flagged=True), zone="UTC", limit=5)
        assert [each.number for each in flagged] == [placed.number]
        assert set(mails(session, "no_available_credit")) == {world.direct_buyer.email}
        assert mails(session, "scheduled_order_failed") == [world.direct_buyer.email]
        assert mails(session, "scheduled_order_stuck") == [world.bss_user.email]
    run(session, world, placed, due + ONE_DAY)
    with scope(world.scope):
        assert order_of(session, placed).run_attempts == TRIES


def test_a_later_try_that_succeeds_executes_it(session, world: World, placed):
    with scope(world.scope):
        session.merge(world.direct).credit_limit = Decimal(0)
        session.commit()
    due = run_at(session, world, placed)
    run(session, world, placed, due)
    with scope(world.scope):
        session.merge(world.direct).credit_limit = None
        session.commit()
    run(session, world, placed, due + ONE_DAY)
    with scope(world.scope):
        assert order_of(session, placed).status is OrderStatus.EXECUTED
        assert mails(session, "scheduled_order_failed") == []


def test_a_product_that_is_no_longer_sold_fails_the_try(session, world: World, placed):
    with scope(world.scope):
        session.get_one(Product, (world.id, world.seats.id)).is_active = False
        session.commit()
    run(session, world, placed, run_at(session, world, placed))
    with scope(world.scope):
        order = order_of(session, placed)
        assert (order.status, order.run_attempts) == (OrderStatus.SCHEDULED, 1)
        assert all_of(session, Subscription) == []


def test_under_an_alias_the_resellers_prices_of_the_day_apply(session, world: World):
    """CB-F64: the customer pays the sell price of that day, the reseller the cost of that day."""
    made = alias_order(session, world, [Wanted(world.seats, 5, "10.00")], status=OrderStatus.DRAFT)
    placed = for_a_day(session, world, made)
    set_price(session, world, world.seats, "20.00")
    run(session, world, placed, run_at(session, world, placed))
    with scope(world.tech.customer_scope()):
        order = order_of(session, placed)
        assert order.status is OrderStatus.EXECUTED
        assert order.net_total >= Decimal("100.00")
        (item,) = all_of(session, OrderItem)
        assert order.net_total == item.unit_price * 5
    with scope(world.scope):
        (invoice,) = all_of(session, Invoice)
        assert invoice.net_total == Decimal("100.00")


def test_buyer_moves_it_to_another_day(session, world: World, placed, buyer):
    with scope(world.scope), unit_of_work():
        reschedule(placed.number, date(2026, 5, 31), actor=buyer, at=MONDAY_NOON)
    with scope(world.scope):
        order = order_of(session, placed)
        assert (order.status, order.execute_on) == (OrderStatus.SCHEDULED, date(2026, 5, 31))
        assert order.run_at == run_time(date(2026, 5, 31))
    run(session, world, placed, datetime(2026, 3, 6, 2, 0, tzinfo=UTC))
    with scope(world.scope):
        assert all_of(session, Subscription) == []


@pytest.mark.parametrize("day", [MONDAY, MONDAY - ONE_DAY, MONDAY + timedelta(days=91)])
def test_days_beyond_tomorrow_to_ninety_are_refused(session, world: World, placed, buyer, day):
    with scope(world.scope):
        with pytest.raises(Invalid) as refusal, unit_of_work():
            reschedule(placed.number, day, actor=buyer, at=MONDAY_NOON)
        assert refusal.value.codes == ("range",)
        assert "between 3 Mar 2026 and 31 May 2026" in str(refusal.value)
        assert order_of(session, placed).execute_on == FRIDAY


def test_buyer_cancels_it(session, world: World, placed, buyer):
    with scope(world.scope):
        with unit_of_work():
            cancel_scheduled(placed.number, reason="No longer needed", actor=buyer, at=MONDAY_NOON)
        order = order_of(session, placed)
        assert (order.status, order.run_at) == (OrderStatus.CANCELED, None)
        assert {item.delivery_status for item in all_of(session, OrderItem)} == {DeliveryStatus.CANCELED}
        assert mails(session, "order_canceled") == [world.direct_buyer.email]
    run(session, world, placed, datetime(2026, 3, 6, 2, 0, tzinfo=UTC))
    with scope(world.scope):
        assert all_of(session, Subscription) == []


def test_an_alias_a_canceled_order_held_is_free_again(session, world: World, placed, buyer):
    with scope(world.scope):
        with unit_of_work():
            hold_alias(placed.items[0].id, "fresh-shop", reseller_id=world.basic.account.id, at=MONDAY_NOON)
        with unit_of_work():
            cancel_scheduled(placed.number, actor=buyer, at=MONDAY_NOON)
        assert "fresh-shop" not in {each.alias for each in all_of(session, Address)}


def test_once_execution_has_started_both_are_refused(session, world: World, placed, buyer):
    due = run_at(session, world, placed)
    with scope(world.scope):
        with unit_of_work():
            run_scheduled(placed.id, at=due)
        assert order_of(session, placed).status is OrderStatus.EXECUTING
        for act in (
            lambda: reschedule(placed.number, date(2026, 5, 1), actor=buyer, at=due),
            lambda: cancel_scheduled(placed.number, actor=buyer, at=due),
        ):
            with pytest.raises(WrongOrderState), unit_of_work():
                act()
        assert order_of(session, placed).status is OrderStatus.EXECUTING


def test_the_sweep_tells_the_workers_of_due_orders_alone(session, world: World, placed):
    due = run_at(session, world, placed)
    with scope(world.scope):
        for at, expected in ((due - timedelta(seconds=1), 0), (due, 1)):
            session().info["nudges"] = []
            nudge_due(at)
            assert len(session().info["nudges"]) == expected
