from __future__ import annotations

from datetime import timedelta

import pytest

from app.audit.services import SYSTEM
from app.core.db import unit_of_work
from app.notifications.models import OutboundMail
from app.orders.execution_outcomes import task_retried
from app.orders.models import DeliveryStatus, Order, OrderEvent, OrderItem, OrderStatus
from app.provisioning.claims import claim_task, complete_task, hand_back
from app.provisioning.errors import WrongTaskState
from app.provisioning.models import ProvisioningTask, TaskStatus, VendorAccountLink
from app.provisioning.services import retry_task
from app.subscriptions.models import (
    Subscription,
    SubscriptionStatus,
    SubscriptionVendorLink,
    SyncStatus,
    VendorProblem,
)
from app.subscriptions.problems import find_problem
from tenants.context import scope
from tests.factories.execution import Wanted, alias_order, all_of, root_order, use_service_manager
from workers.jobs import provisioning


@pytest.fixture
def task(session, world, vendor, run_order) -> ProvisioningTask:
    """One executed alias order's task, waiting for the fake vendor."""
    use_service_manager(session, world)
    placed = alias_order(session, world, [Wanted(world.seats, 5)], status=OrderStatus.EXECUTING)
    run_order(placed)
    return only(session, world, ProvisioningTask)


def only(session, world, model):
    with scope(world.scope):
        (found,) = all_of(session, model)
        session.expunge_all()
        session.commit()
        return found


def test_an_order_reaches_the_vendor_and_the_subscription_becomes_active(session, world, vendor, task, run_task):
    """CB-F67 (partly), RS-F73: the vendor's yes makes the subscription Active, the item Delivered; mail goes out."""
    run_task(task)
    with scope(world.scope):
        subscription = only(session, world, Subscription)
        assert (subscription.status, subscription.sync_status) == (SubscriptionStatus.ACTIVE, SyncStatus.SYNCHRONISED)
        assert only(session, world, SubscriptionVendorLink).vendor_reference == "resource-1"
        done = only(session, world, ProvisioningTask)
        assert (done.status, done.vendor_reference, done.attempts) == (TaskStatus.SUCCEEDED, "resource-1", 1)
        assert only(session, world, OrderItem).delivery_status is DeliveryStatus.DELIVERED
        (mail,) = [mail for mail in all_of(session, OutboundMail) if mail.template == "subscription_ready"]
        assert (mail.to_email, mail.sender_reseller_id) == (world.tech.buyers[0].email, world.tech.id)


def test_the_account_is_made_known_to_the_vendor_first_and_once(session, world, vendor, task, run_task, run_order):
    run_task(task)
    assert [account.name for account in vendor.accounts.values()] == [world.tech.customers[0].name]
    second = alias_order(session, world, [Wanted(world.seats, 1)], status=OrderStatus.EXECUTING)
    run_order(second)
    with scope(world.scope):
        later = all_of(session, ProvisioningTask)[-1]
        session.expunge_all()
        session.commit()
    run_task(later)
    assert (len(vendor.accounts), len(vendor.resources)) == (1, 2)
    assert only(session, world, VendorAccountLink).vendor_reference == "account-1"


def test_running_twice_creates_one_vendor_resource(session, world, vendor, task, run_task):
    for _ in range(2):
        run_task(task)
    assert (vendor.calls, len(vendor.resources)) == (1, 1)


def test_a_refusal_keeps_the_vendors_message_for_staff_and_a_neutral_one_for_the_buyer(
    session, world, vendor, task, run_task
):
    """CB-F67 (partly), CB-F68 (partly): Code other than 0 is Failed with the vendor's message, and is not tried again."""
    vendor.reject_next(times=1, code="17", reason="SECRET: tenant domain is taken")
    vendor.reject_next(times=1, code="17", reason="SECRET: tenant domain is taken")
    run_task(task)
    with scope(world.scope):
        failed = only(session, world, ProvisioningTask)
        assert (failed.status, failed.message) == (TaskStatus.FAILED, "SECRET: tenant domain is taken")
        subscription = only(session, world, Subscription)
        assert (subscription.sync_status, find_problem(subscription.id)) == (
            SyncStatus.FAILED, "SECRET: tenant domain is taken",
        )  # fmt: skip
        assert subscription.status is SubscriptionStatus.PENDING_ACTIVATION
        assert only(session, world, OrderItem).delivery_status is DeliveryStatus.FAILED
        operators = [mail for mail in all_of(session, OutboundMail) if mail.template == "provisioning_failed"]
        assert [mail.to_email for mail in operators] == [world.bss_user.email]
    with scope(world.tech.customer_scope()):
        texts = [event.text for event in all_of(session, OrderEvent)]
        assert texts[-1] == "Contoso Mail: provisioning failed – the provider has been informed."
        assert not any("SECRET" in text for text in texts)
        for model in (OrderItem, Subscription):  # rows that the customer, and its reseller, may read
            assert not any("SECRET" in str(vars(row)) for row in all_of(session, model))
        assert all_of(session, VendorProblem) == []
        session.expunge_all()
        session.commit()


