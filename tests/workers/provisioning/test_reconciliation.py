from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.audit.services import SYSTEM, Actor
from app.catalogue.models import BillingCycle, ProductType, Term
from app.core.db import unit_of_work
from app.orders.models import OrderStatus
from app.provisioning.drift import DriftFilter, count_by_kind, count_drifts, list_drifts
from app.provisioning.errors import CannotBeCompared, RunUnderWay
from app.provisioning.models import (
    Adoption,
    Drift,
    DriftKind,
    DriftState,
    ProvisioningTask,
    ReconciliationRun,
    RunState,
    ServiceManager,
    TaskKind,
    TaskStatus,
    VendorService,
)
from app.provisioning.reconciliation import due_runs, get_run, start_run
from app.provisioning.repairs import Repair, apply_repair, preview
from app.subscriptions.models import Asset, Subscription, SubscriptionStatus, SubscriptionVendorLink, SyncStatus
from tenants.context import scope
from tests.factories.execution import Wanted, alias_order, all_of, use_service_manager
from tests.factories.world import make_world
from tests.fakes.connector import FakeResource
from workers.connectors.base import ConnectorRejected
from workers.jobs import reconciliation

ADA = Actor(None, "Ada Operator", None, None, None)
ALL = DriftFilter()


@pytest.fixture
def manager(session, world, vendor) -> ServiceManager:
    made = use_service_manager(session, world)
    with scope(world.scope):
        session.refresh(made)
        session.expunge_all()
        session.commit()
    return made


@pytest.fixture
def services(session, world, vendor, manager, run_order, run_task) -> list[Subscription]:
    """Five seats, six and seven: three subscriptions that are as the vendor has them."""
    for quantity in (5, 6, 7):
        run_order(alias_order(session, world, [Wanted(world.seats, quantity)], status=OrderStatus.EXECUTING))
    with scope(world.scope):
        tasks = all_of(session, ProvisioningTask)
        session.expunge_all()
        session.commit()
    for task in tasks:
        run_task(task)
    return found(session, world, Subscription)


def found(session, world, model) -> list:
    with scope(world.scope):
        rows = all_of(session, model)
        session.expunge_all()
        session.commit()
        return rows


@pytest.fixture
def compared(session, world, manager, clock) -> Callable:
    """Compare once; returns the run."""

    def run() -> ReconciliationRun:
        with scope(world.scope), unit_of_work():
            started = start_run(manager.id, actor=ADA, at=clock.now)
        reconciliation.reconcile(str(started.id), distributor_id=str(world.id))
        with scope(world.scope):
            made = get_run(started.id)
            session.refresh(made)
            session.expunge(made)
            session.commit()
            return made

    return run


def differences(session, world, run) -> list[tuple]:
    with scope(world.scope):
        rows = list_drifts(run.id, ALL, limit=None)
        told = [(row.drift.kind, row.drift.vendor_reference, row.drift.ours, row.drift.theirs) for row in rows]
        session.commit()
        return told


def change_at_vendor(vendor, reference: str, *, status: str | None = None, **picture) -> None:
    there = vendor.resources[reference]
    vendor.resources[reference] = FakeResource(
        reference, status or there.status, replace(there.picture, **picture) if picture else there.picture
    )


def test_what_is_as_the_vendor_has_it_is_no_drift(session, world, vendor, services, compared):
    """GO-03: page by page, two services to a page; nothing differs and nothing was changed there."""
    vendor.page_size = 2
    calls = vendor.calls
    run = compared()

    assert (run.state, run.done, run.total, run.matching) == (RunState.COMPLETED, 3, 3, 3)
    assert differences(session, world, run) == []
    assert vendor.calls == calls
    assert len(found(session, world, VendorService)) == 3


def test_every_difference_is_reported_for_its_subscription(session, world, vendor, services, compared):
    """GO-03: missing there, unknown here, quantity, product and status differ."""
    vendor.resources.pop("resource-1")
    change_at_vendor(vendor, "resource-2", quantity=60)
    change_at_vendor(vendor, "resource-3", status="Suspended", product_code="OTHER")
    there = vendor.resources["resource-2"]
    vendor.resources["stray-9"] = FakeResource("stray-9", "Active", replace(there.picture, quantity=4))
    run = compared()

    code = world.seats.code
    customer = world.tech.customers[0].name
    assert set(differences(session, world, run)) == {
        (DriftKind.MISSING_AT_VENDOR, "resource-1", f"5 × {code}", ""),
        (DriftKind.QUANTITY, "resource-2", "6", "60"),
        (DriftKind.PRODUCT, "resource-3", code, "OTHER"),
        (DriftKind.STATUS, "resource-3", "active", "suspended"),
        (DriftKind.UNKNOWN_HERE, "stray-9", "", f"4 × {code}, {customer}"),
    }
    assert run.matching == 0
    with scope(world.scope):
        assert count_by_kind(run.id) == dict.fromkeys(DriftKind, 1)
        assert count_drifts(run.id, DriftFilter(search="RESOURCE-3")) == 2
        assert count_drifts(run.id, DriftFilter(search=customer)) == 5
        assert count_drifts(run.id, DriftFilter(kind=DriftKind.QUANTITY, state=DriftState.OPEN)) == 1


