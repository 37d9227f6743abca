"""More and fewer licences of what runs: vendor first, then the quantity, then the money (CB-24)."""

from __future__ import annotations

from datetime import date

import pytest

from app.catalogue.models import BillingType
from app.changes.due import apply_due
from app.changes.renewals import bill_day
from app.core.errors import Conflict, Invalid
from app.core.ids import new_id
from app.orders.execution_outcomes import task_retried
from app.provisioning.models import ProvisioningTask
from app.provisioning.services import retry_task
from app.subscriptions.errors import SubscriptionNotFound, WrongSubscriptionState, WrongSyncState
from app.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    ChangeTiming,
    SubscriptionChange,
    SubscriptionStatus,
    SyncStatus,
)
from app.subscriptions.problems import find_problem
from app.subscriptions.queries import find_subscription_for_update
from tenants.context import scope
from tests.domain.changes.conftest import STAFF, on

QUANTITY = ChangeKind.QUANTITY


def test_added_licences_count_and_are_billed_once_the_vendor_has_confirmed(desk):
    """CB-F75: 5 to 8 x 10.00 on 16 of 1 to 30 June bills 15.00; quantity changes only after vendor success."""
    running = desk.running(quantity=5, unit_cost="10.00", is_provisioned=True)
    change = desk.submit(running, QUANTITY, quantity_to=8, at=on(16))
    before = desk.subscription(running)
    assert (before.quantity, before.sync_status) == (5, SyncStatus.PENDING)
    assert (change.status, desk.charged(running), desk.papers()) == (ChangeStatus.PROCESSING, [], [])
    desk.run_tasks(at=on(16))
    after = desk.subscription(running)
    assert (after.quantity, after.sync_status) == (8, SyncStatus.SYNCHRONISED)
    assert desk.vendor.requests[-1].request.quantity == 8
    assert desk.charged(running) == [("quantity", "15.00", date(2026, 6, 16), date(2026, 6, 30))]
    assert desk.papers() == [("invoice", "15.00")]
    assert desk.change(change).status is ChangeStatus.COMPLETED


def test_licences_that_go_are_credited_for_the_days_after(desk):
    """CB-F76: 10 to 6 x 12.00 on 10 June credits 32.00."""
    running = desk.running(quantity=10, unit_cost="12.00", is_provisioned=True)
    desk.submit(running, QUANTITY, quantity_to=6, at=on(10))
    assert desk.subscription(running).quantity == 10
    desk.run_tasks(at=on(10))
    assert desk.subscription(running).quantity == 6
    assert desk.charged(running) == [("quantity", "-32.00", date(2026, 6, 11), date(2026, 6, 30))]
    assert desk.papers() == [("credit_note", "32.00")]


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (0, "use_cancel"),
        (5, "unchanged"),
        (21, "quantity_range"),
        (1, "quantity_range"),
        (9, "quantity_step"),
        (None, "required"),
    ],
)
def test_a_total_that_cannot_be_is_refused_and_nothing_changes(desk, session, wanted, code):
    """CB-F77: setting the quantity to 0, the same number, or above the maximum is refused."""
    with scope(desk.world.scope):
        product = session.merge(desk.world.seats)
        product.min_quantity, product.max_quantity, product.step_quantity = 2, 20, 2
        session.commit()
    running = desk.running(quantity=5, is_provisioned=True)
    with pytest.raises(Invalid) as refused:
        desk.submit(running, QUANTITY, quantity_to=wanted, at=on(16))
    assert refused.value.codes == (code,)
    assert (desk.subscription(running).quantity, desk.rows(SubscriptionChange)) == (5, [])


def test_what_the_vendor_refuses_changes_nothing_here_and_may_be_tried_again(desk):
    running = desk.running(quantity=5, is_provisioned=True)
    desk.vendor.reject_next(reason="SECRET: no seats left")
    change = desk.submit(running, QUANTITY, quantity_to=8, at=on(16))
    desk.run_tasks(at=on(16))
    failed = desk.subscription(running)
    assert (failed.quantity, failed.status, failed.sync_status) == (5, SubscriptionStatus.ACTIVE, SyncStatus.FAILED)
    assert (desk.change(change).status, desk.charged(running)) == (ChangeStatus.FAILED, [])
    with scope(desk.world.scope):
        assert find_problem(running.id) == "SECRET: no seats left"
    with pytest.raises(WrongSyncState):
        desk.submit(running, QUANTITY, quantity_to=9, at=on(17))
    (task,) = desk.rows(ProvisioningTask)
    desk.do(_retry, task, at=on(17))
    assert desk.change(change).status is ChangeStatus.PROCESSING
    desk.run_tasks(at=on(17))
    assert (desk.subscription(running).quantity, desk.change(change).status) == (8, ChangeStatus.COMPLETED)
    assert desk.papers() == [("invoice", "15.00")]  # from the day it was asked for


