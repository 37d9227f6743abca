from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from app.orders.errors import WrongOrderState
from app.orders.machine import FINAL, TABLE, Move, advance, after, at_first, may
from app.orders.models import Order, OrderStatus

S = OrderStatus
EVERY_PAIR = list(product(OrderStatus, Move))
# CB-19 and SF-31, word for word: from, event, to.
SPECIFIED = [
    (S.DRAFT, Move.CHECK_OUT, S.EXECUTING),
    (S.DRAFT, Move.CHECK_OUT_FOR_APPROVAL, S.PENDING_RESELLER_APPROVAL),
    (S.EXECUTING, Move.HOLD, S.SUBMITTED),
    (S.EXECUTING, Move.AWAIT_PEOPLE, S.IN_PROGRESS),
    (S.DRAFT, Move.CHECK_OUT_FOR_A_DAY, S.SCHEDULED),
    (S.PENDING_RESELLER_APPROVAL, Move.APPROVE, S.EXECUTING),
    (S.PENDING_RESELLER_APPROVAL, Move.REJECT, S.CANCELED),
    (S.SCHEDULED, Move.EXECUTE, S.EXECUTING),
    (S.EXECUTING, Move.FINISH, S.EXECUTED),
    (S.EXECUTING, Move.HOLD_FOR_A_DAY, S.SCHEDULED),
    (S.SUBMITTED, Move.DELIVER_PART, S.PARTIALLY_EXECUTED),
    (S.IN_PROGRESS, Move.DELIVER_PART, S.PARTIALLY_EXECUTED),
    (S.IN_PROGRESS, Move.FINISH, S.EXECUTED),
    (S.PARTIALLY_EXECUTED, Move.FINISH, S.EXECUTED),
]


@pytest.mark.parametrize(("status", "move"), EVERY_PAIR)
def test_every_pair_moves_by_the_table_or_is_refused(status: OrderStatus, move: Move) -> None:
    order = Order(number="SO-1", status=status)
    if not may(status, move):
        with pytest.raises(WrongOrderState):
            advance(order, move)
        assert order.status is status
        return
    advance(order, move)
    assert order.status is TABLE[(status, move)]


@pytest.mark.parametrize(("status", "move", "expected"), SPECIFIED)
def test_the_table_is_the_specifications(status: OrderStatus, move: Move, expected: OrderStatus) -> None:
    assert after(status, move) is expected


def test_final_orders_stay_where_they_are() -> None:
    """CB-19: Executed and Canceled are final; only a service that could not be set up after all is told."""
    assert {(status, move) for status, move in TABLE if status in FINAL} == {(S.EXECUTED, Move.FAIL_PART)}


def test_execute_and_edit_are_no_moves_of_a_draft() -> None:
    assert not may(S.DRAFT, Move.EXECUTE)
    assert {after(S.DRAFT, move) for move in Move if may(S.DRAFT, move)} == {
        S.EXECUTING, S.PENDING_RESELLER_APPROVAL, S.SCHEDULED, S.SUBMITTED
    }  # fmt: skip


def test_cancel_is_possible_but_from_executed_and_executing() -> None:
    refused = {status for status in OrderStatus if not may(status, Move.CANCEL)}
    assert refused == {S.DRAFT, S.EXECUTING, S.EXECUTED, S.CANCELED}


def test_every_status_can_be_reached() -> None:
    assert set(TABLE.values()) | {S.DRAFT} == set(OrderStatus)
    assert at_first(Move.RECORD) is S.SUBMITTED


def test_no_service_sets_a_status_by_itself() -> None:
    """One table decides: nothing in the domain assigns an order's status but the machine."""
    root = Path(__file__).parents[3] / "app" / "orders"
    strays = [
        f"{path.name}: {line.strip()}"
        for path in root.glob("*.py")
        if path.name != "machine.py"
        for line in path.read_text().splitlines()
        if re.search(r"order\.status\s*=[^=]", line) or re.match(r"\s*\(?[\w., ]*order\.status\b[\w., ]*=[^=]", line)
    ]
    assert strays == []
