"""Changes of a running bundle hit the whole of it, one component's vendor after the other (CB-11)."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import pytest

from app.billing.models import Charge
from app.changes.renewals import bill_day
from app.changes.requests import reject_change
from app.core.db import unit_of_work
from app.core.errors import Conflict
from app.orders.execution_outcomes import task_retried
from app.provisioning.models import ProvisioningTask, TaskStatus
from app.provisioning.services import retry_task
from app.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    Subscription,
    SubscriptionRole,
    SubscriptionStatus,
    SyncStatus,
)
from app.subscriptions.problems import find_problem
from tenants.context import scope
from tests.domain.changes.conftest import STAFF, clock, desk, on
from tests.factories.parts import make_bundle, make_sibling
from workers.connectors.base import RequestKind

__all__ = ("clock", "desk")


@pytest.fixture
def office(session, desk):
    """Two running bundles of one seat and two extras each, 15.80 a month."""
    world = desk.world
    extra = make_sibling(session, world, "Contoso Extra", "2.50")
    bundle = make_bundle(session, world, "15.80", [(world.seats, 1), (extra, 2)])
    running = desk.running(product=bundle, quantity=2, unit_cost="15.80", sync_status=SyncStatus.SYNCHRONISED)
    parts = [
        desk.running(
            product=product, quantity=2 * each, is_provisioned=True, is_charged=False,
            role=SubscriptionRole.COMPONENT, parent_id=running.id, quantity_per_parent=each,
        )
        for product, each in ((world.seats, 1), (extra, 2))
    ]  # fmt: skip
    return SimpleNamespace(id=running.id, code=running.code, parts=parts)


@pytest.mark.parametrize(
    ("kind", "of"),
    [
        (ChangeKind.QUANTITY, {"quantity_to": 3}),
        (ChangeKind.CANCELLATION, {"reason": "Unused"}),
        (ChangeKind.SUSPENSION, {}),
    ],
)
def test_a_component_is_not_changed_or_canceled_alone(desk, office, kind, of):
    """CB-F28: a bundle's component cannot be cancelled or changed alone."""
    with pytest.raises(Conflict):
        desk.submit(office.parts[0], kind, at=on(16), **of)
    component = desk.subscription(office.parts[0])
    assert (component.status, component.quantity, component.sync_status) == (
        SubscriptionStatus.ACTIVE, 2, SyncStatus.SYNCHRONISED,
    )  # fmt: skip
    assert desk.vendor.requests == []


def test_a_quantity_change_reaches_every_component_before_it_counts(desk, office):
    """CB-11: quantity changes hit the whole bundle."""
    change = desk.submit(office, ChangeKind.QUANTITY, quantity_to=5, at=on(16))
    desk.run_tasks(at=on(16))
    assert (desk.subscription(office).quantity, desk.papers()) == (2, [])
    desk.run_tasks(at=on(16))
    assert [call.request.quantity for call in desk.vendor.requests] == [5, 10]
    assert desk.subscription(office).quantity == 5
    assert [desk.subscription(each).quantity for each in office.parts] == [5, 10]
    assert desk.papers() == [("invoice", "23.70")]
    assert desk.change(change).status is ChangeStatus.COMPLETED


def test_a_full_cancellation_goes_vendor_first_per_component(desk, office):
    """CB-11: full cancel goes vendor-first per component; cancellation only as a whole."""
    desk.submit(office, ChangeKind.CANCELLATION, reason="Unused", at=on(16))
    for _ in range(2):
        desk.run_tasks(at=on(16))
    assert {call.request.kind for call in desk.vendor.requests} == {RequestKind.CANCEL}
    assert desk.subscription(office).status is SubscriptionStatus.CANCELED
    assert {desk.subscription(each).status for each in office.parts} == {SubscriptionStatus.CANCELED}
    assert desk.papers() == [("credit_note", "14.75")]


