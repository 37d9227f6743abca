from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.audit.models import AuditEvent
from app.core.db import unit_of_work
from app.core.ids import new_id
from app.orders.errors import OrderExpired
from app.orders.expiry import delete_expired_drafts, require_fresh
from app.orders.models import (
    IdempotencyKey,
    Order,
    OrderChannel,
    OrderEvent,
    OrderItem,
    OrderItemCost,
    OrderStatus,
)
from tenants.context import scope
from tests.factories.execution import Placed, Wanted, all_of, make_order
from tests.factories.world import MONDAY_NOON, World
from workers.jobs.sweeps import expire_orders

WEEK = timedelta(days=7)
SECOND = timedelta(seconds=1)


def draft_of(session, world: World) -> Placed:
    """A draft as a program leaves it: two items, an event, a cost, and the kept answer to the call that made it."""
    placed = make_order(
        session, world, world.direct, world.direct_buyer, [Wanted(world.seats), Wanted(world.seats, 3)],
        channel=OrderChannel.API, status=OrderStatus.DRAFT,
    )  # fmt: skip
    with scope(world.scope):
        session.add(
            OrderEvent(
                account_id=world.direct.id, order_id=placed.id, at=MONDAY_NOON, kind="created", text="Draft created"
            )
        )
        session.add(
            OrderItemCost(
                account_id=world.direct.id, item_id=placed.items[0].id, unit_cost=12, line_cost=12, currency="EUR",
                rule="cost",
            )
        )  # fmt: skip
        session.add(
            IdempotencyKey(
                account_id=world.direct.id, client="program", route="orders", key=str(new_id()), request_digest="x",
                answer={"order_id": str(placed.id)}, created_at=MONDAY_NOON,
            )
        )  # fmt: skip
        session.commit()
    return placed


def left(session) -> list[int]:
    models = (Order, OrderItem, OrderEvent, OrderItemCost, IdempotencyKey)
    return [session.scalar(select(func.count()).select_from(model)) for model in models]


def test_a_draft_may_be_worked_on_for_seven_days_to_the_second(session, world: World):
    """CB-F56: a draft of a program that was not submitted for 7 days has expired."""
    placed = draft_of(session, world)
    with scope(world.scope):
        draft = session.get_one(Order, (world.id, placed.id))
        require_fresh(draft, at=MONDAY_NOON + WEEK - SECOND)
        with pytest.raises(OrderExpired) as refusal:
            require_fresh(draft, at=MONDAY_NOON + WEEK)
        assert refusal.value.code == "order_expired"
        draft.status = OrderStatus.SUBMITTED
        require_fresh(draft, at=MONDAY_NOON + 2 * WEEK)  # a submitted order does not expire


def test_an_expired_draft_is_gone_with_all_that_hung_on_it(session, world: World):
    """CB-F56: the sweep deletes it a day later, and a second sweep finds nothing."""
    draft_of(session, world)
    fresh = make_order(
        session, world, world.direct, world.direct_buyer, [Wanted(world.seats)], channel=OrderChannel.API,
        status=OrderStatus.DRAFT, at=MONDAY_NOON + timedelta(days=2),
    )  # fmt: skip
    with scope(world.scope):
        with unit_of_work():
            assert delete_expired_drafts(at=MONDAY_NOON + WEEK) == 0  # it says that it has expired for a day
            expire_orders(MONDAY_NOON + WEEK + timedelta(days=1))
        assert left(session) == [1, 1, 0, 0, 0]
        assert session.scalars(select(Order.id)).all() == [fresh.id]
        expired = [event for event in all_of(session, AuditEvent) if event.action == "order.expired"]
        with unit_of_work():
            assert delete_expired_drafts(at=MONDAY_NOON + WEEK + timedelta(days=1)) == 0
        assert len(expired) == 1


def test_what_was_submitted_is_never_swept(session, world: World):
    placed = draft_of(session, world)
    with scope(world.scope):
        session.get_one(Order, (world.id, placed.id)).status = OrderStatus.SUBMITTED
        session.commit()
        before = left(session)
        with unit_of_work():
            assert delete_expired_drafts(at=MONDAY_NOON + 3 * WEEK) == 0
        assert left(session) == before
