"""Attacks on the round trip, each against a provider that forges whatever is asked for: nobody gets in, nothing changes."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from sqlalchemy import select, update

from app.core.clock import utc_now
from app.core.db import session as db_session
from app.identity.models import User, UserStatus
from app.identity.providers.models import ProviderState, SsoRequest
from app.identity.realms import open_realm
from app.identity.recovery import set_status_of_names
from tenants.context import scope
from tests.web.conftest import signed_in_browser
from tests.web.providers.conftest import (
    add_link,
    add_provider,
    change,
    links_in,
    people_of,
    sent,
    sessions_in,
)

OK, FOUND, FORBIDDEN, NOT_FOUND = HTTPStatus.OK, HTTPStatus.SEE_OTHER, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND


@pytest.fixture
def provider(world, forger):
    """An enabled provider of the root, which knows the direct customer's person as `iris`."""
    made = add_provider(world, world.root.id, creates_users=False)
    add_link(world, made, world.direct_buyer, "iris")
    return made


def leave(client, provider, query=""):
    return sent(client.get(f"/sso/{provider.id}{query}"))


def come_back(client, provider, state, **more):
    query = {"state": state, "code": "a-code", **more}
    return client.get(f"/sso/{provider.id}/callback", query_string=query)


def assert_refused(world, answer, links=1):
    assert answer.status_code == FORBIDDEN
    assert "iris" not in answer.text
    assert sessions_in(world, world.root.id) == []
    assert len(links_in(world, world.root.id)) == links


def test_a_token_that_holds_lets_in(client, world, provider, forger):
    """Else the refusals below would prove nothing."""
    left = leave(client, provider)
    forger.claims = forger.good(left["nonce"])
    landed = come_back(client, provider, left["state"])
    assert (landed.status_code, landed.location) == (FOUND, "/")
    assert [made.user_id for made in sessions_in(world, world.root.id)] == [world.direct_buyer.id]
    assert left["code_challenge_method"] == "S256"
    assert forger.posted[0]["code_verifier"] not in left.values()


def test_an_unknown_state_is_refused(client, world, provider, forger):
    left = leave(client, provider)
    forger.claims = forger.good(left["nonce"])
    assert_refused(world, come_back(client, provider, left["state"] + "x"))
    assert forger.posted == []


def test_a_state_opens_once(client, world, provider, forger):
    left = leave(client, provider)
    forger.claims = forger.good("another")
    assert_refused(world, come_back(client, provider, left["state"]))
    forger.claims = forger.good(left["nonce"])
    assert_refused(world, come_back(client, provider, left["state"]))
    assert len(forger.posted) == 1


def test_a_state_of_another_browser_is_refused(app, client, world, provider, forger):
    """Signing a victim in as the attacker: the attacker's own answer, opened in the victim's browser."""
    left = leave(client, provider)
    forger.claims = forger.good(left["nonce"])
    victim = app.test_client()
    victim.host, victim.environ_base["REMOTE_ADDR"] = world.host, "198.51.100.9"
    assert_refused(world, come_back(victim, provider, left["state"]))
    victim.get(f"/sso/{provider.id}")
    assert_refused(world, come_back(victim, provider, left["state"]))


def test_a_state_that_is_too_old_is_refused(client, world, provider, forger):
    left = leave(client, provider)
    forger.claims = forger.good(left["nonce"])
    with scope(world.scope), open_realm(world.root.id):
        db_session.execute(update(SsoRequest).values(valid_until=utc_now() - timedelta(seconds=1)))
        db_session.commit()
    assert_refused(world, come_back(client, provider, left["state"]))


FORGED = {
    "a wrong nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "a wrong audience": {"aud": "another-client"},
    "an audience of others": {"aud": ["another-client", "a-third"]},
    "two audiences and no party": {"aud": ["galleria", "another-client"]},
    "another authorised party": {"azp": "another-client"},
    "a wrong issuer": {"iss": "https://evil.example"},
    "no subject": {"sub": ""},
    "no expiry": {"exp": None},
}


