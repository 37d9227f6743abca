"""What customers do with their subscriptions, in the distributor's storefront and in a reseller's."""

from __future__ import annotations

import pytest

from app.audit.services import Actor
from app.changes.effects import NewChange
from app.changes.requests import reject_change, submit_change
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.ids import new_id
from app.identity.models import UserKind, UserType
from app.orders.execution_outcomes import task_succeeded
from app.provisioning.models import ProvisioningTask, ServiceManager, TaskStatus
from app.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    ChangeTiming,
    Subscription,
    SubscriptionStatus,
    SubscriptionVendorLink,
    SyncStatus,
)
from app.subscriptions.problems import note_problem
from tenants.context import scope
from tests.factories.execution import all_of
from tests.factories.world import make_user
from tests.web.changes.conftest import changes, reread, send
from tests.web.conftest import signed_in_browser


@pytest.fixture(params=["root", "alias"])
def place(request, sign_in, world, running):
    """A customer's browser, the start of its addresses, and a subscription of its own."""
    if request.param == "root":
        return sign_in(world.direct_buyer), "", running(quantity=5)
    customer = world.tech.customers[0]
    own = running(account=customer, payer=world.tech.account, quantity=5, unit_cost="10.00", unit_price="13.00")
    return sign_in(world.tech.buyers[0]), "/techsolutions", own


def page_of(place) -> str:
    browser, start, own = place
    return browser.get(f"{start}/billing/subscriptions/{own.code}").text


def test_a_customer_cancels_at_once(place, world, look):
    browser, start, own = place
    assert ">Cancel<" in page_of(place)
    answer = send(browser, f"{start}/billing/subscriptions/{own.code}/cancel", timing="now", comment="Not used")
    assert answer.status_code == 303
    assert "We look at your request" in page_of(place)
    assert reread(world, own).status is SubscriptionStatus.ACTIVE
    look()
    assert reread(world, own).status is SubscriptionStatus.CANCELED
    assert ">Cancel<" not in page_of(place)


def test_a_customer_ends_it_with_the_period_and_thinks_again(place, world, look):
    """CB-F91 (partly): end-of-period cancellation shows Pending cancellation; it can be withdrawn before."""
    browser, start, own = place
    send(browser, f"{start}/billing/subscriptions/{own.code}/cancel", timing="period_end")
    change = look()
    assert reread(world, own).status is SubscriptionStatus.PENDING_CANCELLATION
    assert "Pending cancellation" in page_of(place)
    answer = send(browser, f"{start}/billing/subscriptions/{own.code}/requests/{change.id}/withdraw")
    assert answer.status_code == 303
    assert reread(world, own).status is SubscriptionStatus.ACTIVE


def test_fewer_licences_are_a_request_where_nothing_is_automatic(place, world, session, look):
    """CB-F95 (partly): with automatic cancellation off, a storefront's partial cancel creates a request; reject keeps."""
    with scope(world.scope):
        session.merge(world.product_type).automatic_cancellation = False
        session.commit()
    browser, start, own = place
    answer = send(browser, f"{start}/billing/subscriptions/{own.code}/quantity", quantity="3", timing="now")
    assert answer.status_code == 303
    change = look()
    assert (change.status, reread(world, own).quantity) == (ChangeStatus.SUBMITTED, 5)
    with scope(world.scope), unit_of_work():
        reject_change(change.id, "Committed until May", actor=Actor(None, "Nora Nordwind"), at=utc_now())
    assert reread(world, own).quantity == 5
    assert "Nora Nordwind" not in page_of(place)


@pytest.mark.parametrize(
    ("typed", "timing", "message"),
    [("5", "now", "There are 5 already"), ("0", "now", "cancel the subscription"), ("8", "now", "buy them"), ("x", "now", "integer"), ("3", "never", "valid choice")],
)  # fmt: skip
def test_a_wrong_number_comes_back_with_its_reason(place, world, typed, timing, message):
    browser, start, own = place
    answer = send(browser, f"{start}/billing/subscriptions/{own.code}/quantity", quantity=typed, timing=timing)
    assert answer.status_code == 422
    assert message.lower() in answer.text.lower()
    assert (reread(world, own).quantity, changes(world)) == (5, [])


def test_another_number_for_the_next_period_keeps_everything_else_waiting(place, world, look):
    """CB-F78 (partly): with a future request pending, buy, upgrade, auto-renew, suspend and cancel are refused."""
    browser, start, own = place
    path = f"{start}/billing/subscriptions/{own.code}"
    send(browser, f"{path}/quantity", quantity="8", timing="period_end")
    assert look().status is ChangeStatus.SCHEDULED
    page = page_of(place)
    for offer in ("Buy licences", "Upgrade", "Switch automatic renewal", ">Suspend<", ">Cancel<"):
        assert offer not in page
    for action in ("cancel", "upgrade"):
        assert browser.get(f"{path}/{action}").status_code != 200 or "request" in browser.get(f"{path}/{action}").text
    for action in ("suspend", "auto-renew"):
        assert send(browser, f"{path}/{action}", is_on="0").status_code == 409
    now = reread(world, own)
    assert (now.status, now.auto_renew, now.quantity) == (SubscriptionStatus.ACTIVE, True, 5)
    assert len(changes(world)) == 1


