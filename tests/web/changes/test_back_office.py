"""A subscription's page in the back office, and requests of customers."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from app.audit.services import Actor
from app.catalogue.models import ProductType
from app.changes.effects import NewChange
from app.changes.requests import submit_change
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.ids import new_id
from app.identity.models import UserKind, UserType
from app.orders.execution_outcomes import task_failed
from app.provisioning.models import ProvisioningTask, TaskStatus
from app.subscriptions.models import ChangeKind, ChangeStatus, SubscriptionStatus, SyncStatus
from tenants.context import direct_customer_scope, scope
from tests.factories.execution import all_of, use_service_manager
from tests.factories.world import make_user
from tests.web.changes.conftest import TODAY, changes, reread, send


@pytest.fixture
def staff(sign_in, world):
    return sign_in(world.bss_user)


def test_a_subscriptions_page_offers_what_its_state_allows(staff, world, running):
    """CB-F97: a cancelled subscription offers no reactivation."""
    active, suspended = running(friendly_name="Office mail"), running(status=SubscriptionStatus.SUSPENDED)
    canceled = running(status=SubscriptionStatus.CANCELED)
    page = staff.get(f"/bss/subscriptions/{active.code}").text
    assert "Office mail" in page
    for word in ("Change the quantity", "Suspend", "Cancel", "Rename"):
        assert f">{word}<" in page
    assert "Activate again" not in page
    page = staff.get(f"/bss/subscriptions/{suspended.code}").text
    assert "Activate again" in page
    assert "Change the quantity" not in page
    page = staff.get(f"/bss/subscriptions/{canceled.code}").text
    assert "Activate again" not in page
    answer = send(staff, f"/bss/subscriptions/{canceled.code}/activate")
    assert (answer.status_code, "is canceled" in answer.text) == (409, True)
    assert reread(world, canceled).status is SubscriptionStatus.CANCELED


def test_staff_without_the_right_look_and_change_nothing(sign_in, world, session, running):
    found = running()
    with scope(world.scope):
        reader = make_user(
            session, None, kind=UserKind.BSS, realms=(world.id,), type=UserType.USER, roles=("read_only",)
        )
        session.commit()
    browser = sign_in(reader)
    page = browser.get(f"/bss/subscriptions/{found.code}")
    assert page.status_code == 200
    assert "Change the quantity" not in page.text
    assert browser.get(f"/bss/subscriptions/{found.code}/quantity").status_code == 403
    assert browser.post(f"/bss/subscriptions/{found.code}/suspend").status_code == 403
    assert reread(world, found).status is SubscriptionStatus.ACTIVE


@pytest.mark.parametrize(
    ("typed", "message"),
    [("0", "cancel the subscription"), ("5", "There are 5 already"), ("many", "integer"), ("", "Enter the new number")],
)
def test_a_wrong_quantity_comes_back_with_its_reason(staff, world, running, typed, message):
    """CB-F77: setting quantity to 0, the same number, or above the maximum is refused."""
    found = running(quantity=5)
    answer = send(staff, f"/bss/subscriptions/{found.code}/quantity", quantity=typed, timing="now")
    assert answer.status_code == 422
    assert message in answer.text
    assert (reread(world, found).quantity, changes(world)) == (5, [])


def test_a_quantity_is_changed_once_however_often_it_is_sent(staff, world, running):
    found, key = running(quantity=5), str(new_id())
    for _ in range(2):
        answer = send(staff, f"/bss/subscriptions/{found.code}/quantity", quantity="8", timing="now", request_key=key)
        assert answer.status_code == 303
    assert (reread(world, found).quantity, len(changes(world))) == (8, 1)
    assert "Quantity increased to 8" in staff.get(f"/bss/subscriptions/{found.code}").text


def test_the_days_of_a_cancellation_are_checked_at_the_field(staff, world, running):
    """CB-F90: specific-date cancellation accepts today and past days of the cycle, refuses future and earlier dates."""
    found = running()
    path = f"/bss/subscriptions/{found.code}/cancel"
    for day, message in (
        (TODAY + timedelta(days=1), "Choose today or an earlier day"),
        (TODAY - timedelta(days=10), "The running period began on"),
    ):
        answer = send(staff, path, timing="on_date", effective_on=day.isoformat(), reason="Unused")
        assert answer.status_code == 422
        assert message in answer.text
    assert send(staff, path, timing="now", reason="").status_code == 422
    assert (reread(world, found).status, changes(world)) == (SubscriptionStatus.ACTIVE, [])
    answer = send(staff, path, timing="on_date", effective_on=(TODAY - timedelta(days=9)).isoformat(), reason="Unused")
    assert answer.status_code == 303
    assert reread(world, found).status is SubscriptionStatus.CANCELED


def test_an_end_with_the_period_is_shown_and_withdrawn(staff, world, running):
    """CB-F91 (partly): end-of-period cancellation shows Pending cancellation; it can be withdrawn before."""
    found = running()
    send(staff, f"/bss/subscriptions/{found.code}/cancel", timing="period_end", reason="Moved", comment="By phone")
    page = staff.get(f"/bss/subscriptions/{found.code}").text
    assert "Pending cancellation" in page
    assert "By phone" in page
    (change,) = changes(world)
    answer = send(staff, f"/bss/subscriptions/{found.code}/requests/{change.id}/withdraw")
    assert answer.status_code == 303
    assert reread(world, found).status is SubscriptionStatus.ACTIVE


def test_a_name_is_changed_and_nobody_is_asked(staff, world, running):
    """CB-F73 (partly): editing a non-provisionable field triggers no vendor call."""
    found = running()
    assert send(staff, f"/bss/subscriptions/{found.code}/name", name=" ").status_code == 422
    assert send(staff, f"/bss/subscriptions/{found.code}/name", name="Mail of the office").status_code == 303
    renamed = reread(world, found)
    assert (renamed.friendly_name, renamed.sync_status) == ("Mail of the office", SyncStatus.NOT_REQUIRED)


@pytest.fixture
def asked(world, session, running, look):
    """A customer's cancellation that waits for a decision."""
    with scope(world.scope):
        session.merge(world.product_type).automatic_cancellation = False
        session.commit()
    found = running(friendly_name="Office mail")
    wanted = NewChange(
        subscription_id=found.id, kind=ChangeKind.CANCELLATION, request_key=new_id(), comment="We close the office",
        is_from_storefront=True,
    )  # fmt: skip
    with scope(direct_customer_scope(world.id, world.direct.id)), unit_of_work():
        submit_change(wanted, actor=Actor(None, "Dora Direct"), at=utc_now())
    look()
    return found


