"""Accounts first, with what the vendor asks for, and the trial of a service manager's address and key (CB-22)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from app.audit.services import Actor
from app.core.config import settings
from app.core.db import unit_of_work
from app.core.secrets import encrypt
from app.orders.models import OrderStatus
from app.orders.repairs import retry
from app.provisioning.account_links import at_vendor, tell_options
from app.provisioning.managers import ask_for_test, new_key
from app.provisioning.models import ProvisioningTask, ServiceManager, TaskStatus, VendorAccountLink, VendorCall
from app.subscriptions.models import SyncStatus
from tenants.context import scope
from tests.factories.execution import Wanted, alias_order, all_of, use_service_manager
from tests.fakes.demo_vendor import API_KEY, DemoVendor, demo_vendor_thread
from workers import vendor_access
from workers.jobs.managers import test_manager as try_manager

ADA = Actor(None, "Ada Operator", None, None, None)


@pytest.fixture
def manager(session, world, vendor) -> ServiceManager:
    made = use_service_manager(session, world)
    with scope(world.scope):
        session.refresh(made)
        session.expunge_all()
        session.commit()
    return made


@pytest.fixture
def task(session, world, manager, run_order) -> ProvisioningTask:
    run_order(alias_order(session, world, [Wanted(world.seats, 5)], status=OrderStatus.EXECUTING))
    return only(session, world, ProvisioningTask)


def only(session, world, model):
    with scope(world.scope):
        (found,) = all_of(session, model)
        session.expunge_all()
        session.commit()
        return found


def change(session, world, **columns) -> None:
    with scope(world.scope), unit_of_work():
        (row,) = all_of(session, ServiceManager)
        for name, value in columns.items():
            setattr(row, name, value)


def test_an_account_lacking_what_the_vendor_asks_for_is_not_sent_and_goes_on_once_it_was_told(
    session, world, vendor, manager, task, run_task, clock
):
    """CB-22: account first; CB-F69: Retry after the repair leads to one service."""
    change(session, world, account_options=[{"id": "tax-id", "name": "Tax id", "is_required": True}])
    run_task(task)
    failed = only(session, world, ProvisioningTask)
    assert failed.status is TaskStatus.FAILED
    assert "must know of Tech Customer 1: Tax id" in (failed.message or "")
    assert vendor.accounts == {}

    customer = world.tech.customers[0]
    with scope(world.scope), unit_of_work():
        tell_options(manager.id, customer.id, {"tax-id": "EL 1"}, actor=ADA, at=clock.now)
        retry(task.id, actor=ADA, at=clock.now)
    run_task(task)
    (known,) = vendor.accounts.values()
    assert known.options == (("tax-id", "EL 1"),)
    link = only(session, world, VendorAccountLink)
    assert (link.sync_status, link.vendor_reference) == (SyncStatus.SYNCHRONISED, "account-1")
    assert len(vendor.resources) == 1


def test_an_account_the_vendor_refuses_is_failed_with_its_words(session, world, vendor, manager, task, run_task, clock):
    vendor.reject_next(reason="The mail address is blocked")
    run_task(task)
    link = only(session, world, VendorAccountLink)
    assert (link.sync_status, link.message) == (SyncStatus.FAILED, "The mail address is blocked")

    with scope(world.scope), unit_of_work():
        retry(task.id, actor=ADA, at=clock.now)
    run_task(task)
    with scope(world.scope):
        assert at_vendor(manager.id, world.tech.customers[0].id).status is SyncStatus.SYNCHRONISED
        session.commit()


def test_a_vendor_without_accounts_is_told_of_none(session, world, vendor, manager, task, run_task, monkeypatch):
    """CB-22: the capability switch: no account call, our own code names the account."""
    change(session, world, synchronises_accounts=False)
    monkeypatch.setattr(vendor, "_object", lambda _request: None)  # it asks for no account
    run_task(task)
    assert only(session, world, ProvisioningTask).status is TaskStatus.SUCCEEDED
    (call,) = vendor.requests
    assert call.request.account.vendor_reference == world.tech.customers[0].code
    assert vendor.accounts == {}


def test_calls_that_cannot_be_checked_are_sent_without_a_check(session, world, vendor, manager, task, run_task):
    """CB-22: the pre-check is switched per call."""
    change(session, world, unchecked_kinds=["create"])
    run_task(task)
    assert (vendor.checks, vendor.calls) == ([], 1)


@pytest.fixture
def demo(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoVendor]:
    with demo_vendor_thread(tmp_path) as running:
        allowed = replace(settings(), allowed_private_targets=frozenset({running.target}))
        monkeypatch.setattr(vendor_access, "settings", lambda: allowed)
        yield running


def test_address_and_key_are_tried_without_changing_anything(session, world, manager, demo):
    """CB-22: a test shows whether address and key are right; the vendor's words are kept, the key is not."""
    change(
        session, world, kind="service_manager", base_url=f"{demo.url}/api", api_key_encrypted=encrypt("wrong-key-77")
    )
    with scope(world.scope), unit_of_work():
        ask_for_test(manager.id)
    try_manager(str(manager.id), distributor_id=str(world.id))
    failed = only(session, world, ServiceManager)
    assert failed.test_message == "The API key is wrong"
    assert failed.tested_at is not None

    with scope(world.scope), unit_of_work():
        new_key(manager.id, api_key=API_KEY, actor=ADA, at=failed.tested_at)
    try_manager(str(manager.id), distributor_id=str(world.id))
    right = only(session, world, ServiceManager)
    assert right.test_message == ""
    assert right.account_options == []  # it asks for mail and country alone, which it gets in any case
    with scope(world.scope):
        calls = all_of(session, VendorCall)
        assert {call.operation for call in calls} == {"service-definition", "account/options"}
        assert not any(secret in str(vars(call)) for call in calls for secret in (API_KEY, "wrong-key-77"))
        session.commit()
    assert demo.state()["counts"]["services"] == 0


def test_a_service_manager_that_cannot_be_reached_says_so(session, world, manager):
    change(session, world, kind="service_manager", base_url="https://localhost:1/api")
    try_manager(str(manager.id), distributor_id=str(world.id))
    assert "not a public address" in (only(session, world, ServiceManager).test_message or "")
