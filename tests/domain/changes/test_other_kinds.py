"""Suspending, putting details right, renewing, switching the renewal, and what waits while a request is open."""

from __future__ import annotations

from datetime import date

import pytest

from app.accounts.models import Account, AccountStatus, PartialCharges
from app.accounts.services import set_status
from app.billing.documents import generate
from app.billing.models import Charge, ChargeState, Invoice
from app.changes.effects import NewChange
from app.changes.errors import ChangePending, InvoicePending, NotOffered
from app.changes.renewals import bill_day
from app.changes.requests import withdraw_change
from app.changes.switches import rename, set_auto_renew
from app.core.errors import Invalid
from app.core.ids import new_id
from app.orders.licences import licence_errors
from app.orders.models import BasketItem
from app.orders.repairs import edit_details
from app.provisioning.models import ProvisioningTask, TaskKind, TaskStatus
from app.subscriptions.errors import WrongSubscriptionState, WrongSyncState
from app.subscriptions.models import ChangeKind, ChangeStatus, ChangeTiming, SubscriptionStatus, SyncStatus
from app.subscriptions.queries import find_subscription
from tenants.context import direct_customer_scope, scope
from tests.domain.changes.conftest import STAFF, on
from workers.jobs.changes import follow_account_status

END = ChangeTiming.PERIOD_END
ACTIVE, SUSPENDED = SubscriptionStatus.ACTIVE, SubscriptionStatus.SUSPENDED


def test_the_vendor_suspends_first_and_the_billing_goes_on(desk):
    running = desk.running(unit_cost="12.00", is_provisioned=True)
    desk.submit(running, ChangeKind.SUSPENSION, at=on(10))
    assert desk.subscription(running).status is ACTIVE
    desk.run_tasks(at=on(10))
    assert desk.subscription(running).status is SUSPENDED
    assert desk.vendor.resources["resource-1"].status == "Suspended"
    with pytest.raises(WrongSubscriptionState):
        desk.submit(running, ChangeKind.QUANTITY, quantity_to=8, at=on(11))
    desk.do(bill_day, desk.world.direct.id, date(2026, 7, 1), at=on(1, 7))
    assert [f"{each.net_amount:.2f}" for each in desk.rows(Charge) if each.period_from == date(2026, 7, 1)] == ["60.00"]
    desk.submit(running, ChangeKind.ACTIVATION, at=on(2, 7))
    desk.run_tasks(at=on(2, 7))
    assert desk.subscription(running).status is ACTIVE
    assert [task.kind for task in desk.rows(ProvisioningTask)] == [TaskKind.SUSPEND, TaskKind.ACTIVATE]


@pytest.mark.parametrize("status", [each for each in SubscriptionStatus if each is not ACTIVE])
def test_only_what_is_active_is_suspended(desk, status):
    running = desk.running(status=status)
    with pytest.raises(WrongSubscriptionState) as refused:
        desk.submit(running, ChangeKind.SUSPENSION, at=on(10))
    assert status.value.replace("_", " ") in str(refused.value)
    assert desk.subscription(running).status is status


def test_a_type_may_not_offer_suspension(desk, session):
    with scope(desk.world.scope):
        session.merge(desk.world.product_type).allows_suspension = False
        session.commit()
    running = desk.running()
    with pytest.raises(NotOffered):
        desk.submit(running, ChangeKind.SUSPENSION, at=on(10))
    assert desk.subscription(running).status is ACTIVE


def test_an_accounts_suspension_takes_its_subscriptions_with_it_and_brings_only_those_back(desk):
    world = desk.world
    first, second = desk.running(is_provisioned=True), desk.running()
    by_hand = desk.running()
    others = desk.running(account=world.tech.account)
    desk.submit(by_hand, ChangeKind.SUSPENSION, at=on(9))

    def follow(status, at):
        desk.do(set_status, world.direct.id, status, actor=STAFF, at=at)
        desk.clock.now = at
        for _ in range(2):
            follow_account_status(str(world.direct.id), distributor_id=str(world.id))
        desk.run_tasks(at=at)
        return [desk.subscription(each).status for each in (first, second, by_hand, others)]

    assert follow(AccountStatus.SUSPENDED, on(10)) == [SUSPENDED, SUSPENDED, SUSPENDED, ACTIVE]
    with pytest.raises(NotOffered):
        desk.submit(by_hand, ChangeKind.ACTIVATION, at=on(11))
    assert follow(AccountStatus.ACTIVE, on(12)) == [ACTIVE, ACTIVE, SUSPENDED, ACTIVE]
    assert [row.status for row in desk.rows(Account) if row.id == world.direct.id] == [AccountStatus.ACTIVE]


