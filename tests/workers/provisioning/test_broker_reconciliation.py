"""Comparing with a vendor that has no list: each of our services is read at a real broker (openbrokerapi)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from openbrokerapi import errors

from app.audit.services import Actor
from app.catalogue.models import Product
from app.core.config import settings
from app.core.db import unit_of_work
from app.core.secrets import encrypt
from app.orders.models import OrderStatus
from app.provisioning.drift import DriftFilter, list_drifts
from app.provisioning.models import DriftKind, ProvisioningTask, ReconciliationRun, RunState, ServiceManager
from app.provisioning.reconciliation import start_run
from app.subscriptions.models import SubscriptionVendorLink
from tenants.context import scope
from tests.factories.execution import Wanted, alias_order, all_of, use_service_manager
from tests.fakes.broker import PASSWORD, USER, RunningBroker, running_broker
from workers import vendor_access
from workers.jobs import reconciliation

ADA = Actor(None, "Ada Operator", None, None, None)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningBroker]:
    with running_broker() as running:
        allowed = replace(settings(), allowed_private_targets=frozenset({running.target}))
        monkeypatch.setattr(vendor_access, "settings", lambda: allowed)
        yield running


@pytest.fixture
def references(session, world, broker, run_order, run_task) -> list[str]:
    """Three instances; our product's code is the plan's `service.plan`."""
    manager = use_service_manager(session, world, kind="open_service_broker", base_url=broker.url)
    with scope(world.scope), unit_of_work():
        row = session.get_one(ServiceManager, (world.id, manager.id))
        row.application_id, row.api_key_encrypted = USER, encrypt(PASSWORD)
        product = session.get_one(Product, (world.id, world.seats.id))
        product.code, product.code_key = "Workplace.Start", "workplace.start"
    for quantity in (5, 6, 7):
        run_order(alias_order(session, world, [Wanted(world.seats, quantity)], status=OrderStatus.EXECUTING))
    with scope(world.scope):
        tasks = all_of(session, ProvisioningTask)
        session.expunge_all()
        session.commit()
    for task in tasks:
        run_task(task)
    with scope(world.scope):
        found = [link.vendor_reference for link in all_of(session, SubscriptionVendorLink)]
        session.commit()
        return found


def compare(session, world, clock) -> tuple[ReconciliationRun, set]:
    with scope(world.scope), unit_of_work():
        (manager,) = all_of(session, ServiceManager)
        run_id = start_run(manager.id, actor=ADA, at=clock.now).id
    reconciliation.reconcile(str(run_id), distributor_id=str(world.id))
    with scope(world.scope):
        run = session.get_one(ReconciliationRun, (world.id, run_id), populate_existing=True)
        drifts = {
            (row.drift.kind, row.drift.vendor_reference, row.drift.ours, row.drift.theirs)
            for row in list_drifts(run_id, DriftFilter(), limit=None)
        }
        session.expunge_all()
        session.commit()
        return run, drifts


def test_a_broker_is_read_instance_by_instance(session, world, broker, references, clock, monkeypatch):
    """GO-03: OSB: one GET for each of ours, in pages; a plan that our code names in another spelling is no drift."""
    monkeypatch.setattr(reconciliation, "READ_AT_ONCE", 2)
    run, drifts = compare(session, world, clock)
    assert (run.state, run.done, run.matching, drifts) == (RunState.COMPLETED, 3, 3, set())

    del broker.broker.instances[references[0]]
    broker.broker.instances[references[1]].parameters["quantity"] = 60
    broker.broker.instances[references[2]].plan_id = "WP-TEAM"
    before = [each.method for each in broker.broker.seen if each.method != "GET"]
    run, drifts = compare(session, world, clock)
    assert drifts == {
        (DriftKind.MISSING_AT_VENDOR, references[0], "5 × Workplace.Start", ""),
        (DriftKind.QUANTITY, references[1], "6", "60"),
        (DriftKind.PRODUCT, references[2], "Workplace.Start", "WP-TEAM"),
    }
    assert [each.method for each in broker.broker.seen if each.method != "GET"] == before


def test_a_slow_broker_is_read_in_smaller_pages(session, world, broker, references, clock, monkeypatch):
    """GO-03: what was read is kept after a minute, so a slow vendor cannot use up the job without any progress."""
    monkeypatch.setattr(reconciliation, "PAGE_FOR", timedelta(seconds=-1))
    run, drifts = compare(session, world, clock)

    assert (run.state, run.done, run.matching, drifts) == (RunState.COMPLETED, 3, 3, set())


def test_an_instance_the_broker_does_not_tell_of_is_not_missing(session, world, broker, references, clock, monkeypatch):
    read = broker.broker.get_instance

    def forbidden(instance_id, **_more):
        if instance_id == references[0]:
            raise errors.ErrBadRequest("Ask somebody else")
        return read(instance_id=instance_id)

    monkeypatch.setattr(broker.broker, "get_instance", forbidden)
    broker.broker.instances[references[1]].parameters["quantity"] = 60
    run, drifts = compare(session, world, clock)

    assert (run.state, run.message) == (
        RunState.WITH_ERRORS, f"Could not be read: {references[0]}: Ask somebody else",
    )  # fmt: skip
    assert drifts == {(DriftKind.QUANTITY, references[1], "6", "60")}
