"""Future requests: kept here until their day, or sent to the vendor at once where it takes them (CB-24)."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from app.catalogue.models import BillingCycle
from app.changes.errors import ChangePending
from app.changes.jobs import START_CHANGE
from app.changes.price_edits import NewPriceEdit, edit_price
from app.changes.price_quotes import WantedPrice
from app.changes.renewals import bill_day
from app.changes.requests import reject_change, withdraw_change
from app.core.ids import new_id
from app.notifications.models import OutboundMail
from app.orders.repairs import retry
from app.provisioning.kinds import KINDS, ManagerKind
from app.provisioning.models import ProvisioningTask, ServiceManager, TaskKind, TaskStatus
from app.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    ChangeTiming,
    SubscriptionChange,
    SubscriptionEvent,
    SubscriptionStatus,
    SyncStatus,
)
from tenants.context import direct_customer_scope, scope
from tests.domain.changes.conftest import STAFF, on
from tests.factories.parts import make_bundle
from workers.connectors.base import RequestKind
from workers.jobs.sweeps import nudge_changes

END = ChangeTiming.PERIOD_END
JULY_1 = date(2026, 7, 1)
SCHEDULE, WITHDRAW = RequestKind.SCHEDULE, RequestKind.WITHDRAW


@pytest.fixture
def ahead(session, desk, monkeypatch: pytest.MonkeyPatch):
    """The desk, whose vendor wants to hear of later days at once."""
    monkeypatch.setitem(KINDS, "fake", ManagerKind("In memory", KINDS["service_manager"].capabilities))
    with scope(desk.world.scope):
        session.get_one(ServiceManager, (desk.world.id, desk.manager_id)).takes_future_requests = True
        session.commit()
    return desk


@pytest.fixture
def running(ahead):
    made = ahead.running(quantity=5, unit_cost="10.00", is_provisioned=True)
    ahead.vendor.today = date(2026, 6, 10)
    return made


def fewer(desk, running, to: int = 3, **of):
    return desk.submit(running, ChangeKind.QUANTITY, quantity_to=to, timing=END, at=on(10), **of)


def told(desk) -> list[tuple[RequestKind, int, date | None]]:
    return [(each.request.kind, each.request.quantity, each.request.effective_on) for each in desk.vendor.requests]


def tick(desk, day: date = JULY_1) -> None:
    desk.do(bill_day, desk.world.direct.id, day, at=on(day.day, day.month))


def billed(desk) -> list[str]:
    return [net for kind, net in desk.papers() if kind == "invoice"]


def lines(desk) -> list[str]:
    return [event.kind for event in desk.rows(SubscriptionEvent)]


def booked(desk, running, **of):
    """A request the vendor has accepted for its day."""
    change = fewer(desk, running, **of)
    desk.run_tasks(at=on(10))
    return change


def test_a_future_request_is_sent_at_once_with_its_day_and_holds_here_on_that_day(ahead, running):
    """CB-F78, CB-24: sent to the vendor at once: the number is told with its day, and applied here at the period's end."""
    change = fewer(ahead, running)
    assert ahead.change(change).status is ChangeStatus.PROCESSING
    for _ in range(2):
        ahead.run_tasks(at=on(10))
    assert told(ahead) == [(SCHEDULE, 3, JULY_1)]
    waiting, subscription = ahead.change(change), ahead.subscription(running)
    assert (waiting.status, waiting.is_at_vendor) == (ChangeStatus.SCHEDULED, True)
    assert (subscription.quantity, subscription.sync_status) == (5, SyncStatus.SYNCHRONISED)
    assert ahead.papers() == []
    with pytest.raises(ChangePending):
        ahead.submit(running, ChangeKind.SUSPENSION, at=on(11))

    ahead.vendor.day_comes(JULY_1)
    for _ in range(2):
        tick(ahead)
    assert (ahead.subscription(running).quantity, ahead.change(change).status) == (3, ChangeStatus.COMPLETED)
    assert len(ahead.vendor.requests) == 1  # nothing more is asked on the day
    assert ahead.vendor.resources["resource-1"].picture.quantity == 3
    assert (ahead.subscription(running).period_from, billed(ahead)) == (JULY_1, ["36.00"])