@pytest.fixture
def asked_details(desk, session):
    """A type that asks for a domain and a size."""
    with scope(desk.world.scope):
        session.merge(desk.world.product_type).characteristics = [
            {"id": "tenant", "name": "Tenant", "asked_at_order": True, "is_required": True},
            {"id": "size", "name": "Size", "data_type": "number", "asked_at_order": True},
            {"id": "region", "name": "Region"},
        ]
        session.commit()


def details(**values):
    return {"kind": ChangeKind.CHARACTERISTICS, "details": {"values": values}}


def test_details_are_told_to_the_vendor_before_they_hold(desk, asked_details):
    running = desk.running(is_provisioned=True, characteristics={"tenant": "olympus.example"})
    desk.submit(running, at=on(10), **details(tenant="bakery.example"))
    assert desk.subscription(running).characteristics == {"tenant": "olympus.example"}
    desk.run_tasks(at=on(10))
    assert desk.subscription(running).characteristics == {"tenant": "bakery.example"}
    assert [each.value for each in desk.vendor.requests[-1].request.characteristics] == ["bakery.example"]


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ({"tenant": None}, ("required",)),
        ({"size": "many"}, ("characteristic_value",)),
        ({"region": "eu"}, ("unknown",)),
        ({"tenant": "olympus.example"}, ("unchanged",)),
    ],
)
def test_details_that_cannot_be_are_refused(desk, asked_details, values, codes):
    running = desk.running(is_provisioned=True, characteristics={"tenant": "olympus.example"})
    with pytest.raises(Invalid) as refused:
        desk.submit(running, at=on(10), **details(**values))
    assert refused.value.codes == codes
    assert desk.subscription(running).characteristics == {"tenant": "olympus.example"}
    assert desk.rows(ProvisioningTask) == []


def test_what_has_failed_is_repaired_by_its_details(desk, asked_details):
    """CB-F70: with Failed sync, quantity, billing and add-on actions are refused; characteristics remain editable."""
    running = desk.running(quantity=5, is_provisioned=True, characteristics={"tenant": "taken.example"})
    desk.vendor.reject_next(reason="tenant is taken")
    change = desk.submit(running, ChangeKind.QUANTITY, quantity_to=8, at=on(16))
    desk.run_tasks(at=on(16))
    for kind, of in ((ChangeKind.QUANTITY, {"quantity_to": 9}), (ChangeKind.CANCELLATION, {"reason": "Unused"})):
        with pytest.raises(WrongSyncState):
            desk.submit(running, kind, at=on(17), **of)
    wanted = NewChange(subscription_id=running.id, request_key=new_id(), **details(tenant="bakery.example"))
    desk.do(edit_details, wanted, actor=STAFF, at=on(17))
    assert desk.subscription(running).sync_status is SyncStatus.PENDING
    desk.run_tasks(at=on(17))
    repaired = desk.subscription(running)
    assert (repaired.quantity, repaired.sync_status) == (8, SyncStatus.SYNCHRONISED)
    assert desk.change(change).status is ChangeStatus.COMPLETED
    assert [each.value for each in desk.vendor.requests[-1].request.characteristics] == ["bakery.example"]
    (task,) = desk.rows(ProvisioningTask)
    assert task.status is TaskStatus.SUCCEEDED


def test_a_name_of_the_customers_own_is_nobodys_business(desk):
    """CB-F73: editing a non-provisionable field triggers no vendor call."""
    running = desk.running(is_provisioned=True)
    desk.do(rename, running.id, "  Mail   of the office ", actor=STAFF, at=on(10))
    renamed = desk.subscription(running)
    assert (renamed.friendly_name, renamed.sync_status) == ("Mail of the office", SyncStatus.SYNCHRONISED)
    assert (desk.rows(ProvisioningTask), desk.vendor.calls) == ([], 0)
    for name, code in (("  ", "required"), ("x" * 101, "length")):
        with pytest.raises(Invalid) as refused:
            desk.do(rename, running.id, name, actor=STAFF, at=on(10))
        assert refused.value.codes == (code,)


