"""Calls that arrive twice: under one key the same answer, and one order (GO-02)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update

from app.accounts.models import Account
from app.core.clock import utc_now
from app.identity.api_clients.models import ApiClientKind
from app.orders.idempotency import InFlight, Submit, answer_once
from app.orders.models import IdempotencyKey, Order, OrderWork
from tenants.context import scope
from tests.committed import committed_database
from tests.factories.world import make_world
from tests.web.api.conftest import EVERYTHING, Caller, make_program, refused
from workers.jobs.sweeps import forget_finished

KEY = "order-4711"


def counts(session, world) -> tuple[int, int, int]:
    """Return how many orders, works and kept answers there are."""
    with scope(world.scope):
        return tuple(
            session.scalar(select(func.count()).select_from(model)) for model in (Order, OrderWork, IdempotencyKey)
        )


def wanted(world, quantity=2) -> dict[str, object]:
    item = {"product_id": str(world.seats.id), "term": "P1M", "cycle": "monthly", "quantity": quantity}
    return {"customer_id": str(world.tech.customers[0].id), "items": [item]}


def test_the_same_key_creates_one_order(session, world, shop):
    """BC-F84: repeating a POST order with the same Idempotency-Key creates one order and gives the same answer."""
    first = shop.post("/orders", wanted(world), key=KEY)
    again = shop.post("/orders", wanted(world), key=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.get_data() == first.get_data()
    assert again.headers["Location"] == first.headers["Location"]
    assert ("Idempotent-Replayed" in first.headers, again.headers["Idempotent-Replayed"]) == (False, "true")
    assert counts(session, world) == (1, 0, 1)
    assert shop.post("/orders", wanted(world), key="order-4712").json["number"] != first.json["number"]
    assert shop.post("/orders", wanted(world)).status_code == 201
    assert counts(session, world) == (3, 0, 2)


def test_a_submit_is_answered_twice_and_done_once(session, world, shop):
    """GO-02: the second submit of a key is no 409 but the first one's answer; one work row stands."""
    number = shop.post("/orders", wanted(world)).json["number"]
    sent = {"net_total": "20.00"}
    first = shop.post(f"/orders/{number}/submit", sent, key=KEY)
    again = shop.post(f"/orders/{number}/submit", sent, key=KEY)
    assert first.status_code == again.status_code == 200, first.text
    assert again.json == first.json
    assert counts(session, world)[:2] == (1, 1)
    refused(shop.post(f"/orders/{number}/submit", sent), 409)


def test_the_same_key_with_another_request_is_422(session, world, shop):
    """Decisions section 8: a hash of the request, 422 if it differs."""
    first = shop.post("/orders", wanted(world), key=KEY)
    refused(shop.post("/orders", wanted(world, 3), key=KEY), 422, "Idempotency-Key", "key_reused")
    item = wanted(world)["items"][0]
    number = first.json["number"]
    assert shop.post(f"/orders/{number}/items", item, key=KEY).status_code == 201  # another call has keys of its own
    other = shop.post("/orders", wanted(world)).json["number"]
    refused(shop.post(f"/orders/{other}/items", item, key=KEY), 422, "Idempotency-Key", "key_reused")
    assert counts(session, world) == (2, 0, 2)


def test_what_was_refused_can_be_corrected_under_its_key(session, world, shop):
    refused(shop.post("/orders", wanted(world, 0), key=KEY), 422)
    assert counts(session, world) == (0, 0, 0)
    assert shop.post("/orders", wanted(world), key=KEY).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 81, "two words", "k\u00e9y"])
def test_a_key_that_is_none_is_422(session, world, shop, key):
    refused(shop.post("/orders", wanted(world), key=key), 422, "Idempotency-Key")
    assert counts(session, world) == (0, 0, 0)


def test_keys_of_other_programs_are_other_keys(client, session, world, shop, office):
    first = shop.post("/orders", wanted(world), key=KEY).json["number"]
    second = make_program(
        session, world, world.tech.storefront.id, shop.program.base, kind=ApiClientKind.API_KEY, scopes=EVERYTHING
    )
    assert Caller(client, second).post("/orders", wanted(world), key=KEY).json["number"] != first
    account = {"account_id": str(world.direct.id)}
    assert office.post("/orders", account, key=KEY).status_code == 201
    assert counts(session, world) == (3, 0, 3)


def test_a_key_is_kept_for_a_day(session, world, shop):
    """Decisions section 8: 24 hours; then the same key makes a new order, and a tick forgets the old answer."""
    first = shop.post("/orders", wanted(world), key=KEY).json["number"]
    with scope(world.scope):
        session.execute(update(IdempotencyKey).values(created_at=utc_now() - timedelta(hours=24)))
        session.commit()
    assert shop.post("/orders", wanted(world), key=KEY).json["number"] != first
    assert counts(session, world) == (2, 0, 1)
    with scope(world.scope):
        forget_finished(utc_now() + timedelta(hours=25))
        session.commit()
    assert counts(session, world) == (2, 0, 0)


def test_a_call_that_is_still_being_answered_is_409():
    """GO-02: 409 while in flight. Two connections: the second one does not wait for the first one's commit."""
    from sqlalchemy.orm import Session  # noqa: PLC0415 - beside the one test that needs a second one

    from app.core import db  # noqa: PLC0415
    from app.core.db import session as current  # noqa: PLC0415

    submit = Submit("api:somebody", "POST orders", KEY, ("words",))
    with committed_database():
        world = make_world(current())
        with scope(world.tech.scope):
            with Session(db.BoundSession.bound_to) as first:
                lock = "SELECT pg_advisory_xact_lock(hashtextextended(:place, 0))"
                place = f"{world.id}:{submit.client}:{submit.route}:{submit.key}"
                first.execute(text(lock), {"place": place})
                with pytest.raises(InFlight):
                    answer_once(submit, lambda: {"made": True}, at=utc_now())
                assert current.scalars(select(IdempotencyKey)).all() == []
                current.rollback()
            found = answer_once(submit, lambda: {"made": True}, at=utc_now())
            current.commit()
            again = answer_once(submit, lambda: {"made": False}, at=utc_now())
        assert (found.is_repeated, again.is_repeated, again.content) == (False, True, {"made": True})


def test_accounts_are_opened_once_too(session, world, office):
    body = {"name": "New Trading", "email": "a@trading.example", "country": "GR", "currency": "EUR"}
    assert office.post("/accounts", body, key=KEY).json == office.post("/accounts", body, key=KEY).json
    with scope(world.scope):
        assert session.scalar(select(func.count()).select_from(Account).where(Account.name == "New Trading")) == 1
