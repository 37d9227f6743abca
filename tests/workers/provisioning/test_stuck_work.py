from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from app.audit.services import SYSTEM
from app.core.db import unit_of_work
from app.core.ids import new_id
from app.notifications.models import MailState, OutboundMail
from app.orders.models import Order, OrderStatus
from app.orders.repairs import retry
from app.provisioning.claims import claim_task
from app.provisioning.models import ProvisioningTask, StuckKind, StuckWork, TaskStatus
from app.reporting.stuck_work import count_stuck, list_stuck
from tenants.context import scope
from tests.factories.execution import Wanted, alias_order, all_of, use_service_manager
from workers.jobs.stuck import look_for_stuck_work


@pytest.fixture
def placed(session, world, vendor):
    use_service_manager(session, world)
    return alias_order(session, world, [Wanted(world.seats, 5)], status=OrderStatus.EXECUTING)


def look(world, clock) -> None:
    with scope(world.scope), unit_of_work():
        look_for_stuck_work(clock.now)


def standing(session, world) -> list[tuple[StuckKind, str]]:
    with scope(world.scope):
        found = [(row.kind, row.text) for row in list_stuck()]
        assert count_stuck() == len(found)
        session.commit()
        return found


def mails(session, world, template: str = "stuck_work") -> list[OutboundMail]:
    with scope(world.scope):
        found = [mail for mail in all_of(session, OutboundMail) if mail.template == template]
        session.expunge_all()
        session.commit()
        return found


def minutes_until_found(session, world, clock) -> int:
    """Look each minute, as the schedule does, until something stands still."""
    for minute in range(1, 61):
        clock.forward(minutes=1)
        look(world, clock)
        if standing(session, world):
            return minute
    return 61


def test_an_order_nobody_works_on_is_told_of_once_and_closed_when_it_goes_on(session, world, placed, run_order, clock):
    """GO-03: an order that stays Executing is on the home page within 15 minutes; one mail per incident."""
    assert minutes_until_found(session, world, clock) <= 15
    for _ in range(5):
        clock.forward(minutes=1)
        look(world, clock)
    assert standing(session, world) == [
        (StuckKind.ORDER_EXECUTING, f"{placed.number} is still executing: no worker has taken it")
    ]
    (mail,) = mails(session, world)
    assert (mail.to_email, mail.fields["count"]) == (world.bss_user.email, "1")
    assert placed.number in mail.fields["matters"]
    assert mail.fields["queue_url"].endswith("/bss/provisioning/stuck")

    assert mails(session, world, "work_recovered") == []
    run_order(placed)
    for _ in range(2):
        look(world, clock)
    assert StuckKind.ORDER_EXECUTING not in {kind for kind, _ in standing(session, world)}
    (mail,) = mails(session, world, "work_recovered")
    assert (mail.to_email, mail.sender_reseller_id, mail.fields["count"]) == (world.bss_user.email, None, "1")
    assert placed.number in mail.fields["matters"]
    with scope(world.scope):
        assert all_of(session, StuckWork)[0].closed_at == clock.now
        session.commit()


def test_a_task_whose_worker_died_is_found_within_a_quarter_of_an_hour(session, world, placed, run_order, clock):
    """CB-F72 (partly), GO-03: its lease is over and nobody has taken it again."""
    run_order(placed)
    with scope(world.scope), unit_of_work():
        (task,) = all_of(session, ProvisioningTask)
        assert claim_task(task.id, at=clock.now) is not None

    assert minutes_until_found(session, world, clock) <= 15
    ((kind, text),) = standing(session, world)
    assert kind is StuckKind.TASK_OVERDUE
    assert "the worker that had it is gone" in text


def test_a_task_nobody_takes_is_found(session, world, placed, run_order, clock):
    run_order(placed)

    assert minutes_until_found(session, world, clock) <= 15
    assert [kind for kind, _ in standing(session, world)] == [StuckKind.TASK_OVERDUE]


def test_a_failed_task_of_no_order_is_told_of_and_a_scheduled_order_has_its_own_mail(
    session, world, placed, run_order, clock
):
    run_order(placed)
    with scope(world.scope), unit_of_work():
        session.execute(
            update(ProvisioningTask).values(
                status=TaskStatus.FAILED, order_id=None, message="No room", finished_at=clock.now
            )
        )
        session.execute(update(Order).values(status=OrderStatus.SCHEDULED, run_failed_at=clock.now))
    look(world, clock)

    assert {kind for kind, _ in standing(session, world)} == {StuckKind.TASK_FAILED, StuckKind.ORDER_SCHEDULED}
    (mail,) = mails(session, world)
    assert mail.fields["count"] == "1"
    assert "No room" in mail.fields["matters"]