def test_while_a_request_waits_nothing_else_is_possible(desk):
    """CB-F78: with a future request pending, buy, upgrade, auto-renew, suspend and cancel are refused; it applies at period end."""
    running = desk.running(quantity=5, unit_cost="12.00", is_provisioned=True)
    change = desk.submit(running, ChangeKind.QUANTITY, quantity_to=3, timing=END, at=on(10))
    for kind, of in (
        (ChangeKind.QUANTITY, {"quantity_to": 4}),
        (ChangeKind.CANCELLATION, {"reason": "Unused"}),
        (ChangeKind.SUSPENSION, {}),
        (ChangeKind.UPGRADE, {"target_product_id": desk.world.suite.id}),
    ):
        with pytest.raises(ChangePending) as refused:
            desk.submit(running, kind, at=on(11), **of)
        assert "scheduled" in str(refused.value)
    with scope(desk.world.scope):
        bought = licence_errors(BasketItem(subscription_id=running.id), find_subscription(running.id))
        assert [error.code for error in bought] == ["subscription_busy"]
    with pytest.raises(ChangePending):
        desk.do(set_auto_renew, running.id, is_on=False, actor=STAFF, at=on(11))
    assert desk.subscription(running).auto_renew
    assert desk.do(bill_day, desk.world.direct.id, date(2026, 7, 1), at=on(1, 7)).waiting == 1
    desk.run_tasks(at=on(1, 7))
    assert desk.do(bill_day, desk.world.direct.id, date(2026, 7, 1), at=on(1, 7)).renewed == 1
    assert desk.subscription(running).quantity == 3
    assert desk.papers() == [("invoice", "36.00")]
    assert desk.change(change).status is ChangeStatus.COMPLETED


def test_a_future_request_may_be_withdrawn_and_frees_the_subscription(desk):
    running = desk.running(quantity=5, unit_cost="12.00")
    change = desk.submit(running, ChangeKind.QUANTITY, quantity_to=3, timing=END, at=on(10))
    customers = direct_customer_scope(desk.world.id, desk.world.direct.id)
    desk.do_in(customers, withdraw_change, change.id, actor=STAFF, at=on(11))
    desk.do(bill_day, desk.world.direct.id, date(2026, 7, 1), at=on(1, 7))
    assert (desk.subscription(running).quantity, desk.papers()) == (5, [("invoice", "60.00")])


def test_without_renewal_it_expires_and_is_billed_no_more(desk):
    """CB-F87: auto-renew off: Expired after the period, no further invoice."""
    running = desk.running()
    desk.do(set_auto_renew, running.id, is_on=False, actor=STAFF, at=on(10))
    for day in (date(2026, 7, 1), date(2026, 8, 1)):
        desk.do(bill_day, desk.world.direct.id, day, at=on(1, 7))
    assert desk.subscription(running).status is SubscriptionStatus.EXPIRED
    assert desk.papers() == []


def test_what_is_suspended_expires_with_its_term_and_voids_what_was_wanted(desk):
    running = desk.running(status=SUSPENDED, auto_renew=False)
    change = desk.submit(
        running,
        ChangeKind.ACTIVATION,
        at=on(10),
        where=direct_customer_scope(desk.world.id, desk.world.direct.id),
        is_from_storefront=True,
    )
    desk.do(bill_day, desk.world.direct.id, date(2026, 7, 1), at=on(1, 7))
    assert desk.subscription(running).status is SubscriptionStatus.EXPIRED
    assert desk.change(change).status is ChangeStatus.VOID


def test_what_has_expired_is_taken_up_again_within_thirty_days(desk):
    running = desk.running(is_provisioned=True, quantity=5, unit_cost="10.00", status=SubscriptionStatus.EXPIRED)
    with pytest.raises(NotOffered):
        desk.submit(running, ChangeKind.RENEWAL, at=on(31, 7))
    desk.submit(running, ChangeKind.RENEWAL, at=on(30, 7))
    desk.run_tasks(at=on(30, 7))
    renewed = desk.subscription(running)
    assert (renewed.status, renewed.auto_renew) == (ACTIVE, True)
    assert (renewed.period_from, renewed.period_to) == (date(2026, 7, 30), date(2026, 8, 29))
    assert [kind for kind, _ in desk.papers()] == ["invoice"]


def test_a_second_change_of_a_cycle_waits_for_the_invoice_of_the_first(desk, session):
    """CB-F98: on an account that invoices on the billing day a second change is refused while the first is pending."""
    with scope(desk.world.scope):
        session.merge(desk.world.direct).partial_charges = PartialCharges.BILLING_DAY
        session.commit()
    running = desk.running(quantity=5, is_provisioned=True)
    desk.submit(running, ChangeKind.QUANTITY, quantity_to=8, at=on(16))
    desk.run_tasks(at=on(16))
    assert desk.papers() == []
    with pytest.raises(InvoicePending) as refused:
        desk.submit(running, ChangeKind.QUANTITY, quantity_to=9, at=on(16))
    assert "invoices are generated" in str(refused.value)
    assert desk.subscription(running).quantity == 8
    desk.do(generate, desk.world.direct.id, actor=STAFF, on=date(2026, 6, 16), at=on(16))
    assert desk.papers() == [("invoice", "15.00")]
    desk.submit(running, ChangeKind.QUANTITY, quantity_to=9, at=on(16))
    desk.run_tasks(at=on(16))
    assert desk.subscription(running).quantity == 9
    assert [each.state for each in desk.rows(Charge) if each.state is ChargeState.PENDING] == [ChargeState.PENDING]
    assert len(desk.rows(Invoice)) == 1
