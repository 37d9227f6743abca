from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from app.billing.models import Invoice
from app.core import db
from app.core.db import unit_of_work
from app.orders.models import Order, OrderStatus, OrderWork, WorkState
from app.orders.schedule import run_time
from app.subscriptions.models import Subscription
from tenants.context import scope
from tests.factories.execution import Placed, Wanted, all_of, root_order
from tests.factories.world import MONDAY, World, make_world
from workers.jobs import orders, sweeps
from workers.schedule import PERIODIC

FRIDAY = MONDAY + timedelta(days=4)
TWO_IN_ATHENS = datetime(2026, 3, 6, 0, 0, tzinfo=UTC)


@pytest.fixture
def session(connection):
    """The session of the moment: a job ends with the one it had."""
    return db.session


@pytest.fixture
def world(session) -> World:
    made = make_world(session)
    session.commit()
    session.expunge_all()
    return made


@pytest.fixture
def placed(session, world) -> Placed:
    """Two seats for Friday."""
    made = root_order(session, world, [Wanted(world.seats, 2, "10.00")], status=OrderStatus.SCHEDULED)
    with scope(world.scope):
        order = session.get_one(Order, (world.id, made.id))
        order.execute_on, order.run_at = FRIDAY, run_time(FRIDAY)
        session.get_one(OrderWork, (world.id, made.work.id)).state = WorkState.DONE
        session.commit()
    return made


def work_until(monkeypatch, world: World, placed: Placed, at: datetime) -> None:
    """Run the job twice, as two workers would that were nudged twice, then what it asked for."""
    monkeypatch.setattr(orders, "utc_now", lambda: at)
    for _ in range(2):
        orders.run_scheduled_order(str(placed.id), distributor_id=str(world.id))
    with scope(world.scope):
        works = [work.id for work in all_of(db.session, OrderWork) if work.state is WorkState.PENDING]
        db.session.commit()
    for work_id in works * 2:
        orders.process_order_work(str(work_id), distributor_id=str(world.id))


def test_the_job_executes_a_due_order_once(monkeypatch, session, world, placed):
    """CB-F64: at 02:00 where the distributor is; run any number of times it makes one of each."""
    work_until(monkeypatch, world, placed, TWO_IN_ATHENS - timedelta(seconds=1))
    with scope(world.scope):
        assert all_of(session, Subscription) == []
    work_until(monkeypatch, world, placed, TWO_IN_ATHENS)
    with scope(world.scope):
        assert session.get_one(Order, (world.id, placed.id), populate_existing=True).status is OrderStatus.EXECUTED
        assert len(all_of(session, Subscription)) == 1
        (invoice,) = all_of(session, Invoice)
        assert invoice.net_total == Decimal("20.00")


def test_the_sweep_finds_due_orders_and_somebody_ticks_it(session, world, placed):
    assert sweeps.nudge_scheduled_orders in {each.run for each in PERIODIC}
    assert sweeps.expire_offers in {each.run for each in PERIODIC}
    with scope(world.scope), unit_of_work() as current:
        sweeps.nudge_scheduled_orders(TWO_IN_ATHENS - timedelta(seconds=1))
        assert current.info["nudges"] == []
        sweeps.nudge_scheduled_orders(TWO_IN_ATHENS)
        assert [nudge.row_id for nudge in current.info["nudges"]] == [placed.id]
        current.info["nudges"] = []
