from __future__ import annotations

from http import HTTPStatus

import pytest

from app.core import db
from app.orders.models import Order, OrderItem, OrderStatus
from tenants.context import scope
from tenants.settings import distributor_settings
from tests.factories.execution import all_of
from tests.factories.world import World

DOMAIN = {"id": "tenant", "name": "Tenant name", "data_type": "text", "is_required": True, "asked_at_order": True}
SEATS = {"id": "region", "name": "Region", "data_type": "list", "asked_at_order": True,
         "values": [{"code": "eu", "value": "Europe"}]}  # fmt: skip


@pytest.fixture
def bss(session, sign_in, world: World):
    """An administrator; the world's products ask two things when they are ordered."""
    with scope(world.scope):
        session.merge(world.product_type).characteristics = [DOMAIN, SEATS]
        session.commit()
    return sign_in(world.bss_user)


@pytest.fixture
def number(bss, world: World) -> str:
    """An order for the direct customer."""
    return str(bss.post(f"/bss/orders/new/{world.direct.id}", data={}).headers["Location"]).split("/")[-2]


def put(bss, number: str, world: World, **data: str):
    data = {"key": f"{world.seats.id}:P1M:monthly", "quantity": "1", **data}
    return bss.post(f"/bss/orders/{number}/items/new", data=data)


def test_an_item_without_its_answers_is_red_and_blocks_the_execution(session, bss, world, number):
    """CB-18: 422, nothing is created; answered, it is executed."""
    assert "Tenant name" in bss.get(f"/bss/orders/{number}/items/new?key={world.seats.id}:P1M:monthly").text
    put(bss, number, world)
    assert "Tenant name is needed" in bss.get(f"/bss/orders/{number}").text
    refused = bss.post(f"/bss/orders/{number}/execute")
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    with scope(world.scope):
        (item,) = all_of(session, OrderItem)
        assert all_of(session, Order)[0].status is OrderStatus.SUBMITTED
    answers = {"quantity": "1", "characteristic-tenant": "agora", "characteristic-region": "eu"}
    bss.save(f"/bss/orders/{number}/items/{item.id}", data=answers)
    assert 'value="agora"' in bss.get(f"/bss/orders/{number}/items/{item.id}").text
    assert "Tenant name is needed" not in bss.get(f"/bss/orders/{number}").text
    assert bss.post(f"/bss/orders/{number}/execute").status_code == HTTPStatus.SEE_OTHER
    with scope(world.scope):
        (item,) = all_of(session, OrderItem)
        assert item.characteristics == {"tenant": "agora", "region": "eu"}


@pytest.mark.parametrize(
    ("field", "typed", "message"),
    [("region", "mars", "Choose one of the values"), ("tenant", "x" * 501, "at most 500 characters")],
)
def test_answers_that_cannot_be(session, bss, world, number, field, typed, message):
    answer = put(bss, number, world, **{f"characteristic-{field}": typed})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert message in answer.text
    with scope(world.scope):
        assert all_of(session, OrderItem) == []


def test_a_distributor_settles_scheduling_and_the_ceiling(bss, world):
    """Decisions 5: the distributor may switch scheduling on for aliases; CB-17: the ceiling is 15 % at first."""
    assert 'value="15' in bss.get("/bss/order-settings").text
    saved = bss.post("/bss/order-settings", data={"scheduled_orders_on_aliases": "y", "offer_discount_ceiling": "7.5"})
    assert saved.status_code == HTTPStatus.SEE_OTHER
    with scope(world.scope):
        db.session.commit()
        settings = distributor_settings()
    assert (settings.scheduled_orders_on_aliases, settings.offer_discount_ceiling) == (True, "7.5")
    for wrong in ("", "-1", "101", "abc", "1e9"):
        answer = bss.post("/bss/order-settings", data={"offer_discount_ceiling": wrong})
        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
