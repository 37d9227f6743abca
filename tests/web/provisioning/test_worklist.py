from __future__ import annotations

import re
from datetime import timedelta
from http import HTTPStatus

import pytest

from app.core import db
from app.core.db import unit_of_work
from app.identity.models import UserKind, UserType
from app.orders.execution import process_work
from app.orders.execution_outcomes import task_failed, task_waits_for_person
from app.orders.models import DeliveryStatus, OrderItem
from app.provisioning.claims import RecordedCall, claim_task, fail_task, record_calls, wait_for_person
from app.provisioning.models import ProvisioningTask, TaskKind, TaskStatus
from app.reporting.stuck_work import look_after_stuck_work
from app.subscriptions.models import Subscription, SubscriptionStatus, SyncStatus
from tenants.context import scope
from tests.factories.execution import Wanted, all_of, root_order, use_service_manager
from tests.factories.world import MONDAY_NOON, make_user


@pytest.fixture
def task(session, world) -> ProvisioningTask:
    use_service_manager(session, world, kind="service_manager", base_url="https://vendor.example/api")
    placed = root_order(session, world, [Wanted(world.seats, 5, "10.00")])
    with scope(world.scope), unit_of_work():
        process_work(placed.work.id, at=MONDAY_NOON)
    return current(world)


def current(world) -> ProvisioningTask:
    with scope(world.scope):
        (found,) = all_of(db.session, ProvisioningTask)
        db.session.commit()
        db.session.expunge_all()
        return found


def fail(world, task, reason: str) -> None:
    with scope(world.scope), unit_of_work():
        claimed = claim_task(task.id, at=MONDAY_NOON)
        record_calls(
            task.id,
            task.service_manager_id,
            [
                RecordedCall(
                    MONDAY_NOON, "subscription/create", "POST https://vendor.example/api", "{}", 200, '{"Code":17}', 12
                )
            ],
        )
        fail_task(task.id, claimed.lease_token, reason=reason, at=MONDAY_NOON)
        task_failed(db.session.get_one(ProvisioningTask, (world.id, task.id)), reason, at=MONDAY_NOON)


def test_a_failed_task_shows_the_vendors_message_and_one_click_tries_it_again(world, task, sign_in):
    """CB-F67: Failed with the vendor's message and a Retry link; the click puts it back to Pending."""
    fail(world, task, "Tenant domain <taken>")
    client = sign_in(world.bss_user)
    listed = client.get("/bss/provisioning").text
    assert "Tenant domain &lt;taken&gt;" in listed
    assert f"/bss/provisioning/tasks/{task.id}/retry" in listed
    shown = client.get(f"/bss/provisioning/tasks/{task.id}").text
    assert "subscription/create" in shown
    answer = client.post(f"/bss/provisioning/tasks/{task.id}/retry", data={"back": "list"})
    assert (answer.status_code, answer.location) == (HTTPStatus.SEE_OTHER, "/bss/provisioning")
    assert current(world).status is TaskStatus.PENDING
    with scope(world.scope):
        assert all_of(db.session, Subscription)[0].sync_status is SyncStatus.PENDING
        assert all_of(db.session, OrderItem)[0].delivery_status is DeliveryStatus.PROVISIONING


def test_retrying_a_task_that_did_not_fail_changes_nothing(world, task, sign_in):
    answer = sign_in(world.bss_user).post(f"/bss/provisioning/tasks/{task.id}/retry")
    assert answer.status_code in (HTTPStatus.SEE_OTHER, HTTPStatus.CONFLICT)
    assert (current(world).status, current(world).attempts) == (TaskStatus.PENDING, 0)


def test_staff_who_may_only_look_cannot_retry(session, world, task, sign_in):
    fail(world, task, "Refused")
    with scope(world.scope):
        reader = make_user(
            session, None, kind=UserKind.BSS, realms=(world.id,), type=UserType.USER, roles=("read_only",)
        )
        session.commit()
    client = sign_in(reader)
    assert client.get("/bss/provisioning").status_code == HTTPStatus.OK
    assert "Retry" not in client.get(f"/bss/provisioning/tasks/{task.id}").text
    assert client.post(f"/bss/provisioning/tasks/{task.id}/retry").status_code == HTTPStatus.FORBIDDEN
    assert current(world).status is TaskStatus.FAILED


def test_tasks_are_found_by_words_and_stage(world, task, sign_in):
    client = sign_in(world.bss_user)
    assert f"/tasks/{task.id}" in client.get("/bss/provisioning?q=contoso").text
    assert f"/tasks/{task.id}" in client.get("/bss/provisioning?q=direct+trad&stage=waiting").text
    assert f"/tasks/{task.id}" not in client.get("/bss/provisioning?q=nobody").text
    assert f"/tasks/{task.id}" not in client.get("/bss/provisioning?stage=stuck").text


