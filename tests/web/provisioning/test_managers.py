from __future__ import annotations

import re
from http import HTTPStatus

import pytest

from app.audit.models import AuditEvent
from app.core import db
from app.core.db import unit_of_work
from app.core.secrets import decrypt
from app.provisioning.managers import record_test
from app.provisioning.models import ServiceManager
from tenants.context import scope
from tests.factories.execution import all_of
from tests.factories.world import MONDAY_NOON

DETAILS = {
    "name": "Contoso cloud",
    "kind": "service_manager",
    "base_url": "https://api.contoso.example/v1/",
    "application_id": "app-1",
    "timeout_seconds": "30",
    "has_precheck": "y",
}


def managers(world) -> list[ServiceManager]:
    with scope(world.scope):
        found = all_of(db.session, ServiceManager)
        db.session.commit()
        db.session.expunge_all()
        return found


def test_a_generated_key_is_shown_once_and_stored_encrypted(world, sign_in):
    client = sign_in(world.bss_user)
    answer = client.post("/bss/provisioning/service-managers/new", data=DETAILS)
    assert answer.status_code == HTTPStatus.OK
    (manager,) = managers(world)
    key = decrypt(manager.api_key_encrypted)
    assert key in answer.text
    assert key not in manager.api_key_encrypted
    assert manager.base_url == "https://api.contoso.example/v1"
    for path in ("/bss/provisioning/service-managers", f"/bss/provisioning/service-managers/{manager.id}"):
        later = client.get(path)
        assert later.status_code == HTTPStatus.OK
        assert key not in later.text
    with scope(world.scope):
        assert key not in str([event.after for event in all_of(db.session, AuditEvent)])


def test_another_key_replaces_the_first_at_once(world, sign_in):
    client = sign_in(world.bss_user)
    client.post("/bss/provisioning/service-managers/new", data={**DETAILS, "api_key": "the-vendors-own"})
    (manager,) = managers(world)
    assert decrypt(manager.api_key_encrypted) == "the-vendors-own"
    answer = client.post(f"/bss/provisioning/service-managers/{manager.id}/key")
    (changed,) = managers(world)
    assert decrypt(changed.api_key_encrypted) != "the-vendors-own"
    assert decrypt(changed.api_key_encrypted) in answer.text


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", "Enter a name"),
        ("base_url", "http://api.contoso.example", "starting with https://"),
        ("base_url", "https://user:secret@api.contoso.example", "starting with https://"),
        ("base_url", "", "starting with https://"),
        ("timeout_seconds", "4", "Enter 5 to 120 seconds"),
        ("timeout_seconds", "121", "Enter 5 to 120 seconds"),
        ("timeout_seconds", "soon", "Not a valid integer"),
        ("api_key", "with space", "visible ASCII"),
    ],
)
def test_a_wrong_registration_comes_back_with_its_message_and_stores_nothing(world, sign_in, field, value, message):
    answer = sign_in(world.bss_user).post("/bss/provisioning/service-managers/new", data={**DETAILS, field: value})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert message in re.sub(r"\s+", " ", answer.text)
    assert managers(world) == []


def test_a_name_is_given_once(world, sign_in):
    client = sign_in(world.bss_user)
    client.post("/bss/provisioning/service-managers/new", data=DETAILS)
    again = client.post("/bss/provisioning/service-managers/new", data={**DETAILS, "name": "CONTOSO CLOUD"})
    assert again.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert len(managers(world)) == 1


def test_a_service_manager_is_switched_off_and_keeps_its_kind(world, sign_in):
    client = sign_in(world.bss_user)
    client.post("/bss/provisioning/service-managers/new", data=DETAILS)
    (manager,) = managers(world)
    answer = client.post(
        f"/bss/provisioning/service-managers/{manager.id}",
        data={**DETAILS, "name": "Contoso", "kind": "manual", "has_precheck": ""},
    )
    assert answer.status_code == HTTPStatus.SEE_OTHER
    (changed,) = managers(world)
    assert (changed.name, changed.kind, changed.is_active, changed.has_precheck) == (
        "Contoso", "service_manager", False, False,
    )  # fmt: skip


