"""What owners do with their providers, in the admin area and in the back office."""

from __future__ import annotations

import re
from http import HTTPStatus

import pyotp
import pytest

from app.core.ids import new_id
from app.identity.models import UserType
from app.identity.providers.models import ProviderState
from app.identity.providers.queries import list_providers
from tenants.context import scope
from tests.domain.identity.people import PASSWORD, give_password
from tests.web.conftest import signed_in_browser
from tests.web.providers.conftest import CLIENT, ISSUER, add_link, add_provider, bss_settings, sent, sessions_in

OK, FOUND, NOT_FOUND, UNPROCESSABLE = (
    HTTPStatus.OK,
    HTTPStatus.SEE_OTHER,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
DETAILS = {
    "name": "Olympus ID",
    "issuer": ISSUER,
    "client_id": CLIENT,
    "client_secret": "a very secret word",
    "scopes": "openid email profile",
    "email_claim": "email",
    "first_name_claim": "given_name",
    "last_name_claim": "family_name",
    "is_visible": "y",
}


def providers_of(world, realm_id):
    with scope(world.scope):
        return list_providers(realm_id)


@pytest.mark.parametrize("place", ["manage", "bss", "root"])
def test_a_provider_is_added_tested_and_switched_on(client, world, forger, place):
    """BC-27: Draft → Tested → Enabled; a test shows what arrives and signs nobody in."""
    base, realm, user = {
        "manage": ("/techsolutions/manage/providers", world.tech.storefront.id, world.tech.admin),
        "bss": ("/bss/providers", world.id, world.bss_user),
        "root": ("/bss/storefront-providers", world.root.id, world.bss_user),
    }[place]
    signed_in_browser(client, world, user)
    before = len(sessions_in(world, realm))
    assert client.get(base).status_code == OK
    assert client.post(f"{base}/new", data=DETAILS).status_code == FOUND
    (made,) = providers_of(world, realm)
    assert (made.state, "a very secret word" in made.client_secret_encrypted) == (ProviderState.DRAFT, False)
    shown = client.get(f"{base}/{made.id}").text
    assert ("a very secret word" in shown, f"/sso/{made.id}/callback" in shown) == (False, True)

    client.post(f"{base}/{made.id}/enable")
    assert "Run a test sign-in first" in client.get(base).text
    left = sent(client.get(f"{base}/{made.id}/test"))
    forger.claims = forger.good(left["nonce"], department="Sales")
    tested = client.get(left["redirect_uri"], query_string={"state": left["state"], "code": "a"})
    assert (tested.status_code, "department" in tested.text, "Sales" in tested.text) == (OK, True, True)
    assert len(sessions_in(world, realm)) == before
    assert [each.state for each in providers_of(world, realm)] == [ProviderState.TESTED]
    assert client.post(f"{base}/{made.id}/enable").status_code == FOUND
    assert [each.state for each in providers_of(world, realm)] == [ProviderState.ENABLED]

    client.post(f"{base}/{made.id}", data={**DETAILS, "issuer": "https://other.example"})
    assert [each.state for each in providers_of(world, realm)] == [ProviderState.DRAFT]


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("name", ""),
        ("name", "x" * 81),
        ("issuer", "nowhere"),
        ("issuer", "javascript:alert(1)"),
        ("client_id", ""),
        ("client_secret", ""),
        ("scopes", "email"),
        ("email_claim", ""),
        ("position", "abc"),
        ("allowed_domains", "not a domain!"),
        ("creates_users", "y"),
    ],
)
def test_a_wrong_field_stores_nothing(client, world, field, typed):
    signed_in_browser(client, world, world.tech.admin)
    answer = client.post("/techsolutions/manage/providers/new", data={**DETAILS, field: typed})
    assert answer.status_code == UNPROCESSABLE
    assert providers_of(world, world.tech.storefront.id) == []


def test_local_login_stays_on_without_an_active_provider(client, world):
    """SF-F28: local login cannot be switched off when no external provider is active."""
    base, realm = "/techsolutions/manage/providers", world.tech.storefront.id
    signed_in_browser(client, world, world.tech.admin)
    add_provider(world, realm, name="Off", state=ProviderState.DISABLED)
    add_provider(world, realm, name="Hidden", is_visible=False)
    client.post(f"{base}/local")
    assert "At least one login method must stay active" in client.get(base).text
    on = add_provider(world, realm, name="On")
    client.post(f"{base}/local")
    assert "Passwords are off" in client.get(base).text
    client.post(f"{base}/{on.id}/disable")
    assert ProviderState.ENABLED in [each.state for each in providers_of(world, realm) if each.id == on.id]
    client.post(f"{base}/{on.id}/delete")
    assert on.id in [each.id for each in providers_of(world, realm)]


def test_staff_passwords_go_off_only_after_an_administrator_has_connected_a_provider(client, world):
    """BC-27: local login cannot be turned off without an enabled provider that an administrator has linked."""
    signed_in_browser(client, world, world.bss_user)
    provider = add_provider(world, world.id)
    client.post("/bss/providers/local")
    assert "Connect a provider in your own login options first" in client.get("/bss/providers").text
    add_link(world, provider, world.bss_user, "boss")
    bss_settings(world, bss_second_factor="off")
    client.post("/bss/providers/local")
    assert "Let staff use authenticator apps first" in client.get("/bss/providers").text
    bss_settings(world, bss_second_factor="optional")
    client.post("/bss/providers/local")
    assert "Passwords are off" in client.get("/bss/providers").text


def test_an_administrator_breaks_the_glass_with_password_and_app_code(app, client, world):
    """BC-27: reachable on a separate path, with 2FA, audited; a password alone opens nothing."""
    give_password(world, world.bss_user, world.id)
    signed_in_browser(client, world, world.bss_user)
    text = client.get("/bss/security/app").text
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", text)[1].replace(" ", "")
    add_provider(world, world.id)
    typed = {"email": world.bss_user.email, "password": PASSWORD}
    bss_settings(world, bss_local_login=False)
    stranger = app.test_client()
    stranger.host, stranger.environ_base["REMOTE_ADDR"] = world.host, "198.51.100.20"
    before = len(sessions_in(world, world.id))
    assert stranger.post("/bss/login/administrator", data=typed).status_code == UNPROCESSABLE  # has no app yet
    assert len(sessions_in(world, world.id)) == before

    client.post("/bss/security/app", data={"code": pyotp.TOTP(secret).now()})
    wrong = stranger.post("/bss/login/administrator", data={**typed, "password": "Wrong-Harbour-42"})
    assert wrong.status_code == UNPROCESSABLE
    asked = stranger.post("/bss/login/administrator", data=typed)
    assert (asked.status_code, asked.location) == (FOUND, "/bss/login/continue")
    assert len(sessions_in(world, world.id)) == before
    assert world.bss_user.type is UserType.ADMIN


def test_providers_of_others_are_nobodys(client, world):
    theirs = add_provider(world, world.cloudia.storefront.id)
    signed_in_browser(client, world, world.tech.admin)
    for each in (theirs.id, new_id()):
        base = f"/techsolutions/manage/providers/{each}"
        assert client.get(base).status_code == NOT_FOUND
        assert client.get(f"{base}/test").status_code == NOT_FOUND
        for action in ("enable", "disable", "delete"):
            assert client.post(f"{base}/{action}").status_code == NOT_FOUND
    assert len(providers_of(world, world.cloudia.storefront.id)) == 1
