"""The calendar of what will happen by itself, and taking it back (GO-12)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.audit.services import Actor
from app.changes.effects import NewChange
from app.changes.requests import submit_change
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.ids import new_id
from app.identity.models import UserKind, UserType
from app.orders.models import Order, OrderStatus
from app.subscriptions.models import ChangeKind, ChangeStatus, ChangeTiming, SubscriptionStatus
from tenants.context import scope
from tests.factories.execution import Wanted, root_order
from tests.factories.world import make_user
from tests.web.changes.conftest import PERIOD, TODAY, changes, reread, send

NEXT = PERIOD[1] + timedelta(days=1)


@pytest.fixture
def scheduled(world, session, running):
    """Four subscriptions and an order that something will happen to."""
    made = {
        "renews": running(friendly_name="Mail renews"),
        "expires": running(friendly_name="Mail expires", auto_renew=False),
        "shrinks": running(friendly_name="Mail shrinks", quantity=5),
        "ends": running(friendly_name="Mail ends"),
    }
    for name, kind, of in (
        ("shrinks", ChangeKind.QUANTITY, {"quantity_to": 3}),
        ("ends", ChangeKind.CANCELLATION, {"reason": "Unused"}),
    ):
        wanted = NewChange(
            subscription_id=made[name].id, kind=kind, request_key=new_id(), timing=ChangeTiming.PERIOD_END, **of
        )
        with scope(world.scope), unit_of_work():
            submit_change(wanted, actor=Actor(None, "Sam"), at=utc_now())
    placed = root_order(session, world, [Wanted(world.seats)], status=OrderStatus.SCHEDULED)
    with scope(world.scope):
        session.get(Order, (world.id, placed.id)).execute_on = TODAY + timedelta(days=3)
        session.commit()
    return made


@pytest.fixture
def staff(sign_in, world):
    return sign_in(world.bss_user)


def test_everything_that_is_scheduled_stands_in_one_calendar(staff, scheduled):
    """GO-12 in the back office: orders, renewals, quantity changes and cancellations, day by day."""
    page = staff.get("/bss/calendar").text
    for words in (
        "Order is executed",
        "Renews for a new term",
        "Expires",
        "Change of quantity to 3",
        "Canceled: first day",
    ):
        assert words in page
    for name in ("Mail renews", "Mail expires", "Mail shrinks", "Mail ends"):
        assert name in page
    narrowed = staff.get("/bss/calendar?kind=expiry").text
    assert "Mail expires" in narrowed
    assert "Mail shrinks" not in narrowed
    assert "Mail shrinks" not in staff.get("/bss/calendar?q=renews").text
    assert "Change of quantity to 3" in staff.get("/bss/calendar?export=csv").text
    assert "Nothing is scheduled" in staff.get(f"/bss/calendar?from={(NEXT + timedelta(days=90)).isoformat()}").text
    assert staff.get("/bss/calendar?from=yesterday&kind=never&page=-1").status_code == 200


def test_what_is_scheduled_is_taken_back_from_there(staff, world, scheduled):
    for name in ("shrinks", "ends"):
        running = scheduled[name]
        (change,) = [each for each in changes(world) if each.subscription_id == running.id]
        path = f"/bss/subscriptions/{running.code}/requests/{change.id}/withdraw"
        answer = send(staff, path, back="calendar")
        assert (answer.status_code, answer.location) == (303, "/bss/calendar")
    assert {each.status for each in changes(world)} == {ChangeStatus.WITHDRAWN}
    assert reread(world, scheduled["ends"]).status is SubscriptionStatus.ACTIVE
    for name, is_on in (("renews", "0"), ("expires", "1")):
        code = scheduled[name].code
        assert send(staff, f"/bss/subscriptions/{code}/auto-renew", is_on=is_on, back="calendar").status_code == 303
        assert reread(world, scheduled[name]).auto_renew is (is_on == "1")


def test_who_may_only_look_undoes_nothing(sign_in, world, session, scheduled):
    with scope(world.scope):
        reader = make_user(
            session, None, kind=UserKind.BSS, realms=(world.id,), type=UserType.USER, roles=("read_only",)
        )
        session.commit()
    page = sign_in(reader).get("/bss/calendar").text
    assert "Mail shrinks" in page
    assert "Withdraw" not in page
    assert "Do not renew" not in page