@pytest.mark.parametrize("changes", FORGED.values(), ids=FORGED)
def test_a_token_that_says_something_else_is_refused(client, world, provider, forger, changes):
    left = leave(client, provider)
    forger.claims = {name: value for name, value in forger.good(left["nonce"], **changes).items() if value is not None}
    assert_refused(world, come_back(client, provider, left["state"]))


@pytest.mark.parametrize(
    ("issued", "expires", "is_taken"),
    [(-400, -170, True), (-400, -200, False), (170, 400, True), (200, 400, False), (-7200, 300, False)],
)
def test_times_are_taken_with_three_minutes_on_either_side(client, world, provider, forger, issued, expires, is_taken):
    left, now = leave(client, provider), int(utc_now().timestamp())
    forger.claims = forger.good(left["nonce"], iat=now + issued, exp=now + expires)
    landed = come_back(client, provider, left["state"])
    if is_taken:
        assert len(sessions_in(world, world.root.id)) == 1
    else:
        assert_refused(world, landed)


def test_a_token_without_a_signature_is_refused(client, world, provider, forger):
    left = leave(client, provider)
    forger.claims = forger.good(left["nonce"])
    forger.raw_token = forger.unsigned()
    assert_refused(world, come_back(client, provider, left["state"]))


def test_a_public_key_is_no_shared_secret(client, world, provider, forger):
    """HS256 over the provider's public key: whoever can read its keys could sign."""
    left = leave(client, provider)
    forger.claims = forger.good(left["nonce"])
    forger.raw_token = forger.signed_with_public_key()
    assert_refused(world, come_back(client, provider, left["state"]))


def test_a_signature_of_another_key_is_refused(client, world, provider, forger):
    left = leave(client, provider)
    other = RSAKey.generate_key(2048, {"kid": "one"})
    forger.raw_token = jwt.encode({"alg": "RS256", "kid": "one"}, forger.good(left["nonce"]), other)
    assert_refused(world, come_back(client, provider, left["state"]))


def test_an_answer_of_another_provider_is_refused(client, world, provider, forger):
    """Mix-up: the answer says who it is from (RFC 9207), or fails to where the provider always says so."""
    left = leave(client, provider)
    forger.claims = forger.good(left["nonce"])
    assert_refused(world, come_back(client, provider, left["state"], iss="https://evil.example"))
    forger.metadata = {"authorization_response_iss_parameter_supported": True}
    left = leave(client, provider)
    forger.claims = forger.good(left["nonce"])
    assert_refused(world, come_back(client, provider, left["state"]))
    assert forger.posted == []


def test_an_answer_at_another_providers_address_is_refused(client, world, provider, forger):
    """Mix-up: each provider has an address of its own to come back to."""
    other = add_provider(world, world.root.id, name="Evil ID")
    left = leave(client, provider)
    forger.claims = forger.good(left["nonce"])
    assert_refused(world, come_back(client, other, left["state"]))
    assert forger.posted == []


def test_a_provider_that_names_itself_differently_is_refused(client, world, provider, forger):
    left = leave(client, provider)
    forger.claims = forger.good(left["nonce"])
    forger.metadata = {"issuer": "https://evil.example"}
    assert_refused(world, come_back(client, provider, left["state"]))
    assert forger.posted == []


def test_a_link_made_with_another_issuer_does_not_count(client, world, provider, forger):
    """Else whoever may change a provider's address could become anybody."""
    forger.issuer = "https://evil.example"
    change(world, provider, issuer=forger.issuer)
    left = leave(client, provider)
    forger.claims = forger.good(left["nonce"])
    answer = come_back(client, provider, left["state"])
    assert (answer.status_code, sessions_in(world, world.root.id)) == (FORBIDDEN, [])


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example/", "/\\evil.example", "/bss/", "http:evil.example", "/../bss"]
)
def test_nobody_is_led_elsewhere_after_signing_in(client, world, provider, forger, wanted):
    """Open redirect."""
    left = sent(client.get(f"/sso/{provider.id}", query_string={"next": wanted}))
    forger.claims = forger.good(left["nonce"])
    landed = come_back(client, provider, left["state"])
    assert (landed.status_code, landed.location) == (FOUND, "/")