def test_a_transport_error_is_tried_again_by_the_tasks_clock(session, world, vendor, task, run_task, clock):
    """CB-F68 (partly): a vendor that is down is asked again after a minute, not before, and then succeeds."""
    vendor.fail_next()
    run_task(task)
    waiting = only(session, world, ProvisioningTask)
    assert (waiting.status, waiting.next_attempt_at - clock.now) == (TaskStatus.PENDING, timedelta(minutes=1))
    with scope(world.tech.customer_scope()):
        event = all_of(session, OrderEvent)[-1]
        assert (event.kind, event.next_attempt_at) == ("retry", waiting.next_attempt_at)
        assert "nothing for you to do" in event.text
        session.expunge_all()
        session.commit()
    run_task(task)
    assert vendor.resources == {}
    clock.forward(minutes=1)
    run_task(task)
    assert only(session, world, ProvisioningTask).status is TaskStatus.SUCCEEDED
    assert len(vendor.resources) == 1


def test_a_vendor_that_is_down_is_asked_again_and_one_that_refuses_is_not(
    session, world, vendor, task, run_task, clock
):
    """CB-F68: a 503 is retried automatically; a business error is not."""
    vendor.fail_next()
    run_task(task)
    assert only(session, world, ProvisioningTask).status is TaskStatus.PENDING
    clock.forward(minutes=1)
    vendor.reject_next(reason="The tenant is blocked")
    run_task(task)
    for _ in range(20):
        clock.forward(minutes=10)
        run_task(task)
    refused = only(session, world, ProvisioningTask)
    assert (refused.status, refused.attempts, refused.message) == (TaskStatus.FAILED, 2, "The tenant is blocked")
    assert (vendor.calls, vendor.resources) == (0, {})


def test_tries_follow_each_other_after_1_5_15_30_and_60_minutes_and_end_after_120(
    session, world, vendor, task, run_task, clock
):
    began = clock.now
    vendor.fail_next(times=100)
    tries = []
    for _ in range(20):
        tries.append((clock.now - began) / timedelta(minutes=1))
        run_task(task)
        current = only(session, world, ProvisioningTask)
        if current.status is TaskStatus.FAILED:
            break
        clock.now = current.next_attempt_at
    assert tries == [0, 1, 6, 21, 51, 111, 120]
    assert only(session, world, OrderItem).delivery_status is DeliveryStatus.FAILED


def test_a_lost_answer_is_looked_up_before_anything_is_done_again(session, world, vendor, task, run_task, clock):
    vendor.accounts.clear()
    run_accounts_first(vendor)
    vendor.time_out_after_next()
    run_task(task)
    assert len(vendor.resources) == 1
    clock.forward(minutes=1)
    run_task(task)
    assert only(session, world, ProvisioningTask).status is TaskStatus.SUCCEEDED
    assert (vendor.calls, len(vendor.resources)) == (1, 1)


def run_accounts_first(vendor) -> None:
    """Let account and pre-check pass: the trouble is for the call that counts."""
    for _ in range(2):
        vendor._trouble(times=1)


def test_retry_after_repair_leaves_exactly_one_service_at_the_vendor(session, world, vendor, task, run_task, clock):
    """CB-F69: Retry after repair leads to Synchronised, and one service with one idempotency key at the vendor."""
    vendor.reject_next(reason="The country is missing")
    run_task(task)
    with scope(world.scope), unit_of_work():
        retried = retry_task(task.id, actor=SYSTEM, at=clock.now)
        task_retried(retried, at=clock.now)
    run_task(task)
    assert only(session, world, Subscription).sync_status is SyncStatus.SYNCHRONISED
    assert len(vendor.resources) == 1
    assert {call.idempotency_key for call in vendor.requests} == {str(task.id)}
    with scope(world.scope), pytest.raises(WrongTaskState):
        retry_task(task.id, actor=SYSTEM, at=clock.now)


def test_a_failing_precheck_shows_its_message_and_nothing_is_called(session, world, vendor, task, run_task):
    """CB-F71: the pre-check's message is kept, no real call is made."""
    vendor._trouble(times=1)  # the account passes
    vendor.reject_next(reason="This edition needs 10 seats")
    run_task(task)
    assert (len(vendor.checks), vendor.calls) == (1, 0)
    assert only(session, world, ProvisioningTask).message == "This edition needs 10 seats"


