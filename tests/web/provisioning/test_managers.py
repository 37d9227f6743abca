from __future__ import annotations

import re
from http import HTTPStatus

import pytest

from app.audit.models import AuditEvent
from app.core import db
from app.core.secrets import decrypt
from app.provisioning.models import ServiceManager
from tenants.context import scope
from tests.factories.execution import all_of

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
