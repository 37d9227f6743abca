"""Terms that end without another one: at the vendor first; and what comes back when somebody takes them up again."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import pytest

from app.billing.models import Charge
from app.catalogue.models import BillingType, Product, RelationKind
from app.changes.errors import ChangePending
from app.changes.renewals import bill_day
from app.changes.requests import reject_change, withdraw_change
from app.changes.switches import set_auto_renew
from app.core import db
from app.notifications.models import OutboundMail
from app.orders.repairs import retry
from app.provisioning.models import ProvisioningTask, TaskKind, TaskStatus
from app.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    ChangeTiming,
    Subscription,
    SubscriptionChange,
    SubscriptionRole,
    SubscriptionStatus,
    SubscriptionVendorLink,
    SyncStatus,
)
from tenants.context import scope
from tests.domain.changes.conftest import STAFF, on
from tests.factories.parts import make_bundle, make_sibling, relate
from workers.connectors.base import AddOnAction, RequestKind

ACTIVE, EXPIRED, CANCELED = SubscriptionStatus.ACTIVE, SubscriptionStatus.EXPIRED, SubscriptionStatus.CANCELED
JULY_1, AUGUST_1 = date(2026, 7, 1), date(2026, 8, 1)
END = ChangeTiming.PERIOD_END


def tick(desk, day: date) -> None:
    """Let the billing run come by."""
    desk.do(bill_day, desk.world.direct.id, day, at=on(day.day, day.month))


def mails(desk, template: str) -> list[OutboundMail]:
    return [mail for mail in desk.rows(OutboundMail) if mail.template == template]


def expiry(desk) -> SubscriptionChange:
    (change,) = [each for each in desk.rows(SubscriptionChange) if each.kind is ChangeKind.EXPIRY]
    return change


def asked(desk) -> list[RequestKind]:
    return [call.request.kind for call in desk.vendor.requests]


@pytest.fixture
def ending(desk):
    """Five seats at their vendor that do not renew."""
    return desk.running(is_provisioned=True, auto_renew=False)


def test_what_expires_is_ended_at_its_vendor_before_it_counts_as_expired(desk, ending):
    """CB-F87: auto-renew off: the vendor ends it first; Expired after the period, no further invoice."""
    for _ in range(2):
        tick(desk, JULY_1)
    assert (desk.subscription(ending).status, asked(desk), mails(desk, "subscription_expired")) == (ACTIVE, [], [])
    assert [task.kind for task in desk.rows(ProvisioningTask)] == [TaskKind.CANCEL]
    for _ in range(2):
        desk.run_tasks(at=on(1, 7))
    ended = desk.subscription(ending)
    assert (ended.status, ended.sync_status, asked(desk)) == (EXPIRED, SyncStatus.SYNCHRONISED, [RequestKind.CANCEL])
    assert desk.vendor.resources["resource-1"].status == "Canceled"
    assert [link.ended_at for link in desk.rows(SubscriptionVendorLink)] == [on(1, 7)]
    assert expiry(desk).status is ChangeStatus.COMPLETED
    assert len(mails(desk, "subscription_expired")) == 1
    tick(desk, AUGUST_1)
    assert (desk.papers(), len(desk.rows(ProvisioningTask))) == ([], 1)


def test_what_needs_no_vendor_expires_at_once(desk):
    running = desk.running(auto_renew=False)
    tick(desk, JULY_1)
    assert (desk.subscription(running).status, desk.rows(ProvisioningTask)) == (EXPIRED, [])


def test_a_vendor_that_refuses_the_end_leaves_it_active_unbilled_and_tells_operators(desk, ending):
    """CB-22, CB-28: vendor first; a person tries again, and only then it has expired."""
    tick(desk, JULY_1)
    desk.vendor.reject_next(reason="Has open invoices")
    desk.run_tasks(at=on(1, 7))
    tick(desk, AUGUST_1)
    kept = desk.subscription(ending)
    assert (kept.status, kept.sync_status, kept.period_to) == (ACTIVE, SyncStatus.FAILED, date(2026, 6, 30))
    assert (desk.papers(), mails(desk, "subscription_expired"), len(mails(desk, "change_failed"))) == ([], [], 1)
    (task,) = desk.rows(ProvisioningTask)
    desk.do(retry, task.id, actor=STAFF, at=on(2, 7))
    desk.run_tasks(at=on(2, 7))
    assert (desk.subscription(ending).status, expiry(desk).status) == (EXPIRED, ChangeStatus.COMPLETED)
    assert len(mails(desk, "work_recovered")) == 1


def test_who_gives_up_on_the_vendor_lets_it_expire_here_and_a_renewal_updates_what_is_left_there(desk, ending):
    """GO-03: what still stands at the vendor is not made a second time."""
    tick(desk, JULY_1)
    desk.vendor.reject_next()
    desk.run_tasks(at=on(1, 7))
    desk.do(reject_change, expiry(desk).id, "The vendor keeps it until its own term ends", actor=STAFF, at=on(2, 7))
    tick(desk, date(2026, 7, 2))
    over = desk.subscription(ending)
    assert (over.status, over.sync_status) == (EXPIRED, SyncStatus.SYNCHRONISED)
    assert [link.ended_at for link in desk.rows(SubscriptionVendorLink)] == [None]
    desk.submit(ending, ChangeKind.RENEWAL, at=on(3, 7))
    desk.run_tasks(at=on(3, 7))
    assert (desk.subscription(ending).status, asked(desk)[-1]) == (ACTIVE, RequestKind.UPDATE)


def test_arrears_of_the_last_period_are_charged_when_the_vendor_has_confirmed(desk):
    running = desk.running(
        is_provisioned=True, auto_renew=False, quantity=5, billing_type=BillingType.ON_END, is_charged=False
    )
    tick(desk, JULY_1)
    assert desk.rows(Charge) == []
    desk.run_tasks(at=on(1, 7))
    tick(desk, JULY_1)
    assert (desk.subscription(running).status, desk.papers()) == (EXPIRED, [("invoice", "50.00")])


@pytest.fixture
def backup(session, desk) -> Product:
    product = make_sibling(session, desk.world, "Contoso Backup", "6.00", list_price="6.00", is_add_on=True)
    relate(session, desk.world, RelationKind.ADD_ON, desk.world.seats, product)
    return product


@pytest.fixture
def support(session, desk) -> Product:
    return make_sibling(session, desk.world, "Contoso Support", "3.00", list_price="3.00", is_add_on=True)


def part(desk, parent, product, quantity: int, price: str, **columns):
    return desk.running(
        product=product, quantity=quantity, unit_cost=price, role=SubscriptionRole.ADD_ON, parent_id=parent.id,
        **{"sync_status": SyncStatus.SYNCHRONISED, "auto_renew": False, **columns},
    )  # fmt: skip


def charges_from(desk, day: date) -> list[tuple[str, str]]:
    """What was charged for periods that begin on a day: whose, and how much."""
    names = {each.id: each.friendly_name for each in desk.rows(Subscription)}
    return sorted(
        (names[each.subscription_id], f"{each.net_amount:.2f}") for each in desk.rows(Charge) if each.period_from == day
    )


def test_taking_it_up_again_brings_back_what_fell_with_it_and_nothing_else(desk, ending, backup, support):
    """CB-27, CB-28: made anew at the vendor with its add-ons, one charge each; an add-on canceled before stays canceled."""
    fell = part(desk, ending, backup, 2, "6.00")
    gone = part(desk, ending, support, 1, "3.00", status=CANCELED)
    earlier = part(desk, ending, support, 4, "3.00", status=EXPIRED, period=(date(2026, 4, 1), date(2026, 4, 30)))
    tick(desk, JULY_1)
    desk.run_tasks(at=on(1, 7))
    assert [desk.subscription(each).status for each in (ending, fell, gone)] == [EXPIRED, EXPIRED, CANCELED]

    desk.submit(ending, ChangeKind.RENEWAL, at=on(10, 7))
    assert [desk.subscription(each).status for each in (ending, fell)] == [EXPIRED, EXPIRED]  # the vendor first
    desk.vendor._made = 1  # the vendor gives out a new name
    for _ in range(2):
        desk.run_tasks(at=on(10, 7))
    made = desk.vendor.requests[-1].request
    assert (asked(desk), made.quantity) == ([RequestKind.CANCEL, RequestKind.CREATE], 5)
    assert [(each.product_name, each.quantity, each.action) for each in made.add_ons] == [
        ("Contoso Backup", 2, AddOnAction.CREATE)
    ]
    (link,) = desk.rows(SubscriptionVendorLink)
    assert (link.vendor_reference, link.ended_at) == ("resource-2", None)
    again, add_on = desk.subscription(ending), desk.subscription(fell)
    period = (date(2026, 7, 10), date(2026, 8, 9))
    for each in (again, add_on):
        assert (each.status, each.sync_status, each.auto_renew) == (ACTIVE, SyncStatus.SYNCHRONISED, True)
        assert (each.period_from, each.period_to, each.canceled_at) == (*period, None)
    assert [desk.subscription(each).status for each in (gone, earlier)] == [CANCELED, EXPIRED]
    assert charges_from(desk, period[0]) == [("Contoso Backup", "12.00"), (desk.world.seats.name, "60.00")]
    assert desk.papers() == [("invoice", "72.00")]
    tick(desk, date(2026, 8, 10))
    assert charges_from(desk, date(2026, 8, 10)) == [("Contoso Backup", "12.00"), (desk.world.seats.name, "60.00")]


def test_a_vendor_that_refuses_to_make_it_anew_leaves_all_of_it_expired_and_uncharged(desk, ending, backup):
    fell = part(desk, ending, backup, 2, "6.00")
    tick(desk, JULY_1)
    desk.run_tasks(at=on(1, 7))
    desk.submit(ending, ChangeKind.RENEWAL, at=on(10, 7))
    desk.vendor.reject_next()
    desk.run_tasks(at=on(10, 7))
    assert [desk.subscription(each).status for each in (ending, fell)] == [EXPIRED, EXPIRED]
    assert (charges_from(desk, date(2026, 7, 10)), desk.papers()) == ([], [])


def test_a_withdrawn_cancellation_leaves_add_ons_running_and_charged_once(desk, session, backup):
    """CB-F91: withdrawn before its day, everything goes on as it was."""
    running = desk.running(is_provisioned=True)
    add_on = part(desk, running, backup, 2, "6.00")
    change = desk.submit(running, ChangeKind.CANCELLATION, timing=END, reason="Unused", at=on(10))
    assert desk.subscription(add_on).status is ACTIVE
    desk.do(withdraw_change, change.id, actor=STAFF, at=on(11))
    tick(desk, JULY_1)
    assert [desk.subscription(each).status for each in (running, add_on)] == [ACTIVE, ACTIVE]
    assert charges_from(desk, JULY_1) == [("Contoso Backup", "12.00"), (desk.world.seats.name, "60.00")]
    assert desk.vendor.requests == []


@pytest.fixture
def office(session, desk):
    """Two bundles of one seat and two extras each, which do not renew."""
    world = desk.world
    extra = make_sibling(session, world, "Contoso Extra", "2.50")
    bundle = make_bundle(session, world, "15.80", [(world.seats, 1), (extra, 2)])
    running = desk.running(
        product=bundle, quantity=2, unit_cost="15.80", sync_status=SyncStatus.SYNCHRONISED, auto_renew=False
    )
    parts = [
        desk.running(
            product=product, quantity=2 * each, is_provisioned=True, is_charged=False,
            role=SubscriptionRole.COMPONENT, parent_id=running.id, quantity_per_parent=each,
        )
        for product, each in ((world.seats, 1), (extra, 2))
    ]  # fmt: skip
    return SimpleNamespace(id=running.id, code=running.code, parts=parts)


def test_a_bundle_expires_component_by_component_and_comes_back_as_a_whole(desk, office):
    """CB-11: each component's vendor is asked; one charge for the bundle, none for its components."""
    tick(desk, JULY_1)
    desk.run_tasks(at=on(1, 7))
    assert desk.subscription(office).status is ACTIVE  # one of two has ended
    desk.run_tasks(at=on(1, 7))
    assert {desk.subscription(each).status for each in (office, *office.parts)} == {EXPIRED}
    assert asked(desk) == [RequestKind.CANCEL] * 2

    desk.submit(office, ChangeKind.RENEWAL, at=on(10, 7))
    desk.vendor._made = 2
    for _ in range(3):
        desk.run_tasks(at=on(10, 7))
    assert asked(desk)[2:] == [RequestKind.CREATE] * 2
    assert [call.request.quantity for call in desk.vendor.requests[2:]] == [2, 4]
    assert {desk.subscription(each).status for each in (office, *office.parts)} == {ACTIVE}
    assert {desk.subscription(each).sync_status for each in (office, *office.parts)} == {SyncStatus.SYNCHRONISED}
    assert charges_from(desk, date(2026, 7, 10)) == [("Office bundle", "31.60")]


def test_a_term_that_ends_voids_a_failed_request_and_ends_all_the_same(desk, ending):
    change = desk.submit(ending, ChangeKind.QUANTITY, quantity_to=8, at=on(10))
    desk.vendor.reject_next()
    desk.run_tasks(at=on(10))
    tick(desk, JULY_1)
    assert desk.change(change).status is ChangeStatus.VOID
    desk.run_tasks(at=on(1, 7))
    assert desk.subscription(ending).status is EXPIRED
    assert {task.status for task in desk.rows(ProvisioningTask) if task.kind is TaskKind.CANCEL} == {
        TaskStatus.SUCCEEDED
    }


def test_renewal_cannot_be_switched_on_while_the_vendor_ends_it(desk, ending):
    tick(desk, JULY_1)
    with scope(desk.world.scope), pytest.raises(ChangePending):
        set_auto_renew(ending.id, is_on=True, actor=STAFF, at=on(1, 7))
    db.session.rollback()
    assert desk.subscription(ending).auto_renew is False