def test_a_person_records_what_was_done_at_the_vendor(world, task, sign_in):
    with scope(world.scope), unit_of_work():
        claimed = claim_task(task.id, at=MONDAY_NOON)
        wait_for_person(task.id, claimed.lease_token, message="Needs a person")
        task_waits_for_person(db.session.get_one(ProvisioningTask, (world.id, task.id)), at=MONDAY_NOON)
    client = sign_in(world.bss_user)
    refused = client.post(f"/bss/provisioning/tasks/{task.id}/done", data={"vendor_reference": " "})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert current(world).status is TaskStatus.WAITING
    answer = client.post(f"/bss/provisioning/tasks/{task.id}/done", data={"vendor_reference": "M-1"})
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert (current(world).status, current(world).vendor_reference) == (TaskStatus.SUCCEEDED, "M-1")
    with scope(world.scope):
        assert all_of(db.session, Subscription)[0].status is SubscriptionStatus.ACTIVE


def test_a_task_of_nobody_is_not_found(world, sign_in):
    assert sign_in(world.bss_user).get(f"/bss/provisioning/tasks/{world.id}").status_code == HTTPStatus.NOT_FOUND


def failed_tasks(session, world, count: int) -> list[ProvisioningTask]:
    """Several orders whose tasks the vendor refused."""
    use_service_manager(session, world, kind="service_manager", base_url="https://vendor.example/api")
    for quantity in range(1, count + 1):
        placed = root_order(session, world, [Wanted(world.seats, quantity, "10.00")])
        with scope(world.scope), unit_of_work():
            process_work(placed.work.id, at=MONDAY_NOON)
    for task in tasks_of(world):
        fail(world, task, "The tenant is blocked")
    return tasks_of(world)


def tasks_of(world) -> list[ProvisioningTask]:
    with scope(world.scope):
        found = all_of(db.session, ProvisioningTask)
        db.session.commit()
        db.session.expunge_all()
        return found


def test_ticked_tasks_are_tried_again_together_and_twice_is_once(session, world, sign_in):
    """CB-22: bulk retry of a selection; a second click finds nothing that failed."""
    first, second, third = failed_tasks(session, world, 3)
    client = sign_in(world.bss_user)
    listed = client.get("/bss/provisioning?stage=stuck").text
    assert "An operator" in listed
    assert f'value="{first.id}"' in listed
    chosen = {"selected": [str(first.id), str(second.id)]}
    for words in ("2 tasks are tried again now", "nothing was started"):
        answer = client.post("/bss/provisioning/retry?stage=stuck", data=chosen, follow_redirects=True)
        assert words in answer.text
    assert {task.id: task.status for task in tasks_of(world)} == {
        first.id: TaskStatus.PENDING, second.id: TaskStatus.PENDING, third.id: TaskStatus.FAILED,
    }  # fmt: skip


def test_all_of_a_filter_are_tried_again(session, world, sign_in):
    failed_tasks(session, world, 3)
    client = sign_in(world.bss_user)
    answer = client.post("/bss/provisioning/retry?stage=stuck&q=no-such-product", data={"all_matching": "1"})
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert {task.status for task in tasks_of(world)} == {TaskStatus.FAILED}
    client.post("/bss/provisioning/retry?stage=stuck&q=blocked", data={"all_matching": "1"})
    assert {task.status for task in tasks_of(world)} == {TaskStatus.PENDING}


def test_nothing_ticked_starts_nothing(session, world, sign_in):
    failed_tasks(session, world, 1)
    answer = sign_in(world.bss_user).post("/bss/provisioning/retry", data={}, follow_redirects=True)
    assert "Tick the tasks" in answer.text
    assert {task.status for task in tasks_of(world)} == {TaskStatus.FAILED}


def test_who_may_only_look_cannot_retry_in_bulk(session, world, sign_in):
    (task,) = failed_tasks(session, world, 1)
    with scope(world.scope), unit_of_work():
        reader = make_user(
            db.session, None, kind=UserKind.BSS, realms=(world.id,), type=UserType.USER, roles=("read_only",)
        )
    answer = sign_in(reader).post("/bss/provisioning/retry", data={"selected": str(task.id)})
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert {each.status for each in tasks_of(world)} == {TaskStatus.FAILED}


def test_work_that_stands_still_is_counted_at_home_and_listed_with_its_place(session, world, sign_in, task):
    """GO-03: a count on the home page, a list with links."""
    client = sign_in(world.bss_user)
    assert "Nothing stands still" in client.get("/bss/provisioning/stuck").text
    with scope(world.scope), unit_of_work():
        look_after_stuck_work(MONDAY_NOON + timedelta(minutes=15))
    assert "1 piece of work stands still" in re.sub(r"<[^>]+>|\s+", " ", client.get("/bss/").text).replace("  ", " ")
    listed = client.get("/bss/provisioning/stuck").text
    assert f"/bss/provisioning/tasks/{task.id}" in listed
    assert "no worker has taken it" in listed
    assert "Stands still (1)" in client.get("/bss/provisioning").text


def test_every_kind_of_task_and_state_has_words(session, world, sign_in, task):
    """CB-22: suspensions and work at the vendor are shown like all else."""
    client = sign_in(world.bss_user)
    for kind in TaskKind:
        for status in TaskStatus:
            with scope(world.scope), unit_of_work():
                row = db.session.get_one(ProvisioningTask, (world.id, task.id), populate_existing=True)
                row.kind, row.status = kind, status
            assert client.get("/bss/provisioning").status_code == HTTPStatus.OK
            assert client.get(f"/bss/provisioning/tasks/{task.id}").status_code == HTTPStatus.OK
