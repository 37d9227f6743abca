"""A buyer withdraws while the reseller approves, on two connections and committed data."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.audit.services import Actor
from app.core import db
from app.core.db import unit_of_work
from app.orders.approval import approve_order
from app.orders.models import Order, OrderStatus, OrderWork
from app.orders.withdrawal import withdraw_order
from tenants.context import scope
from tests.committed import committed_database
from tests.domain.orders.test_races import at_once
from tests.factories.execution import Wanted, alias_order, all_of
from tests.factories.world import MONDAY_NOON, World, make_world


@pytest.fixture
def world(database: None) -> Iterator[World]:
    with committed_database():
        made = make_world(db.session())
        db.session.expunge_all()
        yield made


def test_of_a_withdrawal_and_an_approval_only_one_wins(world: World) -> None:
    """RS-F78 (partly): decided once, whoever comes first; the other is told already_decided."""
    placed = alias_order(db.session(), world, [Wanted(world.seats, 5)])
    buyer = Actor(world.tech.buyers[0].id, world.tech.buyers[0].full_name)
    approver = Actor(world.tech.admin.id, world.tech.admin.full_name)
    customer, supplier, number = world.tech.customer_scope(), world.tech.scope, placed.number

    def withdraw() -> None:
        with scope(customer), unit_of_work():
            withdraw_order(number, actor=buyer, at=MONDAY_NOON)

    def approve() -> None:
        with scope(supplier), unit_of_work():
            approve_order(number, approver=approver, at=MONDAY_NOON)

    assert at_once(withdraw, approve) == ["already_decided", "done"]
    with scope(world.scope):
        (order,) = all_of(db.session, Order)
        works = all_of(db.session, OrderWork)
    assert (order.status, len(works)) in ((OrderStatus.CANCELED, 1), (OrderStatus.EXECUTING, 2))