def test_a_provider_of_another_realm_does_not_exist_here(client, world, provider, forger):
    """An alias does not inherit the root's providers, nor the root an alias's (decisions section 8)."""
    theirs = add_provider(world, world.tech.storefront.id, name="Tech ID")
    staff = add_provider(world, world.id, name="Staff ID")
    for path in (
        f"/techsolutions/sso/{provider.id}",
        f"/cloudia/sso/{theirs.id}",
        f"/sso/{theirs.id}",
        f"/bss/sso/{provider.id}",
        f"/sso/{staff.id}",
    ):
        assert client.get(path).status_code == NOT_FOUND
    assert "Olympus ID" in client.get("/login").text
    assert "Olympus ID" not in client.get("/techsolutions/login").text
    left = leave(client, provider)
    forger.claims = forger.good(left["nonce"])
    answer = client.get(
        f"/techsolutions/sso/{provider.id}/callback", query_string={"state": left["state"], "code": "a"}
    )
    assert_refused(world, answer)
    assert sessions_in(world, world.tech.storefront.id) == []


@pytest.mark.parametrize("state", [ProviderState.DRAFT, ProviderState.TESTED, ProviderState.DISABLED])
def test_a_provider_that_is_not_enabled_lets_nobody_in(client, world, provider, forger, state):
    left = leave(client, provider)
    forger.claims = forger.good(left["nonce"])
    change(world, provider, state=state)
    assert_refused(world, come_back(client, provider, left["state"]))
    assert client.get(f"/sso/{provider.id}").status_code == NOT_FOUND


def test_an_inactive_person_is_refused(client, world, provider, forger):
    with scope(world.scope):
        user = db_session.scalars(select(User).where(User.id == world.direct_buyer.id)).one()
        user.status = UserStatus.INACTIVE
        set_status_of_names(user, UserStatus.INACTIVE)
        db_session.commit()
    left = leave(client, provider)
    forger.claims = forger.good(left["nonce"])
    answer = come_back(client, provider, left["state"])
    assert (answer.status_code, "not active" in answer.text) == (FORBIDDEN, True)
    assert sessions_in(world, world.root.id) == []


def test_a_pending_person_with_a_verified_address_becomes_active(client, world, forger):
    """SF-14: and without the proof of the address stays pending."""
    made = add_provider(world, world.root.id)
    with scope(world.scope):
        user = db_session.scalars(select(User).where(User.id == world.direct_buyer.id)).one()
        user.status = UserStatus.PENDING
        set_status_of_names(user, UserStatus.PENDING)
        db_session.commit()
    for is_verified, status in ((False, FORBIDDEN), (True, FOUND)):
        left = leave(client, made)
        forger.claims = forger.good(left["nonce"], email=world.direct_buyer.email, email_verified=is_verified)
        assert come_back(client, made, left["state"]).status_code == status
        assert len(sessions_in(world, world.root.id)) == is_verified
    assert client.get("/billing").status_code == OK


def test_the_providers_word_no_is_told_without_its_words(client, world, provider, forger):
    left = leave(client, provider)
    answer = come_back(client, provider, left["state"], error="access_denied", error_description="<b>evil words</b>")
    assert_refused(world, answer)
    assert "evil" not in answer.text


def test_connecting_needs_a_link_of_ones_own_page(client, world, forger):
    """Nobody is made to connect somebody else's identity to their account by a link in a mail."""
    provider = add_provider(world, world.root.id)
    signed_in_browser(client, world, world.direct_buyer)
    for query in ("", "?proof=abc"):
        assert client.get(f"/account/login-options/{provider.id}/connect{query}").status_code == NOT_FOUND
    assert links_in(world, world.root.id) == []
    assert people_of(world) > 0
