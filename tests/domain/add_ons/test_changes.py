"""Add-ons of a running subscription: bought, raised, lowered and ended without an order (CB-27)."""

from __future__ import annotations

from datetime import date

import pytest

from app.catalogue.models import Product, RelationKind
from app.changes.due import apply_due
from app.changes.errors import ChangePending
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.subscriptions.add_ons import ParentNotActive
from app.subscriptions.errors import WrongSubscriptionState, WrongSyncState
from app.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    ChangeTiming,
    Subscription,
    SubscriptionChange,
    SubscriptionRole,
    SubscriptionStatus,
    SyncStatus,
)
from app.subscriptions.queries import find_subscription_for_update, list_history
from tenants.context import scope
from tests.domain.changes.conftest import clock, desk, on
from tests.factories.parts import make_sibling, relate
from workers.connectors.base import AddOnAction

__all__ = ("clock", "desk")
ADD_ON = ChangeKind.ADD_ON
PERIOD = (date(2026, 5, 15), date(2026, 6, 14))


@pytest.fixture
def backup(session, world) -> Product:
    """An add-on of the seats at 6.00 a month."""
    product = make_sibling(session, world, "Contoso Backup", "6.00", is_add_on=True)
    relate(session, world, RelationKind.ADD_ON, world.seats, product)
    return product


@pytest.fixture
def seats(desk):
    return desk.running(quantity=10, period=PERIOD, is_provisioned=True)


def add_ons(desk) -> list[Subscription]:
    return [each for each in desk.rows(Subscription) if each.role is SubscriptionRole.ADD_ON]


def have(desk, seats, product, quantity, *, price="6.00", **columns):
    """An add-on that has been there since the period began."""
    return desk.running(
        product=product, quantity=quantity, unit_cost=price, period=PERIOD, role=SubscriptionRole.ADD_ON,
        parent_id=seats.id, **{"sync_status": SyncStatus.SYNCHRONISED, **columns},
    )  # fmt: skip


def test_an_add_on_is_bought_with_a_request_and_charged_when_the_vendor_has_confirmed(desk, seats, backup):
    """CB-F85: 6.00 on 5 June of 15 May to 14 June bills 6 x 10/31 = 1.94; CB-22: vendor first."""
    change = desk.submit(seats, ADD_ON, target_product_id=backup.id, quantity_to=1, at=on(5))
    assert (add_ons(desk), desk.papers()) == ([], [])
    desk.run_tasks(at=on(5))
    (call,) = desk.vendor.requests
    assert [(each.product_name, each.quantity, each.action) for each in call.request.add_ons] == [
        ("Contoso Backup", 1, AddOnAction.CREATE)
    ]
    (add_on,) = add_ons(desk)
    assert (add_on.status, add_on.quantity, add_on.period_to) == (SubscriptionStatus.ACTIVE, 1, date(2026, 6, 14))
    assert desk.charged(add_on) == [("add_on", "1.94", date(2026, 6, 5), date(2026, 6, 14))]
    assert desk.papers() == [("invoice", "1.94")]
    assert desk.change(change).status is ChangeStatus.COMPLETED


def test_raising_an_owned_add_on_makes_no_second_record(desk, seats, backup):
    """CB-F84: buying an owned add-on raises its quantity, no second record."""
    owned = have(desk, seats, backup, 2)
    desk.submit(seats, ADD_ON, target_product_id=backup.id, quantity_to=5, at=on(5))
    desk.run_tasks(at=on(5))
    assert [(each.id, each.quantity) for each in add_ons(desk)] == [(owned.id, 5)]
    assert desk.charged(owned) == [("add_on", "5.81", date(2026, 6, 5), date(2026, 6, 14))]