def test_requests_that_wait_are_on_the_first_page_and_in_a_list(staff, world, asked):
    """CB-F95 (partly): a storefront cancel creates a request that BSS sees, lists and exports."""
    assert "pending subscription cancellation request" in staff.get("/bss/").text
    page = staff.get("/bss/subscriptions/requests?q=office&status=submitted").text
    assert "Office mail" in page
    assert "Dora Direct" in page
    assert "Office mail" not in staff.get("/bss/subscriptions/requests?status=completed").text
    assert "We close the office" in staff.get("/bss/subscriptions/requests?export=csv").text
    assert "Accept or reject it" in staff.get(f"/bss/subscriptions/{asked.code}").text


def test_a_request_is_accepted_or_rejected_on_its_page(staff, world, asked):
    """CB-F95 (partly): reject keeps, accept cancels."""
    (change,) = changes(world)
    path = f"/bss/subscriptions/{asked.code}/requests/{change.id}"
    page = staff.get(path).text
    assert "We close the office" in page
    assert "Send the customer a confirmation" in page
    assert send(staff, f"{path}/reject", reason=" ").status_code == 422
    assert changes(world)[0].status is ChangeStatus.SUBMITTED
    assert send(staff, f"{path}/accept", mails_customer="1").status_code == 303
    assert reread(world, asked).status is SubscriptionStatus.CANCELED
    assert changes(world)[0].status is ChangeStatus.COMPLETED


def test_a_request_of_another_subscription_does_not_exist(staff, world, asked, running):
    other, (change,) = running(), changes(world)
    assert staff.get(f"/bss/subscriptions/{other.code}/requests/{change.id}").status_code == 404
    assert staff.get(f"/bss/subscriptions/{other.code}/requests/{new_id()}").status_code == 404
    assert staff.get("/bss/subscriptions/SUB-999999").status_code == 404


