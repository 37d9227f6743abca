from __future__ import annotations

from http import HTTPStatus

import pytest

from app.core import db
from app.core.db import unit_of_work
from app.identity.models import UserKind, UserType
from app.orders.execution import process_work
from app.orders.execution_outcomes import task_failed, task_waits_for_person
from app.orders.models import DeliveryStatus, OrderItem
from app.provisioning.claims import RecordedCall, claim_task, fail_task, record_calls, wait_for_person
from app.provisioning.models import ProvisioningTask, TaskStatus
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