def test_one_failing_component_leaves_the_bundle_active_and_lists_what_is_gone(desk, office):
    """CB-11: one failing component leaves the bundle Active with sync Failed and lists the ones already cancelled."""
    change = desk.submit(office, ChangeKind.CANCELLATION, reason="Unused", at=on(16))
    desk.run_tasks(at=on(16))
    desk.vendor.reject_next(times=1, code="9", reason="Has open invoices")
    desk.run_tasks(at=on(16))
    bundle = desk.subscription(office)
    assert (bundle.status, bundle.sync_status, desk.papers()) == (SubscriptionStatus.ACTIVE, SyncStatus.FAILED, [])
    with scope(desk.world.scope):
        words = find_problem(office.id)
    assert words == "Already canceled: Contoso Mail; Contoso Extra: Has open invoices"
    assert desk.change(change).status is ChangeStatus.FAILED
    failed = next(each for each in desk.rows(ProvisioningTask) if each.status is TaskStatus.FAILED)

    def again() -> None:
        task_retried(retry_task(failed.id, actor=STAFF, at=on(16)), at=on(16))

    desk.do(again)
    desk.run_tasks(at=on(16))
    assert desk.subscription(office).status is SubscriptionStatus.CANCELED
    assert desk.change(change).status is ChangeStatus.COMPLETED
    assert all(each.status is SubscriptionStatus.CANCELED for each in desk.rows(Subscription))


def test_giving_up_a_refused_change_leaves_bundle_and_components_as_they_stand(desk, office):
    change = desk.submit(office, ChangeKind.QUANTITY, quantity_to=5, at=on(16))
    desk.vendor.reject_next(times=1, code="9", reason="Not now")
    desk.run_tasks(at=on(16))
    first = desk.subscription(office.parts[0])
    assert (first.sync_status, desk.subscription(office).sync_status) == (SyncStatus.FAILED, SyncStatus.FAILED)
    desk.do(reject_change, change.id, "Not possible", actor=STAFF, at=on(16))
    assert {desk.subscription(each).sync_status for each in (office, *office.parts)} == {SyncStatus.SYNCHRONISED}
    assert [desk.subscription(each).quantity for each in (office, *office.parts)] == [2, 2, 4]
    assert desk.papers() == []


def test_editing_a_components_characteristics_reprovisions_that_component_alone(session, desk, office):
    """CB-11: editing order characteristics reprovisions only the affected component; the bundle keeps the worst sync."""
    with scope(desk.world.scope):
        session.merge(desk.world.product_type).characteristics = [
            {"id": "region", "name": "Region", "data_type": "list", "asked_at_order": True,
             "values": [{"code": "eu", "value": "Europe"}, {"code": "us", "value": "America"}]},
            {"id": "backup", "name": "Backup", "data_type": "boolean", "asked_at_order": True, "default": "true"},
        ]  # fmt: skip
        session.commit()
    first, second = office.parts
    desk.submit(first, ChangeKind.CHARACTERISTICS, details={"values": {"region": "eu"}}, at=on(16))
    assert desk.subscription(second).sync_status is SyncStatus.SYNCHRONISED
    desk.run_tasks(at=on(16))
    (call,) = desk.vendor.requests
    assert (call.request.kind, call.request.vendor_reference) == (RequestKind.UPDATE, "resource-1")
    assert [(each.id, each.value, each.code) for each in call.request.characteristics] == [
        ("region", "Europe", "eu"), ("backup", "1", ""),
    ]  # fmt: skip
    assert desk.subscription(first).characteristics == {"region": "eu"}
    assert desk.subscription(office).sync_status is SyncStatus.SYNCHRONISED
    assert desk.papers() == []


def test_renewing_a_bundle_charges_it_once_and_its_components_never(desk, office):
    """CB-11, CB-F27 (partly): renewal hits the whole bundle; only the commercial record is charged."""
    with scope(desk.world.scope), unit_of_work():
        bill_day(desk.world.direct.id, date(2026, 7, 1), at=on(1, 7))
    assert desk.papers() == [("invoice", "31.60")]
    assert {each.subscription_id for each in desk.rows(Charge)} == {office.id}
