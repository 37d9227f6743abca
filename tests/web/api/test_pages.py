"""Pages of credentials: a secret is shown once, and only to who may have it."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from app.audit.models import AuditEvent
from app.identity.api_clients.models import ApiClient
from tenants.context import distributor_scope, scope

MANAGE, BSS = "/techsolutions/manage/api-credentials", "/bss/api-credentials"
TYPED = {"name": "ERP", "kind": "oauth", "scopes": ["subscriptions.read"], "expires": "30"}


def clients_of(session, world, realm_id) -> list[ApiClient]:
    with scope(distributor_scope(world.id).in_realm(realm_id)):
        session.expire_all()
        return list(session.scalars(select(ApiClient).where(ApiClient.realm_id == realm_id)))


def actions(session, world) -> list[str]:
    with scope(world.scope):
        return [
            each
            for each in session.scalars(select(AuditEvent.action).order_by(AuditEvent.at))
            if each.startswith("api_client.")
        ]


def secret_in(words: str) -> str:
    (found,) = {each for each in re.findall(r'data-copy="([^"]+)"', words) if len(each) in (43, 27 + 1 + 43)}
    return found


@pytest.mark.parametrize("kind", ["oauth", "api_key"])
def test_a_secret_is_shown_once_and_works(client, session, world, sign_in, kind):
    """RS-30, BC-33: shown once, kept as a digest; the list never has it."""
    sign_in(world.tech.admin)
    made = client.post(f"{MANAGE}/new", data={**TYPED, "kind": kind})
    assert made.status_code == 200
    assert made.headers["Cache-Control"] == "no-store"
    secret = secret_in(made.text)
    (row,) = clients_of(session, world, world.tech.storefront.id)
    assert secret not in str(vars(row))
    listed = client.get(MANAGE).text
    assert "ERP" in listed
    assert row.public_id in listed
    assert secret not in listed
    assert row.secret_digest not in listed
    assert actions(session, world) == ["api_client.created"]
    if kind == "api_key":
        found = client.get("/techsolutions/api/v1/me", headers={"X-ApiKey": secret})
    else:
        found = client.post(
            "/techsolutions/api/v1/oauth/token", data={"grant_type": "client_credentials"}, auth=(row.public_id, secret)
        )
    assert found.status_code == 200


def test_a_new_secret_and_the_end(client, session, world, sign_in):
    sign_in(world.tech.admin)
    first = secret_in(client.post(f"{MANAGE}/new", data={**TYPED, "kind": "api_key"}).text)
    (row,) = clients_of(session, world, world.tech.storefront.id)
    second = secret_in(client.post(f"{MANAGE}/storefront/{row.id}/rotate").text)
    me = "/techsolutions/api/v1/me"
    assert [client.get(me, headers={"X-ApiKey": each}).status_code for each in (first, second)] == [401, 200]
    assert client.post(f"{MANAGE}/storefront/{row.id}/revoke").status_code == 303
    assert client.get(me, headers={"X-ApiKey": second}).status_code == 401
    assert "Revoked" in client.get(MANAGE).text
    assert (
        client.post(f"{MANAGE}/storefront/{row.id}/rotate", headers={"Accept": "application/json"}).status_code == 409
    )
    assert actions(session, world) == ["api_client.created", "api_client.rotated", "api_client.revoked"]


@pytest.mark.parametrize(
    "changed",
    [{"name": ""}, {"name": "x" * 81}, {"scopes": []}, {"scopes": ["all"]}, {"kind": "magic"}, {"expires": "7"}],
)
def test_what_cannot_be_made_is_422_and_nothing_is_kept(client, session, world, sign_in, changed):
    sign_in(world.tech.admin)
    assert client.post(f"{MANAGE}/new", data={**TYPED, **changed}).status_code == 422
    assert clients_of(session, world, world.tech.storefront.id) == []


def test_free_edition_is_given_no_writing_scope(client, session, world, sign_in):
    """Decisions section 5: Free edition, API read only."""
    sign_in(world.cloudia.admin)
    path = "/cloudia/manage/api-credentials/new"
    assert "subscriptions.write" not in client.get(path).text
    assert client.post(path, data={**TYPED, "scopes": ["subscriptions.write"]}).status_code == 422
    assert clients_of(session, world, world.cloudia.storefront.id) == []
    assert client.post(path, data=TYPED).status_code == 200


def test_a_realm_has_five_at_most(client, session, world, sign_in):
    """BC-33: up to 5 per realm; a revoked one makes room."""
    sign_in(world.tech.admin)
    assert [client.post(f"{MANAGE}/new", data=TYPED).status_code for _ in range(6)] == [200] * 5 + [422]
    row = clients_of(session, world, world.tech.storefront.id)[0]
    client.post(f"{MANAGE}/storefront/{row.id}/revoke")
    assert client.post(f"{MANAGE}/new", data=TYPED).status_code == 200


def test_another_storefronts_credentials_are_not_found(client, session, world, sign_in):
    sign_in(world.tech.admin)
    client.post(f"{MANAGE}/new", data=TYPED)
    (row,) = clients_of(session, world, world.tech.storefront.id)
    before = row.secret_digest
    sign_in(world.cloudia.admin)
    for verb in ("rotate", "revoke"):
        assert client.post(f"/cloudia/manage/api-credentials/storefront/{row.id}/{verb}").status_code == 404
        assert client.post(f"/cloudia/manage/api-credentials/bss/{row.id}/{verb}").status_code == 404
    (row,) = clients_of(session, world, world.tech.storefront.id)
    assert (row.secret_digest, row.revoked_at) == (before, None)


def test_the_back_office_has_credentials_for_two_apis(client, session, world, sign_in):
    sign_in(world.bss_user)
    for realm in ("bss", "storefront"):
        assert client.post(f"{BSS}/new", data={**TYPED, "realm": realm, "name": f"For {realm}"}).status_code == 200
    assert [each.name for each in clients_of(session, world, world.id)] == ["For bss"]
    assert [each.name for each in clients_of(session, world, world.root.id)] == ["For storefront"]
    listed = client.get(BSS).text
    assert "For bss" in listed
    assert "For storefront" in listed
    assert f"http://{world.host}/bss/api/v1/" in listed
    (row,) = clients_of(session, world, world.id)
    assert client.post(f"{BSS}/storefront/{row.id}/revoke").status_code == 404
    assert client.post(f"{BSS}/nobody/{row.id}/revoke").status_code == 404
    assert client.post(f"{BSS}/bss/{row.id}/revoke").status_code == 303