def _retry(task, *, at):
    task_retried(retry_task(task.id, actor=STAFF, at=at), at=at)


def test_the_same_request_twice_is_made_once(desk):
    running, other = desk.running(is_provisioned=True), desk.running()
    key = new_id()
    first = desk.submit(running, QUANTITY, quantity_to=8, at=on(16), key=key)
    again = desk.submit(running, QUANTITY, quantity_to=8, at=on(16), key=key)
    assert first.id == again.id
    assert len(desk.rows(SubscriptionChange)) == len(desk.rows(ProvisioningTask)) == 1
    with pytest.raises(Conflict):
        desk.submit(other, QUANTITY, quantity_to=8, at=on(16), key=key)


def test_where_nobody_is_to_be_asked_it_is_done_at_once(desk):
    running = desk.running(quantity=5)
    change = desk.submit(running, QUANTITY, quantity_to=8, at=on(16))
    assert (change.status, desk.subscription(running).quantity) == (ChangeStatus.COMPLETED, 8)
    assert (desk.papers(), desk.rows(ProvisioningTask)) == ([("invoice", "15.00")], [])


@pytest.mark.parametrize("status", [each for each in SubscriptionStatus if each is not SubscriptionStatus.ACTIVE])
def test_only_what_is_active_changes_its_quantity(desk, status):
    running = desk.running(status=status)
    with pytest.raises(WrongSubscriptionState) as refused:
        desk.submit(running, QUANTITY, quantity_to=8, at=on(16))
    assert status.value.replace("_", " ") in str(refused.value)
    assert desk.rows(SubscriptionChange) == []


def test_a_quantity_for_the_next_period_waits_for_it_and_is_not_charged_now(desk):
    """CB-F78 (partly): a future request applies at period end."""
    running = desk.running(quantity=5, is_provisioned=True)
    change = desk.submit(running, QUANTITY, quantity_to=3, timing=ChangeTiming.PERIOD_END, at=on(16))
    assert (change.status, change.effective_on) == (ChangeStatus.SCHEDULED, date(2026, 7, 1))
    assert desk.rows(ProvisioningTask) == []

    def due(day):
        return apply_due(find_subscription_for_update(running.id), on=day, at=on(1, 7))

    assert desk.do(due, date(2026, 6, 30)) is True
    assert desk.change(change).status is ChangeStatus.SCHEDULED
    assert desk.do(due, date(2026, 7, 1)) is False  # the vendor first
    desk.run_tasks(at=on(1, 7))
    assert (desk.subscription(running).quantity, desk.charged(running)) == (3, [])
    assert desk.do(due, date(2026, 7, 1)) is True


def test_what_is_not_within_reach_does_not_exist(desk):
    running = desk.running()
    with pytest.raises(SubscriptionNotFound):
        desk.submit(running, QUANTITY, quantity_to=8, at=on(16), where=desk.world.tech.customer_scope(),
                    is_from_storefront=True)  # fmt: skip
    assert desk.rows(SubscriptionChange) == []


def test_in_arrears_the_quantity_days_of_the_period_are_billed_at_its_end(desk):
    """CB-24: 2 licences, 4 from the 16th on, 1 after the 20th: 10.00 x (15 x 2 + 5 x 4 + 10 x 1) / 30 = 20.00."""
    running = desk.running(quantity=2, unit_cost="10.00", is_charged=False, billing_type=BillingType.ON_END)
    desk.submit(running, QUANTITY, quantity_to=4, at=on(16))
    desk.submit(running, QUANTITY, quantity_to=1, at=on(20))
    assert (desk.charged(running), desk.papers()) == ([], [])
    desk.do(bill_day, desk.world.direct.id, date(2026, 7, 1), at=on(1, 7))
    assert desk.papers() == [("invoice", "20.00")]