def test_mail_that_is_not_sent_is_found(session, world, placed, run_order, run_task, clock):
    run_order(placed)
    with scope(world.scope):
        (task,) = all_of(session, ProvisioningTask)
        session.expunge_all()
        session.commit()
    run_task(task)
    with scope(world.scope), unit_of_work():
        session.execute(
            update(OutboundMail).values(state=MailState.PENDING, next_attempt_at=clock.now, lease_until=None)
        )
        waiting = len(all_of(session, OutboundMail))
    assert waiting > 0

    assert minutes_until_found(session, world, clock) <= 15
    assert {kind for kind, _ in standing(session, world)} == {StuckKind.MAIL}


def test_what_reads_alike_is_told_once_with_its_number(session, world, clock):
    with scope(world.scope), unit_of_work():
        for template, number in (("order_confirmation", 14), ("order_approved", 1)):
            for _ in range(number):
                session.add(
                    OutboundMail(
                        id=new_id(), template=template, to_email="a@x.example", to_name="A", fields={},
                        next_attempt_at=clock.now, created_at=clock.now,
                    )
                )  # fmt: skip
    clock.forward(minutes=11)
    look(world, clock)
    (mail,) = mails(session, world)
    assert mail.fields["count"] == "15"
    assert sorted(mail.fields["matters"].split("; ")) == [
        "A mail waits to be sent: order approved", "A mail waits to be sent: order confirmation (14)",
    ]  # fmt: skip


def test_what_goes_on_is_not_told_of(session, world, placed, run_order, run_task, clock):
    run_order(placed)
    with scope(world.scope):
        (task,) = all_of(session, ProvisioningTask)
        session.expunge_all()
        session.commit()
    run_task(task)
    with scope(world.scope), unit_of_work():
        session.execute(update(OutboundMail).values(state=MailState.SENT))
    clock.forward(hours=3)
    look(world, clock)

    assert standing(session, world) == []
    assert mails(session, world) == []


def test_an_incident_that_comes_back_is_a_new_one(session, world, placed, run_order, clock):
    run_order(placed)
    clock.forward(minutes=20)
    look(world, clock)
    for status in (TaskStatus.SUCCEEDED, TaskStatus.PENDING):
        with scope(world.scope), unit_of_work():
            session.execute(update(ProvisioningTask).values(status=status))
        look(world, clock)

    told = [mail.fields["matters"] for mail in mails(session, world)]
    assert len([words for words in told if "no worker has taken it" in words]) == 2
    assert timedelta(0) < clock.now - standing_since(session, world)


def standing_since(session, world):
    with scope(world.scope):
        (row,) = [row for row in list_stuck() if row.kind is StuckKind.TASK_OVERDUE]
        since = row.since
        session.commit()
        return since


def test_what_was_stuck_and_then_fails_is_not_told_of_as_going_on(
    session, world, placed, run_order, run_task, clock, vendor
):
    run_order(placed)
    assert minutes_until_found(session, world, clock) <= 15
    with scope(world.scope):
        (task,) = all_of(session, ProvisioningTask)
    vendor.reject_next()
    run_task(task)
    look(world, clock)
    assert (standing(session, world), mails(session, world, "work_recovered")) == ([], [])


def test_a_failure_that_was_told_is_told_to_be_over_and_the_customer_hears_nothing_of_it(
    session, world, placed, run_order, run_task, clock, vendor
):
    """CB-F69 (partly): retried after a failure: operators and the account manager hear that it is done, once."""
    run_order(placed)
    with scope(world.scope):
        (task,) = all_of(session, ProvisioningTask)
    vendor.reject_next()
    run_task(task)
    with scope(world.scope), unit_of_work():
        retry(task.id, actor=SYSTEM, at=clock.now)
    for _ in range(2):
        run_task(task)
    (mail,) = mails(session, world, "work_recovered")
    assert (mail.to_email, mail.storefront_id) == (world.bss_user.email, world.root.id)
    assert mail.fields["matters"] == f"Create {world.seats.name} for {world.tech.customers[0].name}"
    with scope(world.scope):
        customers = [each.template for each in all_of(session, OutboundMail) if each.sender_reseller_id is not None]
    assert customers == ["subscription_ready"]