@pytest.mark.parametrize("is_on", [True, False])
def test_without_the_switch_the_billing_run_asks_on_the_day(ahead, running, session, is_on):
    """CB-24: two modes by service manager."""
    with scope(ahead.world.scope):
        session.get_one(ServiceManager, (ahead.world.id, ahead.manager_id)).takes_future_requests = is_on
        session.commit()
    change = booked(ahead, running)
    assert ahead.change(change).is_at_vendor is is_on
    assert [kind for kind, _, _ in told(ahead)] == ([SCHEDULE] if is_on else [])
    tick(ahead)
    ahead.run_tasks(at=on(1, 7))
    tick(ahead)
    assert [kind for kind, _, _ in told(ahead)] == ([SCHEDULE] if is_on else [RequestKind.UPDATE])
    assert ahead.subscription(running).quantity == 3


@pytest.mark.parametrize("by_customer", [True, False])
def test_a_withdrawn_request_is_taken_back_at_the_vendor_first(ahead, running, by_customer):
    """CB-24: may be withdrawn until applied; the vendor forgets it, then it is withdrawn here."""
    change = booked(ahead, running)
    own = direct_customer_scope(ahead.world.id, ahead.world.direct.id)
    ahead.do_in(own if by_customer else ahead.world.scope, withdraw_change, change.id, actor=STAFF, at=on(11))
    assert ahead.change(change).status is ChangeStatus.WITHDRAWING
    assert list(ahead.vendor.scheduled) == ["resource-1"]
    with pytest.raises(ChangePending):
        fewer(ahead, running, to=4)
    for _ in range(2):
        ahead.look(change, at=on(11))
    ahead.run_tasks(at=on(11))
    assert told(ahead)[1:] == [(WITHDRAW, 5, JULY_1)]
    gone = ahead.change(change)
    assert (gone.status, gone.is_at_vendor, ahead.vendor.scheduled) == (ChangeStatus.WITHDRAWN, False, {})
    assert ahead.subscription(running).sync_status is SyncStatus.SYNCHRONISED
    tick(ahead)
    assert (ahead.subscription(running).quantity, billed(ahead)) == (5, ["60.00"])


def test_a_withdrawal_whose_job_was_lost_is_found_by_the_sweep(ahead, running, monkeypatch: pytest.MonkeyPatch):
    change = booked(ahead, running)
    ahead.do(withdraw_change, change.id, actor=STAFF, at=on(11))
    nudged = []
    monkeypatch.setattr("app.core.db.send_nudges", nudged.extend)
    ahead.do(nudge_changes, on(11) + timedelta(seconds=5))
    assert nudged == []
    ahead.do(nudge_changes, on(11) + timedelta(minutes=1))
    assert [(nudge.job, nudge.row_id) for nudge in nudged] == [(START_CHANGE, change.id)]


def test_a_vendor_that_will_not_forget_it_keeps_it_here_too_and_operators_are_told(ahead, running):
    """CB-22: it stands there, so it stands here; it may be withdrawn again, and holds on its day."""
    change = booked(ahead, running)
    ahead.do(withdraw_change, change.id, actor=STAFF, at=on(11))
    ahead.look(change, at=on(11))
    ahead.vendor.reject_next(reason="It has begun")
    ahead.run_tasks(at=on(11))
    kept = ahead.change(change)
    assert (kept.status, kept.is_at_vendor) == (ChangeStatus.SCHEDULED, True)
    assert ahead.subscription(running).sync_status is SyncStatus.SYNCHRONISED
    assert lines(ahead)[-1] == "request_stands"
    (mail,) = [each for each in ahead.rows(OutboundMail) if each.template == "change_failed"]
    assert mail.fields["reason"] == "It could not be withdrawn: It has begun"
    tick(ahead)
    assert ahead.subscription(running).quantity == 3
    assert {task.status for task in ahead.rows(ProvisioningTask)} == {TaskStatus.SUCCEEDED, TaskStatus.CANCELED}


def test_a_vendor_that_refuses_the_day_leaves_everything_as_it_was_until_somebody_decides(ahead, running):
    """CB-22: Failed with the vendor's words; tried again it is scheduled, rejected it is forgotten."""
    change = fewer(ahead, running)
    ahead.vendor.reject_next(reason="No changes in the last month")
    ahead.run_tasks(at=on(10))
    assert ahead.change(change).status is ChangeStatus.FAILED
    assert (ahead.subscription(running).sync_status, ahead.subscription(running).quantity) == (SyncStatus.FAILED, 5)
    (task,) = ahead.rows(ProvisioningTask)
    ahead.do(retry, task.id, actor=STAFF, at=on(11))
    ahead.run_tasks(at=on(11))
    assert ahead.change(change).status is ChangeStatus.SCHEDULED

    again = ahead.running(quantity=5, is_provisioned=True)
    other = fewer(ahead, again)
    ahead.vendor.reject_next()
    ahead.run_tasks(at=on(12))
    ahead.do(reject_change, other.id, "The vendor does not do it", actor=STAFF, at=on(13))
    tick(ahead)
    assert (ahead.change(other).status, ahead.subscription(again).quantity) == (ChangeStatus.REJECTED, 5)
    assert (ahead.change(change).status, ahead.subscription(running).quantity) == (ChangeStatus.COMPLETED, 3)


