"""The page that lets the first period of an ordered item end with something else (CB-28)."""

from __future__ import annotations

from datetime import date
from http import HTTPStatus

import pytest

from app.core.ids import new_id
from app.orders.models import CoTerm, OrderChannel, OrderItem, OrderStatus
from tenants.context import scope
from tests.factories.execution import Wanted, all_of, make_order
from tests.factories.subscriptions import make_running


@pytest.fixture
def placed(session, world):
    return make_order(
        session, world, world.direct, world.direct_buyer, [Wanted(world.seats, 1, "10.00")],
        channel=OrderChannel.BSS, status=OrderStatus.SUBMITTED,
    )  # fmt: skip


def ends(session, world) -> list[CoTerm]:
    with scope(world.scope):
        return [each.co_term for each in all_of(session, OrderItem)]


def test_staff_chooses_the_end_of_the_first_period(client, sign_in, session, world, placed):
    """CB-28 (partly): reached from the item, it takes a subscription's code."""
    running = make_running(session, world, world.direct, world.suite, period=(date(2026, 6, 1), date(2026, 6, 30)))
    sign_in(world.bss_user)
    path = f"/bss/orders/{placed.number}/items/{placed.items[0].id}"
    assert f"{path}/end" in client.get(path).text
    for data, expected in (
        ({"co_term": "month_end"}, CoTerm.MONTH_END),
        ({"co_term": "subscription", "subscription": running.code}, CoTerm.SUBSCRIPTION),
    ):
        assert client.post(f"{path}/end", data=data).status_code == HTTPStatus.SEE_OTHER
        assert ends(session, world) == [expected]
    assert running.code in client.get(f"{path}/end").text


@pytest.mark.parametrize(
    "data",
    [{}, {"co_term": "never"}, {"co_term": "subscription"}, {"co_term": "subscription", "subscription": "x" * 21}],
)
def test_a_wrong_end_is_refused(client, sign_in, session, world, placed, data):
    sign_in(world.bss_user)
    answer = client.post(f"/bss/orders/{placed.number}/items/{placed.items[0].id}/end", data=data)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert ends(session, world) == [CoTerm.OWN]


def test_an_item_of_another_order_is_not_found(client, sign_in, world, placed):
    sign_in(world.bss_user)
    assert client.get(f"/bss/orders/{placed.number}/items/{new_id()}/end").status_code == HTTPStatus.NOT_FOUND