def test_a_customer_switches_the_renewal_and_names_it(place, world):
    """CB-F87 (partly): auto-renewal is switched by the customer."""
    browser, start, own = place
    path = f"{start}/billing/subscriptions/{own.code}"
    assert send(browser, f"{path}/auto-renew", is_on="0").status_code == 303
    assert send(browser, f"{path}/name", name="Mail of the bakery").status_code == 303
    assert send(browser, f"{path}/name", name="").status_code == 422
    now = reread(world, own)
    assert (now.auto_renew, now.friendly_name) == (False, "Mail of the bakery")


def test_a_customer_suspends_where_the_type_allows_it(place, world, session, look):
    browser, start, own = place
    assert ">Suspend<" in page_of(place)
    send(browser, f"{start}/billing/subscriptions/{own.code}/suspend")
    look()
    assert reread(world, own).status is SubscriptionStatus.SUSPENDED
    with scope(world.scope):
        session.merge(world.product_type).allows_suspension = False
        session.commit()
    assert ">Suspend<" not in page_of(place)


def test_the_right_to_manage_subscriptions_is_needed(sign_in, world, session, running):
    own = running()
    with scope(world.scope):
        looker = make_user(
            session, world.direct, kind=UserKind.DIRECT, realms=(world.root.id,), type=UserType.USER,
            roles=("billing_agent",),
        )  # fmt: skip
        session.commit()
    browser = sign_in(looker)
    page = browser.get(f"/billing/subscriptions/{own.code}")
    assert page.status_code == 200
    assert "I want to" not in page.text
    for action in ("quantity", "cancel", "name"):
        assert browser.get(f"/billing/subscriptions/{own.code}/{action}").status_code == 403


def test_what_belongs_to_others_does_not_exist(place, world, running):
    browser, start, own = place
    other = running(account=world.cloudia.account)
    wanted = NewChange(
        subscription_id=other.id, kind=ChangeKind.QUANTITY, request_key=new_id(), quantity_to=9,
        timing=ChangeTiming.PERIOD_END,
    )  # fmt: skip
    with scope(world.scope), unit_of_work():
        change = submit_change(wanted, actor=Actor(None, "Sam"), at=utc_now())
    for action in ("quantity", "cancel", "name"):
        assert browser.get(f"{start}/billing/subscriptions/{other.code}/{action}").status_code == 404
    assert send(browser, f"{start}/billing/subscriptions/{own.code}/requests/{change.id}/withdraw").status_code == 404
    assert changes(world)[0].status is ChangeStatus.SCHEDULED


def test_the_vendors_words_and_costs_stay_out_of_a_customers_page(place, world, session):
    _, _, own = place
    with scope(world.scope):
        found = reread(world, own)
        found.sync_status = SyncStatus.FAILED
        note_problem(own.id, "SECRET vendor words")
        session.commit()
    page = page_of(place)
    assert "SECRET" not in page
    assert ">Cancel<" not in page


def test_what_the_vendor_was_told_ahead_is_shown_and_withdrawn_there_first(place, world, session, look):
    """CB-24: until the vendor has forgotten it, it stands; each page says so, in the words for its reader."""
    browser, start, own = place
    with scope(world.scope):
        manager = ServiceManager(
            name="Ahead", kind="service_manager", base_url="https://ahead.example", takes_future_requests=True,
            created_at=utc_now(),
        )  # fmt: skip
        session.add(manager)
        session.flush()
        session.merge(world.product_type).service_manager_id = manager.id
        session.get_one(Subscription, (world.id, own.id)).sync_status = SyncStatus.SYNCHRONISED
        session.add(
            SubscriptionVendorLink(subscription_id=own.id, service_manager_id=manager.id, vendor_reference="svc-1")
        )
        session.commit()
    path = f"{start}/billing/subscriptions/{own.code}"
    send(browser, f"{path}/quantity", quantity="8", timing="period_end")
    assert look().status is ChangeStatus.PROCESSING

    def answer() -> None:
        """Let the vendor say yes to what it was asked last."""
        with scope(world.scope), unit_of_work():
            task = all_of(session, ProvisioningTask)[-1]
            task.status = TaskStatus.SUCCEEDED
            task_succeeded(task, "svc-1", at=utc_now())

    answer()
    (change,) = changes(world)
    assert (change.status, change.is_at_vendor) == (ChangeStatus.SCHEDULED, True)
    gone = send(browser, f"{path}/requests/{change.id}/withdraw")
    assert gone.status_code == 303
    shown = browser.get(gone.headers["Location"]).text
    assert "The provider is asked to withdraw it" in shown
    assert "Ahead" not in shown
    assert look().status is ChangeStatus.WITHDRAWING
    staff = signed_in_browser(browser.application.test_client(), world, world.bss_user)
    staff.host = world.host
    page = staff.get(f"/bss/subscriptions/{own.code}/requests/{change.id}")
    assert (page.status_code, "Withdrawn at the vendor" in page.text, "Being withdrawn" in page.text) == (
        200,
        True,
        True,
    )
    answer()
    assert changes(world)[0].status is ChangeStatus.WITHDRAWN
    assert reread(world, own).quantity == 5
