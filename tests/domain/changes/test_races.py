"""Two people, or one twice, want something of a subscription at the same moment; on two connections and committed data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from uuid import UUID

import pytest

from app.billing.models import Charge, Invoice
from app.changes.effects import NewChange
from app.changes.renewals import bill_day
from app.changes.requests import accept_change, submit_change, withdraw_change
from app.core import db
from app.core.db import unit_of_work
from app.core.ids import new_id
from app.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    ChangeTiming,
    Subscription,
    SubscriptionChange,
    SubscriptionStatus,
)
from tenants.context import direct_customer_scope, scope
from tests.committed import committed_database
from tests.domain.changes.conftest import STAFF, on
from tests.domain.orders.test_races import at_once
from tests.factories.execution import all_of
from tests.factories.subscriptions import Running, make_running
from tests.factories.world import World, make_world


@pytest.fixture
def world(database: None) -> Iterator[World]:
    with committed_database():
        made = make_world(db.session())
        db.session.expunge_all()
        yield made


@pytest.fixture
def running(world: World) -> Running:
    return make_running(db.session, world, world.direct, world.seats, quantity=5, unit_cost="12.00")


def asking(world: World, running: Running, key: UUID, **of: object) -> Callable[[], None]:
    def ask() -> None:
        wanted = NewChange(subscription_id=running.id, request_key=key, **of)  # type: ignore[arg-type]
        with scope(world.scope), unit_of_work():
            submit_change(wanted, actor=STAFF, at=on(16))

    return ask


def rows(world: World, model: type) -> list:
    with scope(world.scope):
        return all_of(db.session, model)


def test_a_request_sent_twice_at_once_is_made_and_charged_once(world: World, running: Running) -> None:
    """GO-02 (CB-24): the same key on two connections."""
    key = new_id()
    ask = asking(world, running, key, kind=ChangeKind.QUANTITY, quantity_to=8)
    assert at_once(ask, ask) == ["done", "done"]
    assert [change.status for change in rows(world, SubscriptionChange)] == [ChangeStatus.COMPLETED]
    assert [each.quantity for each in rows(world, Subscription)] == [8]
    assert [f"{paper.net_total:.2f}" for paper in rows(world, Invoice)] == ["18.00"]


def test_of_two_different_requests_at_once_one_waits(world: World, running: Running) -> None:
    first = asking(world, running, new_id(), kind=ChangeKind.QUANTITY, quantity_to=3, timing=ChangeTiming.PERIOD_END)
    second = asking(
        world, running, new_id(), kind=ChangeKind.CANCELLATION, reason="Unused", timing=ChangeTiming.PERIOD_END
    )
    outcomes = at_once(first, second)
    assert outcomes in (["change_pending", "done"], ["done", "wrong_state"])
    assert len(rows(world, SubscriptionChange)) == 1


def test_of_accepting_and_withdrawing_a_request_one_wins(world: World, running: Running) -> None:
    customers = direct_customer_scope(world.id, world.direct.id)
    wanted = NewChange(
        subscription_id=running.id, kind=ChangeKind.CANCELLATION, request_key=new_id(), is_from_storefront=True
    )
    with scope(customers), unit_of_work():
        change_id = submit_change(wanted, actor=STAFF, at=on(10)).id

    def accept() -> None:
        with scope(world.scope), unit_of_work():
            accept_change(change_id, actor=STAFF, at=on(11))

    def withdraw() -> None:
        with scope(customers), unit_of_work():
            withdraw_change(change_id, actor=STAFF, at=on(11))

    assert at_once(accept, withdraw) == ["done", "wrong_state"]
    (change,) = rows(world, SubscriptionChange)
    (subscription,) = rows(world, Subscription)
    is_canceled = subscription.status is SubscriptionStatus.CANCELED
    assert change.status is (ChangeStatus.COMPLETED if is_canceled else ChangeStatus.WITHDRAWN)
    assert len(rows(world, Invoice)) == int(is_canceled)


def test_a_change_and_the_billing_of_the_day_do_not_lock_each_other_out(world: World, running: Running) -> None:
    """Both lock the payer before its subscriptions."""

    def bill() -> None:
        with scope(world.scope), unit_of_work():
            bill_day(world.direct.id, date(2026, 7, 1), at=on(1, 7))

    for number in range(3):
        ask = asking(world, running, new_id(), kind=ChangeKind.QUANTITY, quantity_to=6 + number)
        assert at_once(ask, bill) == ["done", "done"]
    assert len({charge.source_key for charge in rows(world, Charge)}) == len(rows(world, Charge))
    assert [each.quantity for each in rows(world, Subscription)] == [8]
