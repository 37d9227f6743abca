"""All that is new, changed and gone in one statement: the same rows as the ORM writes, or none of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, delete, func, select
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.orm.exc import StaleDataError

from app.catalogue.models import BillingCycle, Term
from app.core.db import Base
from app.core.ids import new_id
from app.core.writing import flush_together
from app.orders.models import Order, OrderChannel, OrderEvent, OrderItem, OrderStatus, OrderWork
from tenants.context import scope
from tenants.models import Address
from tests.counting import statements_of
from tests.factories.world import MONDAY_NOON, Shop, World


def order_rows(world: World, shop: Shop, number: str, *, quantity: int = 3) -> list[Base]:
    """An order with two items, its history and its work: enums, amounts, days, arrays, JSON and much that is unsaid."""
    owner = {"reseller_id": shop.id, "account_id": shop.customers[0].id}
    order = Order(
        id=new_id(),
        **owner,
        number=number,
        status=OrderStatus.SCHEDULED,
        channel=OrderChannel.ALIAS,
        payer_id=shop.id,
        net_total=Decimal("1234.5678"),
        currency="EUR",
        contact_email="o'hara@example.com",
        placed_by_id=shop.buyers[0].id,
        placed_at=MONDAY_NOON,
        execute_on=date(2026, 3, 1),
        comment='"quoted", ü, \\ and {braces}',
    )
    items = [
        OrderItem(
            id=new_id(),
            **owner,
            order_id=order.id,
            position=position,
            product_id=world.seats.id,
            product_name="Contoso, Mail",
            term=Term.P1Y,
            cycle=BillingCycle.MONTHLY,
            quantity=quantity,
            unit_price=Decimal("0.1"),
            line_total=Decimal("0.30"),
            currency="EUR",
            characteristics={"size": [1, None, {"deep": True}]},
            price_options=["a,b", 'c"d'],
        )
        for position in (1, 2)
    ]
    event = OrderEvent(**owner, order_id=order.id, at=MONDAY_NOON, kind="submitted", text="Order submitted")
    work = OrderWork(order_id=order.id, kind="submitted", next_attempt_at=MONDAY_NOON, created_at=MONDAY_NOON)
    return [order, *items, event, work]


def stored(session, world: World, rows: Sequence[Base]) -> list[dict[str, Any]]:
    """What the database holds of rows, ids left out."""
    found = []
    session.expunge_all()
    with scope(world.scope):
        for row in rows:
            table = type(row).__table__
            values = session.execute(select(table).where(table.c.id == row.id)).mappings().one()
            left_out = {column.name for column in table.c if column.name.endswith("id") or column.name == "number"}
            found.append({name: value for name, value in values.items() if name not in left_out})
    return found


def orders(session, world: World) -> int:
    session.expunge_all()
    with scope(world.scope):
        return session.scalar(select(func.count()).select_from(Order)) or 0


def test_the_same_rows_are_written_as_by_the_orm(session, world: World, connection: Connection) -> None:
    written = []
    for number, flush in (("SO-2026-700001", session.flush), ("SO-2026-700002", flush_together)):
        rows = order_rows(world, world.tech, number)
        with scope(world.tech.scope):
            for row in rows:  # the ORM sees no order among tables whose models know nothing of each other
                session.add(row)
                if flush != flush_together:
                    session.flush()
            with statements_of(connection) as seen:
                flush()
            written.append((stored(session, world, rows), len(seen)))
    (by_orm, _), (together, statements) = written
    assert together == by_orm
    assert statements == 1


def test_what_was_written_is_the_sessions_and_complete(session, world: World, connection: Connection) -> None:
    order, *others = order_rows(world, world.tech, "SO-2026-700001")
    with scope(world.tech.scope):
        session.add_all([order, *others])
        flush_together()
        with statements_of(connection) as seen:
            assert isinstance(order, Order)
            assert (order.run_attempts, order.decided_at, order.distributor_id) == (0, None, world.id)
            assert session.get(Order, (world.id, order.id)) is order
            session.flush()
    assert seen == []


def test_changed_and_deleted_rows_go_with_them(session, world: World, connection: Connection) -> None:
    order, first, second, event, _ = rows = order_rows(world, world.tech, "SO-2026-700001")
    with scope(world.tech.scope):
        session.add_all(rows)
        flush_together()
        order.name, order.executed_at, order.comment = "Renamed", MONDAY_NOON + timedelta(hours=1), None
        event.text = "Order submitted, and changed"
        session.delete(first)
        session.delete(second)
        session.add(OrderEvent(
            reseller_id=order.reseller_id, account_id=order.account_id, order_id=order.id, at=MONDAY_NOON, kind="noted", text="New",
        ))  # fmt: skip
        with statements_of(connection) as seen:
            flush_together()
            session.flush()
        assert len(seen) == 1
        session.expunge_all()
        again = session.get_one(Order, (world.id, order.id))
        assert (again.name, again.executed_at, again.comment) == ("Renamed", MONDAY_NOON + timedelta(hours=1), None)
        assert session.scalars(select(OrderItem).where(OrderItem.order_id == order.id)).all() == []
        texts = session.scalars(select(OrderEvent.text).where(OrderEvent.order_id == order.id)).all()
        assert sorted(texts) == ["New", "Order submitted, and changed"]


def test_one_row_that_is_refused_keeps_all_out(session, world: World) -> None:
    with scope(world.tech.scope), pytest.raises(IntegrityError, match="quantity_min_1"), session.begin_nested():
        session.add_all(order_rows(world, world.tech, "SO-2026-700001", quantity=0))
        flush_together()
    assert orders(session, world) == 0


def test_rows_of_another_reseller_are_refused(session, world: World) -> None:
    refused = pytest.raises(ProgrammingError, match="row-level security")
    with scope(world.cloudia.scope), refused, session.begin_nested():
        session.add_all(order_rows(world, world.tech, "SO-2026-700001"))
        flush_together()
    assert orders(session, world) == 0


@pytest.mark.parametrize("change", ["deleted", "quantity"])
def test_a_row_that_went_meanwhile_is_noticed(session, world: World, change: str) -> None:
    rows = order_rows(world, world.tech, "SO-2026-700001")
    item = rows[1]
    assert isinstance(item, OrderItem)
    with scope(world.tech.scope):
        session.add_all(rows)
        flush_together()
        session.execute(delete(OrderItem).where(OrderItem.id == item.id).execution_options(synchronize_session=False))
        with pytest.raises(StaleDataError), session.begin_nested():
            if change == "deleted":
                session.delete(item)
            else:
                item.quantity = 9
            flush_together()


def test_a_row_that_only_the_orm_can_write_is_left_to_it(session, world: World) -> None:
    with scope(world.scope):
        session.add(Address(storefront_id=world.root.id, host="another.example"))  # its version comes from a sequence
        with pytest.raises(TypeError), session.no_autoflush:
            flush_together()
        session.expunge_all()