def test_details_are_edited_and_refused_at_their_field(staff, world, session, running):
    with scope(world.scope):
        product_type = session.get(ProductType, (world.id, world.product_type.id))
        product_type.characteristics = [
            {"id": "tenant", "name": "Tenant", "asked_at_order": True, "is_required": True},
            {"id": "size", "name": "Size", "data_type": "number", "asked_at_order": True},
        ]
        session.commit()
    found = running(characteristics={"tenant": "olympus.example"})
    path = f"/bss/subscriptions/{found.code}/details"
    answer = send(staff, path, characteristic_tenant="", characteristic_size="many")
    assert answer.status_code == 422
    assert 'value="many"' in answer.text
    assert reread(world, found).characteristics == {"tenant": "olympus.example"}
    assert send(staff, path, characteristic_tenant="bakery.example", characteristic_size="3").status_code == 303
    assert reread(world, found).characteristics == {"tenant": "bakery.example", "size": "3"}


def test_the_reasons_are_the_distributors_own(staff, world, running):
    path = "/bss/subscriptions/reasons"
    for typed, message in (
        (" ", "at least one"),
        ("x" * 41, "at most 40"),
        ("\n".join(map(str, range(31))), "at most 30"),
    ):
        answer = send(staff, path, reasons=typed)
        assert (answer.status_code, message in answer.text) == (422, True)
    assert send(staff, path, reasons="Bankrupt\nBankrupt\n  Went   away ").status_code == 303
    page = staff.get(f"/bss/subscriptions/{running().code}/cancel").text
    assert "Went away" in page
    assert "Too expensive" not in page


ACTIONS = {
    "quantity": ({"quantity": "8", "timing": "now"}, "active"),
    "cancel": ({"timing": "now", "reason": "Unused"}, "active suspended"),
    "suspend": ({}, "active"),
    "activate": ({}, "suspended"),
    "renew": ({}, "expired"),
    "auto-renew": ({"is_on": "0"}, "active"),
}


@pytest.mark.parametrize("status", list(SubscriptionStatus))
def test_every_action_in_every_state_is_done_or_refused_naming_the_state(staff, world, running, status):
    """CB-23: an action that the state does not allow answers 409 and names the state."""
    token = re.search(r'name="csrf_token" value="([^"]+)"', staff.get("/bss/subscriptions/reasons").text)[1]
    for action, (fields, allowed) in ACTIONS.items():
        found = running(status=status, renews_on=TODAY)
        if status is SubscriptionStatus.EXPIRED:
            with scope(world.scope), unit_of_work():
                reread(world, found).period_to = TODAY
        answer = staff.post(
            f"/bss/subscriptions/{found.code}/{action}",
            data={"csrf_token": token, "request_key": str(new_id()), **fields},
        )
        if status.value in allowed.split():
            assert (action, answer.status_code) == (action, 303)
            continue
        assert (action, answer.status_code) == (action, 409)
        assert status.value.replace("_", " ") in answer.text
        assert (reread(world, found).status, reread(world, found).auto_renew) == (status, True)


def test_what_the_vendor_has_refused_is_shown_and_tried_again(staff, world, session, running):
    """CB-F92 (partly): after a vendor's refusal the subscription is Active, Failed, and offers Retry."""
    manager = use_service_manager(session, world)
    found = running(vendor_reference="resource-1", service_manager_id=manager.id)
    send(staff, f"/bss/subscriptions/{found.code}/cancel", timing="now", reason="Unused")
    with scope(world.scope), unit_of_work():
        (task,) = all_of(session, ProvisioningTask)
        task.status = TaskStatus.FAILED
        task_failed(task, "Tenant is locked", at=utc_now())
    page = staff.get(f"/bss/subscriptions/{found.code}").text
    for words in ("Tenant is locked", "Active", "Failed", ">Retry<", "Operations: try it again"):
        assert words in page
    assert send(staff, f"/bss/subscriptions/{found.code}/retry").status_code == 303
    now = reread(world, found)
    assert (now.status, now.sync_status) == (SubscriptionStatus.ACTIVE, SyncStatus.PENDING)
    assert changes(world)[0].status is ChangeStatus.PROCESSING
    assert send(staff, f"/bss/subscriptions/{found.code}/retry").status_code == 409
    assert send(staff, f"/bss/subscriptions/{running().code}/retry").status_code == 404
