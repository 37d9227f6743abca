from __future__ import annotations

from http import HTTPStatus

import pytest

from app.core import db
from app.core.db import unit_of_work
from app.core.ids import new_id
from app.provisioning.account_links import account_refused, link_account
from app.provisioning.models import ServiceManager, VendorAccountLink
from app.subscriptions.models import SyncStatus
from tenants.context import scope
from tests.factories.execution import all_of, use_service_manager
from tests.factories.world import MONDAY_NOON


@pytest.fixture
def manager_id(session, world):
    made = use_service_manager(session, world, kind="service_manager", base_url="https://vendor.example/api")
    with scope(world.scope), unit_of_work():
        row = db.session.get_one(ServiceManager, (world.id, made.id))
        row.account_options = [
            {"id": "tax-id", "name": "Tax id", "is_required": True},
            {"id": "segment", "name": "Segment", "is_required": False},
        ]
        return row.id


def links(world) -> list[VendorAccountLink]:
    with scope(world.scope):
        found = all_of(db.session, VendorAccountLink)
        db.session.commit()
        db.session.expunge_all()
        return found


def test_the_details_a_vendor_asks_for_are_told_on_the_accounts_page(world, manager_id, sign_in):
    """CB-22: account first: what is missing is asked for, and the account is made known anew."""
    client = sign_in(world.bss_user)
    path = f"/bss/provisioning/accounts/{world.direct.id}"
    shown = client.get(path).text
    assert "Unsynchronised" in shown
    assert "must know more of this account" in shown
    assert path in client.get(f"/bss/accounts/{world.direct.id}").text

    refused = client.post(f"{path}/{manager_id}", data={"option_0": " ", "option_1": "SMB"})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Enter: Tax id" in refused.text
    assert 'value="SMB"' in refused.text
    long = client.post(f"{path}/{manager_id}", data={"option_0": "x" * 256})
    assert long.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert links(world) == []

    assert client.post(f"{path}/{manager_id}", data={"option_0": "EL 123"}).status_code == HTTPStatus.SEE_OTHER
    (link,) = links(world)
    assert (link.options, link.vendor_reference) == ({"tax-id": "EL 123"}, None)
    assert "must know more" not in client.get(path).text


def test_how_an_account_stands_at_its_vendor_is_shown(world, manager_id, sign_in):
    """CB-22: Unsynchronised, Synchronised, Failed with the vendor's words, and Pending after a change."""
    client = sign_in(world.bss_user)
    path = f"/bss/provisioning/accounts/{world.direct.id}"
    with scope(world.scope), unit_of_work():
        account_refused(manager_id, world.direct.id, "The tax id is <wrong>", at=MONDAY_NOON)
    failed = client.get(path).text
    assert "The tax id is &lt;wrong&gt;" in failed
    assert "Failed" in failed
    with scope(world.scope), unit_of_work():
        link_account(manager_id, world.direct.id, "acc-7", at=MONDAY_NOON)
    assert "acc-7" in client.get(path).text
    client.post(f"{path}/{manager_id}", data={"option_0": "EL 124"})
    assert links(world)[0].sync_status is SyncStatus.PENDING


def test_accounts_and_vendors_that_do_not_exist_are_not_found(world, manager_id, sign_in):
    client = sign_in(world.bss_user)
    assert client.get(f"/bss/provisioning/accounts/{new_id()}").status_code == HTTPStatus.NOT_FOUND
    for path in (f"{new_id()}/{manager_id}", f"{world.direct.id}/{new_id()}"):
        answer = client.post(f"/bss/provisioning/accounts/{path}", data={"option_0": "x"})
        assert answer.status_code == HTTPStatus.NOT_FOUND
    assert links(world) == []


def test_an_account_the_vendor_has_already_is_named_by_staff_too(session, world, manager_id, sign_in):
    """CB-22: an existing account needs no details; a service manager that takes none does not ask."""
    client = sign_in(world.bss_user)
    path = f"/bss/provisioning/accounts/{world.direct.id}"
    data = {"option_0": "", "existing": "contoso.example"}
    assert "Account it has there already" not in client.get(path).text
    assert client.post(f"{path}/{manager_id}", data=data).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    with scope(world.scope), unit_of_work():
        db.session.get_one(ServiceManager, (world.id, manager_id)).accepts_existing_accounts = True
    long = client.post(f"{path}/{manager_id}", data={**data, "existing": "x" * 201})
    assert long.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert links(world) == []
    assert client.post(f"{path}/{manager_id}", data=data).status_code == HTTPStatus.SEE_OTHER
    assert [each.existing_reference for each in links(world)] == ["contoso.example"]
    assert 'value="contoso.example"' in client.get(path).text