def test_fewer_and_none_are_credited_and_the_record_ends(desk, seats, backup):
    """CB-27: decrease and cancel, all or part, immediate: credited for the days after by the refund policy."""
    owned = have(desk, seats, backup, 4)
    desk.submit(seats, ADD_ON, target_product_id=backup.id, quantity_to=3, at=on(4))
    desk.run_tasks(at=on(4))
    assert desk.subscription(owned).quantity == 3
    assert desk.charged(owned) == [("cancellation", "-1.94", date(2026, 6, 5), date(2026, 6, 14))]
    desk.submit(seats, ADD_ON, target_product_id=backup.id, quantity_to=0, at=on(4))
    desk.run_tasks(at=on(4))
    assert desk.subscription(owned).status is SubscriptionStatus.CANCELED
    assert desk.vendor.requests[-1].request.add_ons[0].action is AddOnAction.CANCEL
    assert [row[1] for row in desk.charged(owned)] == ["-1.94", "-5.81"]
    desk.submit(seats, ADD_ON, target_product_id=backup.id, quantity_to=1, at=on(5))
    desk.run_tasks(at=on(5))
    assert [each.status for each in add_ons(desk)] == [SubscriptionStatus.CANCELED, SubscriptionStatus.ACTIVE]


def test_a_change_at_the_periods_end_waits_and_costs_nothing_now(desk, seats, backup):
    """CB-27: scheduled add-on changes run on renewal."""
    owned = have(desk, seats, backup, 4)
    change = desk.submit(
        seats, ADD_ON, target_product_id=backup.id, quantity_to=1, timing=ChangeTiming.PERIOD_END, at=on(5)
    )
    assert (change.status, change.effective_on) == (ChangeStatus.SCHEDULED, date(2026, 6, 15))
    assert (desk.subscription(owned).quantity, desk.vendor.requests) == (4, [])
    with scope(desk.world.scope), unit_of_work():
        parent = find_subscription_for_update(seats.id)
        assert parent is not None
        apply_due(parent, on=date(2026, 6, 15), at=on(15))
    desk.run_tasks(at=on(15))
    assert (desk.subscription(owned).quantity, desk.charged(owned)) == (1, [])


def test_a_customers_cancellation_of_an_add_on_follows_a_switch_of_its_own(session, desk, seats, backup):
    """CB-27: cancel follows its own type switch; buying more does not wait."""
    with scope(desk.world.scope):
        session.merge(desk.world.product_type).automatic_add_on_cancellation = False
        session.commit()
    owned = have(desk, seats, backup, 4)
    more = desk.submit(seats, ADD_ON, target_product_id=backup.id, quantity_to=5, is_from_storefront=True, at=on(5))
    desk.look(more, at=on(5))
    desk.run_tasks(at=on(5))
    assert desk.subscription(owned).quantity == 5
    fewer = desk.submit(seats, ADD_ON, target_product_id=backup.id, quantity_to=0, is_from_storefront=True, at=on(6))
    desk.look(fewer, at=on(6))
    assert (desk.change(fewer).status, desk.subscription(owned).quantity) == (ChangeStatus.SUBMITTED, 5)


@pytest.mark.parametrize(("wanted", "code"), [(-1, "quantity_range"), (4, "unchanged"), (None, "required")])
def test_a_number_that_cannot_be_is_refused(desk, seats, backup, wanted, code):
    have(desk, seats, backup, 4)
    with pytest.raises(Invalid) as refused:
        desk.submit(seats, ADD_ON, target_product_id=backup.id, quantity_to=wanted, at=on(5))
    assert refused.value.codes == (code,)
    assert desk.rows(SubscriptionChange) == []


def test_what_the_product_does_not_allow_is_refused(session, desk, seats):
    """CB-27: an add-on not allowed for the product is refused."""
    stranger = make_sibling(session, desk.world, "Fabrikam Backup", "6.00", is_add_on=True)
    with pytest.raises(Invalid) as refused:
        desk.submit(seats, ADD_ON, target_product_id=stranger.id, quantity_to=1, at=on(5))
    assert refused.value.codes == ("add_on_not_allowed",)


@pytest.mark.parametrize("state", [SubscriptionStatus.SUSPENDED, SubscriptionStatus.CANCELED])
def test_add_ons_need_an_active_parent(desk, backup, state):
    """CB-27: an add-on without an active parent is refused."""
    parent = desk.running(status=state)
    with pytest.raises(WrongSubscriptionState):
        desk.submit(parent, ADD_ON, target_product_id=backup.id, quantity_to=1, at=on(5))


