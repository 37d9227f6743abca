"""What owners do with their providers, in the admin area and in the back office."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from http import HTTPStatus

import pyotp
import pytest
from PIL import Image
from sqlalchemy import select

from app.audit.models import AuditEvent
from app.core.clock import utc_now
from app.core.db import session as db_session
from app.core.ids import new_id
from app.identity.models import UserKind, UserType
from app.identity.providers.models import ProviderState
from app.identity.providers.presets import PRESETS
from app.identity.providers.queries import list_providers
from tenants.context import scope
from tests.domain.identity.people import PASSWORD, give_password, mailed
from tests.factories.world import make_user
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


def audited(world, action):
    with scope(world.scope):
        return list(db_session.scalars(select(AuditEvent).where(AuditEvent.action == action)))


def png():
    made = io.BytesIO()
    Image.new("RGB", (64, 64), "#336699").save(made, "PNG")
    return made.getvalue()


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

    assert stranger.post(asked.location, data={"code": "000000"}).status_code == UNPROCESSABLE
    assert len(sessions_in(world, world.id)) == before
    code = pyotp.TOTP(secret).at(utc_now() + timedelta(seconds=30))  # the present one was spent when the app was set up
    assert stranger.post(asked.location, data={"code": code}).status_code == FOUND
    assert stranger.get("/bss/users").status_code == OK
    assert len(sessions_in(world, world.id)) == before + 1
    assert len(audited(world, "sign_in.break_glass")) == 1


def test_who_is_no_administrator_breaks_no_glass(app, client, session, world):
    """The refusal reads as for a wrong password, and their right one is not counted as a wrong one."""
    with scope(world.scope):
        support = make_user(
            session, None, kind=UserKind.BSS, realms=(world.id,), type=UserType.USER, roles=("support",)
        )
        session.commit()
    give_password(world, support, world.id)
    browser = signed_in_browser(client, world, support, realm=world.id)
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", browser.get("/bss/security/app").text)[1].replace(" ", "")
    browser.post("/bss/security/app", data={"code": pyotp.TOTP(secret).now()})
    add_provider(world, world.id)
    bss_settings(world, bss_local_login=False)
    stranger = app.test_client()
    stranger.host, stranger.environ_base["REMOTE_ADDR"] = world.host, "198.51.100.21"
    refused = stranger.post("/bss/login/administrator", data={"email": support.email, "password": PASSWORD})
    assert refused.status_code == UNPROCESSABLE
    assert audited(world, "sign_in.break_glass") == []


def test_administrators_are_mailed_when_passwords_are_switched(client, world):
    """BC-27: Notify: administrators on local-login switch; a reseller's people at its own storefront."""
    provider = add_provider(world, world.id)
    add_link(world, provider, world.bss_user, "boss")
    bss_settings(world, bss_second_factor="optional")
    signed_in_browser(client, world, world.bss_user)
    client.post("/bss/providers/local")
    assert world.bss_user.email in {mail.to_email for mail in mailed(world, "local_login_switched")}
    told = len(mailed(world, "local_login_switched"))
    add_provider(world, world.tech.storefront.id)
    signed_in_browser(client, world, world.tech.admin)
    client.post("/techsolutions/manage/providers/local")
    (more,) = [each for each in mailed(world, "local_login_switched") if each.to_email == world.tech.admin.email]
    assert more.fields["what"] == "off"
    assert len(mailed(world, "local_login_switched")) == told + 1


@pytest.mark.parametrize("preset", ["entra", "google", "okta"])
@pytest.mark.parametrize("kind", ["new", "saml/new"])
def test_a_preset_fills_in_what_is_known(client, world, preset, kind):
    signed_in_browser(client, world, world.tech.admin)
    shown = client.get(f"/techsolutions/manage/providers/{kind}?preset={preset}").text
    assert f'value="{PRESETS[preset].label}"' in shown
    assert PRESETS[preset].label not in client.get(f"/techsolutions/manage/providers/{kind}?preset=other").text.replace(
        f">{PRESETS[preset].label}<", ""
    )


@pytest.mark.parametrize(
    ("base", "below"),
    [
        ("/techsolutions/manage/providers", "/techsolutions"),
        ("/bss/providers", "/bss"),
        ("/bss/storefront-providers", ""),
    ],
)
def test_a_logo_is_shown_beside_the_name(client, world, base, below):
    """SF-14: per provider name, logo, order."""
    signed_in_browser(client, world, world.tech.admin if "manage" in base else world.bss_user)
    realm = {"/techsolutions": world.tech.storefront.id, "/bss": world.id, "": world.root.id}[below]
    made = add_provider(world, realm, name="Olympus ID")
    typed = {**DETAILS, "name": "Olympus ID", "issuer": made.issuer, "client_id": made.client_id}
    kept = {name: value for name, value in typed.items() if name != "client_secret"}
    refused = client.post(f"{base}/{made.id}", data={**kept, "logo": (io.BytesIO(b"<html>"), "logo.png")})
    assert refused.status_code == UNPROCESSABLE
    assert providers_of(world, realm)[0].logo_image_id is None
    saved = client.post(f"{base}/{made.id}", data={**kept, "logo": (io.BytesIO(png()), "logo.png")})
    assert saved.status_code == FOUND
    client.post(f"{below}/logout")
    shown = re.search(r'<img src="([^"]+)" alt="" height="20">', client.get(f"{below}/login").text)[1]
    picture = client.get(shown)
    assert (picture.status_code, picture.mimetype) == (OK, "image/png")
    signed_in_browser(client, world, world.tech.admin if "manage" in base else world.bss_user)
    client.post(f"{base}/{made.id}", data={**kept, "remove_logo": "y"})
    assert providers_of(world, realm)[0].logo_image_id is None


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


@pytest.mark.parametrize("typed", [{"name": ""}, {"issuer": "nowhere"}, {"groups_claim": " "}, {"position": "abc"}])
def test_a_wrong_change_stores_nothing(client, world, typed):
    signed_in_browser(client, world, world.tech.admin)
    made = add_provider(world, world.tech.storefront.id)
    answer = client.post(f"/techsolutions/manage/providers/{made.id}", data={**DETAILS, "client_id": "new", **typed})
    assert answer.status_code == UNPROCESSABLE
    assert [each.client_id for each in providers_of(world, world.tech.storefront.id)] == [CLIENT]