def test_a_run_that_lost_its_lease_cannot_write_the_outcome(session, world, vendor, task, clock):
    with scope(world.scope):
        with unit_of_work():
            first = claim_task(task.id, at=clock.now)
        assert first is not None
        with unit_of_work():
            assert claim_task(task.id, at=clock.now + timedelta(minutes=9)) is None
            second = claim_task(task.id, at=clock.now + timedelta(minutes=10))
        assert second is not None
        assert second.may_be_done
        with unit_of_work():
            assert not complete_task(task.id, first.lease_token, vendor_reference="late", message="", at=clock.now)
            assert complete_task(task.id, second.lease_token, vendor_reference="right", message="", at=clock.now)
    assert only(session, world, ProvisioningTask).vendor_reference == "right"


def test_a_task_nobody_got_to_keeps_its_two_hours(session, world, vendor, task, clock):
    with scope(world.scope):
        with unit_of_work():
            claimed = claim_task(task.id, at=clock.now)
        assert claimed is not None
        with unit_of_work():
            hand_back(task.id, claimed.lease_token, at=clock.now)
    row = only(session, world, ProvisioningTask)
    assert (row.status, row.attempts, row.first_attempt_at) == (TaskStatus.PENDING, 0, None)


def test_a_run_that_breaks_off_is_tried_again_and_ends_after_120_minutes(
    session, world, vendor, task, run_task, clock, monkeypatch
):
    def broken(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(vendor, "create", broken)
    run_task(task)
    row = only(session, world, ProvisioningTask)
    assert (row.status, row.message) == (TaskStatus.PENDING, "RuntimeError: out of memory")
    assert row.next_attempt_at == clock.now + timedelta(minutes=1)
    clock.forward(minutes=120)
    run_task(task)
    assert only(session, world, ProvisioningTask).status is TaskStatus.FAILED


def test_one_task_that_breaks_off_does_not_hold_up_its_batch(session, world, vendor, run_order, clock, monkeypatch):
    use_service_manager(session, world)
    run_order(root_order(session, world, [Wanted(world.seats, n, "10.00") for n in range(1, 4)]))
    create = vendor.create

    def create_but_two(request, **more):
        if request.quantity == 1:
            raise RuntimeError("out of memory")
        return create(request, **more)

    monkeypatch.setattr(vendor, "create", create_but_two)
    provisioning.provision_batch(str(world.id), distributor_id=str(world.id))
    with scope(world.scope):
        statuses = [task.status for task in all_of(session, ProvisioningTask)]
    assert sorted(status.value for status in statuses) == ["pending", "succeeded", "succeeded"]


def test_a_batch_does_every_due_task_of_its_distributor(session, world, vendor, run_order, clock):
    use_service_manager(session, world)
    placed = root_order(session, world, [Wanted(world.seats, n, "10.00") for n in range(1, 8)])
    run_order(placed)
    provisioning.provision_batch(str(world.id), distributor_id=str(world.id))
    with scope(world.scope):
        assert {task.status for task in all_of(session, ProvisioningTask)} == {TaskStatus.SUCCEEDED}
        assert {sub.status for sub in all_of(session, Subscription)} == {SubscriptionStatus.ACTIVE}
    assert (vendor.calls, len(vendor.accounts)) == (7, 1)


def test_a_service_that_people_provision_waits_for_a_person(session, world, run_order, run_task):
    use_service_manager(session, world, kind="manual")
    placed = root_order(session, world, [Wanted(world.seats, 1, "10.00")])
    run_order(placed)
    run_task(only(session, world, ProvisioningTask))
    waiting = only(session, world, ProvisioningTask)
    assert waiting.status is TaskStatus.WAITING
    assert only(session, world, OrderItem).delivery_status is DeliveryStatus.PROVISIONING
    with scope(world.scope):
        assert session.get_one(Order, (world.id, placed.id)).status is OrderStatus.EXECUTED


def test_licences_are_added_to_what_is_still_being_set_up_strictly_in_order(
    session, world, vendor, task, run_task, run_order
):
    """CB-22: five are on their way; three and two more are asked for after them, and all ten stand."""
    more = {"subscription_id": task.subject_id}
    for quantity in (3, 2):
        run_order(
            alias_order(session, world, [Wanted(world.seats, quantity, columns=more)], status=OrderStatus.EXECUTING)
        )
    with scope(world.scope):
        tasks = sorted(all_of(session, ProvisioningTask), key=lambda each: each.sequence)
        session.expunge_all()
        session.commit()
    for early in tasks[1:]:
        run_task(early)
    assert vendor.calls == 0
    for each in tasks:
        run_task(each)
    assert [call.request.quantity for call in vendor.requests] == [5, 8, 10]
    subscription = only(session, world, Subscription)
    assert (subscription.status, subscription.quantity) == (SubscriptionStatus.ACTIVE, 10)
    assert subscription.sync_status is SyncStatus.SYNCHRONISED