def test_with_failed_sync_or_a_pending_request_add_ons_wait(desk, backup):
    """CB-F70 (partly), CB-F78 (partly): with Failed sync, or a request pending, add-on actions are refused."""
    failed = desk.running(is_provisioned=True, sync_status=SyncStatus.FAILED)
    with pytest.raises(WrongSyncState):
        desk.submit(failed, ADD_ON, target_product_id=backup.id, quantity_to=1, at=on(5))
    waiting = desk.running(quantity=10)
    desk.submit(waiting, ChangeKind.QUANTITY, quantity_to=8, timing=ChangeTiming.PERIOD_END, at=on(5))
    with pytest.raises(ChangePending):
        desk.submit(waiting, ADD_ON, target_product_id=backup.id, quantity_to=1, at=on(5))


def test_linked_add_ons_follow_a_quantity_change_and_are_charged_with_it(session, desk, seats):
    """CB-27: quantity either free or linked to the parent's."""
    guard = make_sibling(session, desk.world, "Contoso Guard", "1.00", is_add_on=True)
    relate(session, desk.world, RelationKind.ADD_ON, desk.world.seats, guard, is_quantity_linked=True)
    with pytest.raises(Invalid) as refused:
        desk.submit(seats, ADD_ON, target_product_id=guard.id, quantity_to=3, at=on(5))
    assert refused.value.codes == ("quantity_linked",)
    owned = have(desk, seats, guard, 10, price="1.00", quantity_per_parent=1)
    desk.submit(seats, ChangeKind.QUANTITY, quantity_to=13, at=on(5))
    desk.run_tasks(at=on(5))
    request = desk.vendor.requests[-1].request
    assert (request.quantity, request.add_ons[0].quantity) == (13, 13)
    assert desk.subscription(owned).quantity == 13
    assert desk.charged(owned) == [("add_on", "0.97", date(2026, 6, 5), date(2026, 6, 14))]
    desk.submit(seats, ChangeKind.QUANTITY, quantity_to=3, at=on(4))
    desk.run_tasks(at=on(5))
    assert desk.subscription(owned).quantity == 3


def test_add_ons_are_suspended_and_canceled_with_their_parent_and_credited(desk, seats, backup):
    """CB-27: parent suspended or cancelled, add-ons follow; what is not used of them comes back too."""
    owned = have(desk, seats, backup, 1)
    desk.submit(seats, ChangeKind.CANCELLATION, reason="Unused", at=on(4))
    desk.run_tasks(at=on(4))
    assert desk.subscription(seats).status is SubscriptionStatus.CANCELED
    assert desk.subscription(owned).status is SubscriptionStatus.CANCELED
    assert desk.charged(owned) == [("cancellation", "-1.94", date(2026, 6, 5), date(2026, 6, 14))]


def test_add_ons_are_suspended_and_active_again_with_their_parent(desk, seats, backup):
    """CB-27, CB-30 (partly): parent suspended, add-ons follow; and they come back with it."""
    owned = have(desk, seats, backup, 1)
    for kind, expected in (
        (ChangeKind.SUSPENSION, SubscriptionStatus.SUSPENDED),
        (ChangeKind.ACTIVATION, SubscriptionStatus.ACTIVE),
    ):
        desk.submit(seats, kind, at=on(5))
        desk.run_tasks(at=on(5))
        assert desk.subscription(owned).status is expected


def test_a_trial_takes_add_ons_with_its_upgrade_to_paid_alone(desk, backup):
    """CB-12: what is not paid for has no period by which an add-on could be billed."""
    trial = desk.running(quantity=10, is_provisioned=True, trial_ends_on=date(2026, 6, 30))
    with pytest.raises(ParentNotActive, match="is a trial"):
        desk.submit(trial, ADD_ON, quantity_to=2, target_product_id=backup.id, at=on(10))
    assert add_ons(desk) == []


def test_the_history_of_a_subscription_tells_of_its_add_ons(desk, seats, backup):
    """CB-23: all buys and cancellations of product and add-ons, each named; nothing else of the add-ons."""
    for quantity, day in ((2, 5), (3, 6), (0, 7)):
        desk.submit(seats, ADD_ON, target_product_id=backup.id, quantity_to=quantity, at=on(day))
        desk.run_tasks(at=on(day))
    told = [(each.quantity_after, each.at.day) for each in desk.do(list_history, seats.id) if each.add_on_name]
    assert told == [(2, 5), (3, 6), (0, 7)]
    assert {each.add_on_name for each in desk.do(list_history, seats.id)} >= {"Contoso Backup"}
    (add_on,) = add_ons(desk)
    assert all(each.add_on_name is None for each in desk.do(list_history, add_on.id))