def test_an_asset_that_the_vendor_provides_is_known_here(
    session, world, vendor, manager, run_order, run_task, compared, clock
):
    """GO-03, GO-06: licences without end have no subscription; what stands for them at the vendor is nobody's find."""
    with scope(world.scope):
        session.execute(
            update(ProductType)
            .where(ProductType.id == world.tool.product_type_id)
            .values(service_manager_id=manager.id)
        )
        session.commit()
    once = Wanted(world.tool, 2, "100.00", term=Term.NONE, cycle=BillingCycle.ONE_TIME)
    run_order(alias_order(session, world, [once], status=OrderStatus.EXECUTING))
    for task in found(session, world, ProvisioningTask):
        run_task(task)
    (asset,) = found(session, world, Asset)

    run = compared()

    assert (asset.quantity, len(vendor.resources)) == (2, 1)
    assert differences(session, world, run) == []
    assert found(session, world, Adoption) == []


def test_what_was_canceled_here_and_runs_there_is_drift(session, world, vendor, services, compared):
    with scope(world.scope), unit_of_work():
        session.execute(
            update(Subscription).where(Subscription.id == services[0].id).values(status=SubscriptionStatus.CANCELED)
        )
    run = compared()

    assert differences(session, world, run) == [(DriftKind.STATUS, "resource-1", "canceled", "active")]


def test_what_is_on_its_way_to_the_vendor_is_no_drift(session, world, vendor, services, compared):
    with scope(world.scope), unit_of_work():
        session.execute(
            update(ProvisioningTask)
            .where(ProvisioningTask.subject_id == services[1].id)
            .values(status=TaskStatus.PENDING)
        )
    change_at_vendor(vendor, "resource-2", quantity=60)

    assert differences(session, world, compared()) == []


def test_one_run_at_a_time(session, world, vendor, services, manager, clock):
    with scope(world.scope):
        with unit_of_work():
            first = start_run(manager.id, actor=ADA, at=clock.now)
        with pytest.raises(RunUnderWay) as refused, unit_of_work():
            start_run(manager.id, actor=ADA, at=clock.now)
        assert refused.value.run_id == first.id
    assert len(found(session, world, ReconciliationRun)) == 1


def test_services_that_people_provision_cannot_be_compared(session, world, vendor, clock):
    by_hand = use_service_manager(session, world, kind="manual")
    with scope(world.scope), pytest.raises(CannotBeCompared):
        start_run(by_hand.id, actor=ADA, at=clock.now)
    assert found(session, world, ReconciliationRun) == []


def test_a_vendor_that_is_away_is_asked_again_from_where_it_was(
    session, world, vendor, services, manager, clock, monkeypatch
):
    """GO-03: a run that broke off keeps its pages; what it reports is whole."""
    vendor.page_size = 2
    listed = vendor.list_services

    def away(following):
        if following:
            vendor.fail_next()
            vendor._suffer()
        return listed(following)

    monkeypatch.setattr(vendor, "list_services", away)
    with scope(world.scope), unit_of_work():
        run = start_run(manager.id, actor=ADA, at=clock.now)
    reconciliation.reconcile(str(run.id), distributor_id=str(world.id))
    (stopped,) = found(session, world, ReconciliationRun)
    assert (stopped.state, stopped.done, stopped.cursor) == (RunState.RUNNING, 2, "2")
    assert stopped.lease_until == clock.now + timedelta(minutes=1)
    assert found(session, world, Drift) == []

    monkeypatch.setattr(vendor, "list_services", listed)
    reconciliation.reconcile(str(run.id), distributor_id=str(world.id))  # too early: nobody takes it
    assert found(session, world, ReconciliationRun)[0].done == 2
    clock.forward(minutes=1)
    with scope(world.scope):
        assert due_runs(clock.now) == [run.id]
        session.commit()
    reconciliation.reconcile(str(run.id), distributor_id=str(world.id))
    (ended,) = found(session, world, ReconciliationRun)
    assert (ended.state, ended.done, ended.matching) == (RunState.COMPLETED, 3, 3)


