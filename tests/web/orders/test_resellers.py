from __future__ import annotations

from http import HTTPStatus

import pytest

from app.accounts.models import Account, PaymentMethod
from app.audit.services import SYSTEM
from app.catalogue.models import Term
from app.core.db import unit_of_work
from app.orders.models import OrderStatus
from app.orders.partial import deliver_item
from tenants.context import scope
from tests.factories.execution import Placed, Wanted, alias_order
from tests.factories.world import MONDAY_NOON, World
from tests.web.storefront.steps import ALIAS

JSON = {"Accept": "application/json"}


@pytest.fixture
def delivered(session, world: World) -> Placed:
    """A customer's order of two items, the first of them delivered."""
    placed = alias_order(
        session, world, [Wanted(world.seats, 1, "12.00"), Wanted(world.suite, 1, "25.00", term=Term.P1Y)],
        status=OrderStatus.IN_PROGRESS,
    )  # fmt: skip
    with scope(world.scope), unit_of_work():
        deliver_item(placed.number, placed.items[0].id, actor=SYSTEM, at=MONDAY_NOON)
    return placed


def test_a_reseller_and_its_customer_see_one_order_with_all_its_items(sign_in, world, delivered):
    """CB-F57 (partly): a part that was delivered is told of in the order, on both sides."""
    staff = sign_in(world.tech.admin)
    listed = staff.get(f"{ALIAS}/manage/orders").text
    assert delivered.number in listed
    assert f"{delivered.number}-1" not in listed
    shown = staff.get(f"{ALIAS}/manage/orders/{delivered.number}").text
    assert world.seats.name in shown
    assert world.suite.name in shown
    customer = sign_in(world.tech.buyers[0])
    page = customer.get(f"{ALIAS}/orders/{delivered.number}").text
    assert world.seats.name in page
    assert world.suite.name in page
    assert "Partially Executed" in page
    assert customer.get(f"{ALIAS}/orders/{delivered.number}-1").status_code == HTTPStatus.OK
    other = sign_in(world.tech.buyers[1])
    assert other.get(f"{ALIAS}/orders/{delivered.number}-1").status_code == HTTPStatus.NOT_FOUND


def test_back_office_cannot_switch_a_card_payers_approval_off(session, sign_in, world):
    """CB-F60: the approval of a card-paying reseller's customers cannot be switched off, not by staff either."""
    customer = world.tech.customers[0]
    with scope(world.scope):
        session.merge(world.tech.account).payment_method = PaymentMethod.CARD
        session.commit()
    bss = sign_in(world.bss_user)
    path = f"/bss/accounts/{customer.id}/approval"
    answer = bss.post(path, data={"required": "0"}, headers=JSON)
    assert answer.status_code == HTTPStatus.CONFLICT
    with scope(world.scope):
        assert session.get_one(Account, (world.id, customer.id), populate_existing=True).approval_required is True
