"""Signing out with OpenID: who signs out here does so there; a logout token ends sessions, a forged one does not."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from lxml import html

from app.core.clock import utc_now
from app.identity.oidc.logout import EVENT
from tests.web.providers.conftest import CLIENT, ISSUER, add_link, add_provider, base64url, change, sent, sessions_in

OK, FOUND, BAD, NOT_FOUND = HTTPStatus.OK, HTTPStatus.SEE_OTHER, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND


@pytest.fixture
def provider(world, forger):
    """An enabled provider of the root that wants to know of ends, and knows the direct customer's person as `iris`."""
    forger.metadata["end_session_endpoint"] = f"{ISSUER}/end"
    made = add_provider(world, world.root.id)
    add_link(world, made, world.direct_buyer, "iris")
    return made


def sign_in(client, provider, forger, below="", **claims):
    left = sent(client.get(f"{below}/sso/{provider.id}"))
    forger.claims = forger.good(left["nonce"], sid="session-1", **claims)
    query = {"state": left["state"], "code": "a-code"}
    assert client.get(f"{below}/sso/{provider.id}/callback", query_string=query).status_code == FOUND


def leave(client, below=""):
    """Sign out here; returns what the way to the provider says."""
    left = client.post(f"{below}/logout")
    assert left.status_code == OK, left.location
    url = str(html.fromstring(left.text).xpath("//a[contains(@class, 'button')]/@href")[0])
    assert left.headers["Refresh"] == f"0; url={url}"
    return url, {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@pytest.mark.parametrize("below", ["", "/techsolutions", "/bss"])
def test_signing_out_here_ends_the_session_and_leads_to_the_provider(client, world, forger, below):
    realm_id, person = {
        "": (world.root.id, world.direct_buyer),
        "/techsolutions": (world.tech.storefront.id, world.tech.buyers[0]),
        "/bss": (world.id, world.bss_user),
    }[below]
    forger.metadata["end_session_endpoint"] = f"{ISSUER}/end?tenant=1"
    provider = add_provider(world, realm_id)
    add_link(world, provider, person, "iris")
    sign_in(client, provider, forger, below)

    url, said = leave(client, below)

    assert sessions_in(world, realm_id) == []
    assert url.startswith(f"{ISSUER}/end?tenant=1&")
    assert (said["client_id"], said["id_token_hint"]) == (CLIENT, forger.token())
    back_to = f"http://{client.host}{below}/sso/{provider.id}/signed-out"
    assert said["post_logout_redirect_uri"] == back_to
    back = client.get(f"{below}/sso/{provider.id}/signed-out", query_string={"state": said["state"]})
    assert (back.status_code, urlsplit(back.location).path) == (FOUND, f"{below}/login")
    assert "at Olympus ID too" in client.get(back.location).text


@pytest.mark.parametrize("state", ["", "another", "of a sign-in"])
def test_coming_back_without_our_state_says_nothing(client, world, provider, forger, state):
    sign_in(client, provider, forger)
    leave(client)
    if state == "of a sign-in":
        state = sent(client.get(f"/sso/{provider.id}"))["state"]
    back = client.get(f"/sso/{provider.id}/signed-out", query_string={"state": state})
    assert back.status_code == FOUND
    assert "Olympus ID too" not in client.get(back.location).text


def test_the_state_of_a_sign_out_signs_nobody_in_and_counts_once(client, app, world, provider, forger):
    sign_in(client, provider, forger)
    _, said = leave(client)
    stranger = app.test_client()
    stranger.host = client.host
    stranger.get(f"/sso/{provider.id}/signed-out", query_string={"state": said["state"]})
    assert "Olympus ID too" not in stranger.get("/login").text
    query = {"state": said["state"], "code": "a-code"}
    assert client.get(f"/sso/{provider.id}/callback", query_string=query).status_code == HTTPStatus.FORBIDDEN
    assert sessions_in(world, world.root.id) == []
    client.get(f"/sso/{provider.id}/signed-out", query_string={"state": said["state"]})
    assert "Olympus ID too" not in client.get("/login").text


@pytest.mark.parametrize("quiet", ["the owner says so", "it has no such address"])
def test_a_provider_that_need_not_know_is_not_gone_to(client, world, provider, forger, quiet):
    if quiet == "the owner says so":
        change(world, provider, signs_out=False)
    else:
        forger.metadata.clear()
    sign_in(client, provider, forger)
    left = client.post("/logout")
    assert (left.status_code, left.location) == (FOUND, "/login")
    assert sessions_in(world, world.root.id) == []


def claims_of(**changes):
    """A logout token's claims that hold; None takes one away."""
    now = int(utc_now().timestamp())
    base = {
        "iss": ISSUER,
        "aud": CLIENT,
        "iat": now,
        "exp": now + 120,
        "jti": "token-1",
        "sub": "iris",
        "sid": "session-1",
        "events": {EVENT: {}},
        **changes,
    }
    return {name: value for name, value in base.items() if value is not None}


def signed(forger, claims, **header):
    return jwt.encode({"alg": "RS256", "kid": "one", **header}, claims, forger.key, algorithms=["RS256"])


def tell(app, world, provider, token, below=""):
    """What the provider's machine sends: no cookies, no token of forms, no origin of ours."""
    machine = app.test_client()
    machine.host = world.host
    return machine.post(f"{below}/sso/{provider.id}/backchannel", data={"logout_token": token})


@pytest.mark.parametrize(
    "changes", [{}, {"sub": None}, {"sid": None}, {"aud": [CLIENT, "another"]}], ids=["both", "sid", "sub", "several"]
)
def test_a_logout_token_ends_the_session(app, client, world, provider, forger, changes):
    sign_in(client, provider, forger)
    told = tell(app, world, provider, signed(forger, claims_of(**changes), typ="logout+jwt"))
    assert (told.status_code, told.headers["Cache-Control"]) == (OK, "no-store")
    assert "Set-Cookie" not in told.headers
    assert sessions_in(world, world.root.id) == []
    assert client.get("/billing").status_code == FOUND


FORGED = {
    "another issuer": {"iss": "https://evil.example"},
    "another client": {"aud": "another"},
    "no client": {"aud": None},
    "no event": {"events": None},
    "another event": {"events": {"http://schemas.openid.net/event/other": {}}},
    "an event that is none": {"events": {EVENT: "yes"}},
    "a nonce": {"nonce": "n"},
    "an empty nonce": {"nonce": ""},
    "nobody": {"sub": None, "sid": None},
    "another person": {"sub": "maria"},
    "another session": {"sid": "session-2", "sub": None},
    "another person's session": {"sub": "maria", "sid": "session-1"},
    "a list for a name": {"sub": ["iris"]},
    "no name of its own": {"jti": None},
    "no time": {"iat": None},
    "no end": {"exp": None},
    "a word for a time": {"iat": "now"},
    "expired": {"exp": int(utc_now().timestamp()) - 600},
    "old": {"iat": int((utc_now() - timedelta(minutes=9)).timestamp())},
    "of the future": {"iat": int((utc_now() + timedelta(hours=6)).timestamp())},
}


@pytest.mark.parametrize("forgery", FORGED)
def test_a_forged_logout_token_ends_nothing(app, client, world, provider, forger, forgery):
    sign_in(client, provider, forger)
    told = tell(app, world, provider, signed(forger, claims_of(**FORGED[forgery])))
    assert told.status_code == (OK if forgery.startswith("another person") or forgery == "another session" else BAD)
    assert len(sessions_in(world, world.root.id)) == 1
    assert client.get("/billing").status_code == OK


@pytest.mark.parametrize("forgery", ["none", "HS256", "another key", "id token", "wrong type", "rubbish", "empty"])
def test_a_logout_token_without_the_providers_signature_ends_nothing(app, client, world, provider, forger, forgery):
    sign_in(client, provider, forger)
    id_token = forger.token()
    forger.claims = claims_of()
    evil = RSAKey.generate_key(2048, {"kid": "one"})
    token = {
        "none": lambda: forger.unsigned() + base64url(b"x"),
        "HS256": forger.signed_with_public_key,
        "another key": lambda: jwt.encode({"alg": "RS256", "kid": "one"}, claims_of(), evil, algorithms=["RS256"]),
        "id token": lambda: id_token,
        "wrong type": lambda: signed(forger, claims_of(), typ="at+jwt"),
        "rubbish": lambda: "a.b.c",
        "empty": lambda: "",
    }[forgery]()
    assert tell(app, world, provider, token).status_code == BAD
    assert len(sessions_in(world, world.root.id)) == 1


def test_random_forgeries_cause_no_calls(app, client, world, provider, forger, monkeypatch):
    sign_in(client, provider, forger)
    monkeypatch.setattr(forger, "get_json", lambda *_, **__: pytest.fail("the provider was asked"))
    assert tell(app, world, provider, signed(forger, claims_of(aud="another"))).status_code == BAD


def test_a_replayed_logout_token_ends_no_later_session(app, client, world, provider, forger):
    sign_in(client, provider, forger)
    token = signed(forger, claims_of())
    assert tell(app, world, provider, token).status_code == OK
    sign_in(client, provider, forger)
    assert tell(app, world, provider, token).status_code == BAD
    assert len(sessions_in(world, world.root.id)) == 1


def test_a_logout_token_ends_only_sessions_of_its_provider_in_its_realm(app, client, world, provider, forger):
    twin = add_provider(world, world.root.id, name="Twin", client_id="twin")
    shop = add_provider(world, world.tech.storefront.id)
    add_link(world, twin, world.direct_buyer, "iris")
    add_link(world, shop, world.tech.buyers[0], "iris")
    for number, (each, below) in enumerate(((twin, ""), (shop, "/techsolutions"))):
        browser = app.test_client()
        browser.host = world.host
        browser.environ_base["REMOTE_ADDR"] = f"203.0.113.{80 + number}"
        sign_in(browser, each, forger, below, aud=each.client_id)
    token = signed(forger, claims_of(sid=None))
    assert tell(app, world, provider, token).status_code == OK
    assert tell(app, world, twin, signed(forger, claims_of(jti="token-2"))).status_code == BAD  # for another client
    assert tell(app, world, provider, token, "/techsolutions").status_code == NOT_FOUND
    assert (len(sessions_in(world, world.root.id)), len(sessions_in(world, world.tech.storefront.id))) == (1, 1)