def test_a_vendor_that_stays_away_ends_the_run_and_another_may_begin(
    session, world, vendor, services, manager, clock, monkeypatch
):
    def away(_following):
        vendor.fail_next()
        vendor._suffer()

    monkeypatch.setattr(vendor, "list_services", away)
    with scope(world.scope), unit_of_work():
        run = start_run(manager.id, actor=ADA, at=clock.now)
    for _ in range(5):
        reconciliation.reconcile(str(run.id), distributor_id=str(world.id))
        clock.forward(minutes=30)
    (failed,) = found(session, world, ReconciliationRun)
    assert (failed.state, failed.message) == (RunState.FAILED, "The vendor is down")
    with scope(world.scope), unit_of_work():
        assert start_run(manager.id, actor=ADA, at=clock.now).id != run.id


def test_a_vendor_that_refuses_to_tell_fails_the_run_and_nothing_is_drift(
    session, world, vendor, services, compared, monkeypatch
):
    def refuse(_following):
        raise ConnectorRejected("401", "The API key is wrong")

    monkeypatch.setattr(vendor, "list_services", refuse)
    run = compared()

    assert (run.state, run.message) == (RunState.FAILED, "The API key is wrong")
    assert differences(session, world, run) == []


def test_a_dry_run_says_what_would_happen_and_changes_nothing(session, world, vendor, services, compared):
    """GO-03: repair with a dry run first."""
    vendor.resources.pop("resource-1")
    change_at_vendor(vendor, "resource-2", quantity=60)
    run = compared()
    calls = vendor.calls
    with scope(world.scope), unit_of_work():
        ours = {
            each.row.drift.kind: (each.effect, each.refusal) for each in preview(run.id, ALL, None, Repair.SEND_OURS)
        }
        theirs = {
            each.row.drift.kind: (each.effect, each.refusal) for each in preview(run.id, ALL, None, Repair.TAKE_THEIRS)
        }

    assert ours == {
        DriftKind.MISSING_AT_VENDOR: ("The vendor is asked to create it again, with a quantity of 5", None),
        DriftKind.QUANTITY: ("The vendor is asked for a quantity of 6", None),
    }
    assert theirs == {
        DriftKind.MISSING_AT_VENDOR: ("", "This repair does not fit this difference"),
        DriftKind.QUANTITY: ("The subscription gets a quantity of 60, billed from its next period", None),
    }
    assert len(found(session, world, ProvisioningTask)) == 3
    assert {drift.state for drift in found(session, world, Drift)} == {DriftState.OPEN}
    assert vendor.calls == calls


def test_the_vendor_gets_what_we_have_and_then_nothing_differs(
    session, world, vendor, services, compared, run_task, clock
):
    """GO-03: a missing service is created again, a quantity corrected, a suspension ended; done twice it is done once."""
    vendor.resources.pop("resource-1")
    change_at_vendor(vendor, "resource-2", quantity=60)
    change_at_vendor(vendor, "resource-3", status="Suspended")
    run = compared()
    drift_ids = {drift.id for drift in found(session, world, Drift)}
    for expected in (3, 0):
        with scope(world.scope), unit_of_work():
            assert apply_repair(run.id, drift_ids, Repair.SEND_OURS, actor=ADA, at=clock.now).done == expected
    repairs = [task for task in found(session, world, ProvisioningTask) if task.order_id is None]
    assert {task.kind for task in repairs} == {TaskKind.CREATE, TaskKind.UPDATE, TaskKind.ACTIVATE}
    assert {drift.state for drift in found(session, world, Drift)} == {DriftState.REPAIRING}
    for task in repairs:
        run_task(task)

    assert {drift.state for drift in found(session, world, Drift)} == {DriftState.REPAIRED}
    assert {each.sync_status for each in found(session, world, Subscription)} == {SyncStatus.SYNCHRONISED}
    assert {each.quantity for each in found(session, world, Subscription)} == {5, 6, 7}
    links = {link.vendor_reference for link in found(session, world, SubscriptionVendorLink)}
    assert links == set(vendor.resources)
    again = compared()
    assert (differences(session, world, again), again.matching) == ([], 3)


