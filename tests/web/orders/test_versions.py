"""Orders and offers carry versions, and so do their items: saving what somebody else has changed is a conflict (CB-00)."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from app.core import db
from app.orders.models import Order, OrderItem
from app.orders.offers.models import Offer, OfferItem
from tenants.context import scope
from tests.factories.execution import all_of
from tests.factories.world import World

JSON = {"Accept": "application/json"}
KINDS = {"orders": (Order, OrderItem), "offers": (Offer, OfferItem)}


@pytest.fixture
def bss(sign_in, world: World):
    return sign_in(world.bss_user)


def rows(world: World, model: type) -> list:
    with scope(world.scope):
        found = all_of(db.session, model)
        db.session.commit()
        db.session.expunge_all()
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seen", ["1", "0", "x", "", "9" * 30])
def test_a_record_that_moved_on_is_not_saved(bss, world: World, kind, seen):
    number = start(bss, world, kind)
    path = f"/bss/{kind}/{number}/edit"
    assert bss.save(path, data={"name": "Mine"}).status_code == HTTPStatus.SEE_OTHER
    stale = bss.post(path, data={"name": "Theirs", "version": seen}, headers=JSON)
    assert (stale.status_code, stale.json["errors"][0]["code"]) == (HTTPStatus.CONFLICT, "stale_version")
    (row,) = rows(world, KINDS[kind][0])
    assert (row.name, row.version) == ("Mine", 2)


@pytest.mark.parametrize("kind", KINDS)
def test_an_item_that_moved_on_is_not_saved(bss, world: World, kind):
    number = start(bss, world, kind)
    key = f"{world.seats.id}:P1M:monthly"
    bss.post(f"/bss/{kind}/{number}/items/new", data={"key": key, "quantity": "2"})
    (item,) = rows(world, KINDS[kind][1])
    path = f"/bss/{kind}/{number}/items/{item.id}"
    assert bss.save(path, data={"quantity": "3"}).status_code == HTTPStatus.SEE_OTHER
    stale = bss.post(path, data={"quantity": "4", "version": "1"}, headers=JSON)
    assert (stale.status_code, stale.json["errors"][0]["code"]) == (HTTPStatus.CONFLICT, "stale_version")
    (item,) = rows(world, KINDS[kind][1])
    assert (item.quantity, item.version) == (3, 2)


def start(bss, world: World, kind: str) -> str:
    made = bss.post(f"/bss/{kind}/new/{world.direct.id}", data={})
    return str(made.headers["Location"]).split("/")[-2]