def test_an_answer_that_comes_after_the_day_holds_at_once_and_gives_back_what_was_charged(ahead, running):
    """CB-24, CB-28: a renewal waits for the vendor; where it went on without, the whole new period is at the new number."""
    change = fewer(ahead, running)
    tick(ahead)
    assert ahead.subscription(running).period_to == date(2026, 6, 30)  # the vendor is still asked
    ahead.vendor.reject_next()
    ahead.run_tasks(at=on(1, 7))
    tick(ahead)
    assert (ahead.subscription(running).period_from, billed(ahead)) == (JULY_1, ["60.00"])
    (task,) = ahead.rows(ProvisioningTask)
    ahead.do(retry, task.id, actor=STAFF, at=on(2, 7))
    ahead.vendor.today = date(2026, 7, 2)
    ahead.run_tasks(at=on(2, 7))
    assert (ahead.change(change).status, ahead.subscription(running).quantity) == (ChangeStatus.COMPLETED, 3)
    assert ahead.vendor.resources["resource-1"].picture.quantity == 3
    assert ahead.papers()[-1] == ("credit_note", "24.00")


def test_another_billing_cycle_is_told_ahead_and_another_price_is_not(ahead, running):
    """CB-24: number of licences, and billing plan; a vendor is told of no price."""

    def edit(subscription, **wanted) -> SubscriptionChange:
        new = NewPriceEdit(
            subscription_id=subscription.id, wanted=WantedPrice(user_price=Decimal(80), **wanted), timing=END,
            request_key=new_id(),
        )  # fmt: skip
        return ahead.do(edit_price, new, actor=STAFF, at=on(10))

    cycle = edit(running, cycle=BillingCycle.ANNUAL)
    ahead.run_tasks(at=on(10))
    (call,) = ahead.vendor.requests
    assert (call.request.kind, call.request.billing_cycle, call.request.effective_on) == (SCHEDULE, "annual", JULY_1)
    assert ahead.change(cycle).is_at_vendor
    with pytest.raises(ChangePending):  # what the vendor knows has to be withdrawn there first
        ahead.do(
            edit_price,
            NewPriceEdit(
                subscription_id=running.id, wanted=WantedPrice(user_price=Decimal(70)), timing=ChangeTiming.NOW,
                request_key=new_id(),
            ),
            actor=STAFF, at=on(11),
        )  # fmt: skip

    other = ahead.running(quantity=5, is_provisioned=True)
    change = edit(other)
    assert ahead.change(change).status is ChangeStatus.SCHEDULED
    assert len(ahead.rows(ProvisioningTask)) == 1
    tick(ahead)
    assert (ahead.subscription(running).cycle, ahead.change(cycle).status) == (
        BillingCycle.ANNUAL,
        ChangeStatus.COMPLETED,
    )


def test_a_bundle_is_asked_on_the_day_as_its_components_have_vendors_of_their_own(session, ahead):
    world = ahead.world
    bundle = make_bundle(session, world, "15.80", [(world.seats, 1)])
    running = ahead.running(product=bundle, quantity=2, unit_cost="15.80", sync_status=SyncStatus.SYNCHRONISED)
    change = fewer(ahead, running, to=1)
    assert (ahead.change(change).status, ahead.rows(ProvisioningTask)) == (ChangeStatus.SCHEDULED, [])


def test_a_term_that_ends_anyway_forgets_what_was_scheduled_with_it(ahead):
    running = ahead.running(quantity=5, is_provisioned=True, auto_renew=False)
    ahead.vendor.today = date(2026, 6, 10)
    change = booked(ahead, running)
    tick(ahead)
    ahead.run_tasks(at=on(1, 7))
    assert ahead.subscription(running).status is SubscriptionStatus.EXPIRED
    assert ahead.change(change).status is ChangeStatus.COMPLETED
    assert [task.kind for task in ahead.rows(ProvisioningTask)] == [TaskKind.SCHEDULE, TaskKind.CANCEL]