def test_we_take_over_the_vendors_quantity(session, world, vendor, services, compared, clock):
    change_at_vendor(vendor, "resource-2", quantity=60)
    run = compared()
    (drift,) = found(session, world, Drift)
    calls = vendor.calls
    with scope(world.scope), unit_of_work():
        apply_repair(run.id, {drift.id}, Repair.TAKE_THEIRS, actor=ADA, at=clock.now)

    assert [each.quantity for each in found(session, world, Subscription)] == [5, 60, 7]
    assert found(session, world, Drift)[0].state is DriftState.REPAIRED
    assert vendor.calls == calls
    assert differences(session, world, compared()) == []


def test_what_has_expired_here_and_runs_there_is_drift_and_is_ended_by_a_repair(
    session, world, vendor, services, compared, run_task, clock
):
    """GO-03: an expired paid subscription has no business at its vendor; a trial that is over has, for its days of grace."""
    with scope(world.scope), unit_of_work():
        paid, trial, _ = (session.get_one(Subscription, (world.id, each.id)) for each in services)
        paid.status = trial.status = SubscriptionStatus.EXPIRED
        trial.trial_ends_on = clock.now.date()
    run = compared()
    assert differences(session, world, run) == [(DriftKind.STATUS, "resource-1", "expired", "active")]
    (drift,) = found(session, world, Drift)
    with scope(world.scope), unit_of_work():
        assert apply_repair(run.id, {drift.id}, Repair.SEND_OURS, actor=ADA, at=clock.now).done == 1
    for task in found(session, world, ProvisioningTask):
        run_task(task)
    assert vendor.resources["resource-1"].status == "Canceled"
    ended = {link.vendor_reference: link.ended_at is not None for link in found(session, world, SubscriptionVendorLink)}
    assert ended == {"resource-1": True, "resource-2": False, "resource-3": False}
    assert differences(session, world, compared()) == []


def test_a_service_nobody_knows_is_canceled_in_the_name_of_its_account(
    session, world, vendor, services, compared, run_task, clock
):
    there = vendor.resources["resource-2"]
    vendor.resources["stray-9"] = FakeResource("stray-9", "Active", replace(there.picture, quantity=4))
    run = compared()
    (drift,) = found(session, world, Drift)
    with scope(world.scope), unit_of_work():
        apply_repair(run.id, {drift.id}, Repair.CANCEL_THERE, actor=ADA, at=clock.now)
    (task,) = [each for each in found(session, world, ProvisioningTask) if each.order_id is None]
    run_task(task)

    assert vendor.resources["stray-9"].status == "Canceled"
    assert {reference for reference, each in vendor.resources.items() if each.status == "Active"} == {
        "resource-1", "resource-2", "resource-3",
    }  # fmt: skip
    assert found(session, world, Drift)[0].state is DriftState.REPAIRED


def test_a_difference_that_is_right_is_left(session, world, vendor, services, compared, clock):
    change_at_vendor(vendor, "resource-2", quantity=60)
    run = compared()
    (drift,) = found(session, world, Drift)
    with scope(world.scope), unit_of_work():
        apply_repair(run.id, {drift.id}, Repair.LEAVE, actor=ADA, at=clock.now)
        assert apply_repair(run.id, {drift.id}, Repair.SEND_OURS, actor=ADA, at=clock.now).done == 0

    (left,) = found(session, world, Drift)
    assert (left.state, left.decided_by_name, left.task_id) == (DriftState.LEFT, "Ada Operator", None)
    assert len(found(session, world, ProvisioningTask)) == 3


def test_work_that_goes_on_meanwhile_is_not_repaired(session, world, vendor, services, compared, clock):
    change_at_vendor(vendor, "resource-2", quantity=60)
    run = compared()
    (drift,) = found(session, world, Drift)
    with scope(world.scope), unit_of_work():
        session.execute(
            update(ProvisioningTask)
            .where(ProvisioningTask.subject_id == services[1].id)
            .values(status=TaskStatus.FAILED)
        )
        (proposal,) = preview(run.id, ALL, None, Repair.SEND_OURS)
        assert "Work on this subscription is under way" in (proposal.refusal or "")
        assert apply_repair(run.id, {drift.id}, Repair.SEND_OURS, actor=SYSTEM, at=clock.now).refused == 1
    assert found(session, world, Drift)[0].state is DriftState.OPEN


def test_another_distributor_sees_nothing_of_a_run(session, world, vendor, services, compared):
    change_at_vendor(vendor, "resource-2", quantity=60)
    run = compared()
    other = make_world(session, name="Other", host="cloud.other.example")
    with scope(other.scope):
        assert list_drifts(run.id, ALL) == []
        assert all_of(session, ReconciliationRun) == []