def test_limits_switches_and_the_sandbox_are_kept(world, sign_in):
    """CB-22: calls at once, pre-checks by kind of call, accounts first, sandbox; shown again as they are."""
    client = sign_in(world.bss_user)
    client.post("/bss/provisioning/service-managers/new", data=DETAILS)
    (manager,) = managers(world)
    path = f"/bss/provisioning/service-managers/{manager.id}"
    wanted = {
        **DETAILS, "is_active": "y", "is_sandbox": "y", "max_parallel_calls": "9", "unchecked_kinds": ["cancel", "suspend"],
        "description": "The test system",
    }  # fmt: skip
    assert client.post(path, data=wanted).status_code == HTTPStatus.SEE_OTHER
    (kept,) = managers(world)
    assert (kept.is_sandbox, kept.max_parallel_calls, kept.unchecked_kinds, kept.synchronises_accounts) == (
        True, 9, ["cancel", "suspend"], False,
    )  # fmt: skip
    shown = client.get(path).text
    assert re.search(r'value="cancel"[^>]*checked|checked[^>]*value="cancel"', shown)
    assert "The test system" in shown
    assert "Sandbox" in client.get("/bss/provisioning/service-managers").text


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("max_parallel_calls", "0", "Enter 1 to 50 calls"),
        ("max_parallel_calls", "51", "Enter 1 to 50 calls"),
        ("unchecked_kinds", "explode", "not a valid choice"),
        ("description", "x" * 501, "500 characters"),
    ],
)
def test_limits_out_of_bounds_are_refused_and_change_nothing(world, sign_in, field, value, message):
    client = sign_in(world.bss_user)
    client.post("/bss/provisioning/service-managers/new", data=DETAILS)
    (manager,) = managers(world)
    answer = client.post(f"/bss/provisioning/service-managers/{manager.id}", data={**DETAILS, field: value})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert message in re.sub(r"\s+", " ", answer.text)
    (kept,) = managers(world)
    assert (kept.max_parallel_calls, kept.unchecked_kinds, kept.description) == (4, [], "")


def test_the_vendors_own_new_key_is_taken_over_and_not_shown(world, sign_in):
    client = sign_in(world.bss_user)
    client.post("/bss/provisioning/service-managers/new", data=DETAILS)
    (manager,) = managers(world)
    path = f"/bss/provisioning/service-managers/{manager.id}/key"
    answer = client.post(path, data={"api_key": "their-new-key"}, follow_redirects=True)
    assert "The key is replaced" in answer.text
    assert "their-new-key" not in answer.text
    assert decrypt(managers(world)[0].api_key_encrypted) == "their-new-key"
    refused = client.post(path, data={"api_key": "with space"})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert decrypt(managers(world)[0].api_key_encrypted) == "their-new-key"


def test_a_test_is_asked_for_by_a_button_and_what_it_showed_is_told(world, sign_in):
    client = sign_in(world.bss_user)
    client.post("/bss/provisioning/service-managers/new", data={**DETAILS, "kind": "open_service_broker"})
    (manager,) = managers(world)
    path = f"/bss/provisioning/service-managers/{manager.id}"
    assert "Open Service Broker 2.17" in client.get(path).text
    with scope(world.scope), unit_of_work():
        record_test(manager.id, problem="The API key is <wrong>", account_options=None, at=MONDAY_NOON)
    assert "The API key is &lt;wrong&gt;" in client.get(path).text
    assert client.post(f"{path}/test").status_code == HTTPStatus.SEE_OTHER
    assert managers(world)[0].tested_at is None
    assert "Not tested yet" in client.get(path).text


def test_later_days_are_switched_on_where_the_kind_keeps_them(world, sign_in):
    """CB-22, CB-24: a capability switch; a kind that is asked on the day refuses it at the field and stores nothing."""
    client = sign_in(world.bss_user)
    ahead = {**DETAILS, "takes_future_requests": "y"}
    refused = client.post("/bss/provisioning/service-managers/new", data={**ahead, "kind": "open_service_broker"})
    assert (refused.status_code, managers(world)) == (HTTPStatus.UNPROCESSABLE_ENTITY, [])
    assert "This kind is asked on the day" in refused.text
    assert client.post("/bss/provisioning/service-managers/new", data=ahead).status_code == HTTPStatus.OK
    (manager,) = managers(world)
    assert manager.takes_future_requests
    shown = client.get(f"/bss/provisioning/service-managers/{manager.id}").text
    assert re.search(r'name="takes_future_requests"[^>]*checked|checked[^>]*name="takes_future_requests"', shown)
