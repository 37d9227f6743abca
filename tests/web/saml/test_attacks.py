"""Forged, repeated and misdirected answers at our address: one generic page, no session, nothing changed."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from app.access.cookies import cookie_name
from app.core.config import settings
from app.identity.saml import verification
from tests.domain.identity.saml.answers import encode, key_pair
from tests.domain.identity.saml.wrapping import xsw3
from tests.web.providers.conftest import links_in, people_of, sessions_in
from tests.web.saml.conftest import add_saml, link_saml, post_answer, set_out

FOUND, FORBIDDEN = HTTPStatus.SEE_OTHER, HTTPStatus.FORBIDDEN


@pytest.fixture
def provider(world):
    """A provider of the root whose `person-1` is the direct buyer."""
    made = add_saml(world, world.root.id)
    link_saml(world, made, world.direct_buyer, "person-1")
    return made


def assert_refused(world, response) -> None:
    assert (response.status_code, "Signing in did not work" in response.text) == (FORBIDDEN, True)
    assert "tell us this number" in response.text
    assert "Set-Cookie" not in response.headers
    for realm_id in (world.root.id, world.id, world.tech.storefront.id, world.cloudia.storefront.id):
        assert sessions_in(world, realm_id) == []


@pytest.fixture
def unparsed(monkeypatch):
    """Nothing may be parsed from here on."""
    monkeypatch.setattr(verification, "read_answer", lambda _: pytest.fail("it was parsed"))


def test_answer_signs_in_the_browser_that_set_out(client, world, provider):
    trip = set_out(client, provider)
    taken = post_answer(client, trip, trip.answer.encoded())
    assert taken.status_code == FOUND
    assert client.get(taken.location).status_code == FOUND
    assert [each.user_id for each in sessions_in(world, world.root.id)] == [world.direct_buyer.id]


def test_answer_opens_nothing_in_another_browser(client, app, world, provider):
    """Login CSRF: an attacker's own valid answer, landed on by a victim."""
    trip = set_out(client, provider)
    taken = post_answer(client, trip, trip.answer.encoded())
    victim = app.test_client()
    victim.host = client.host
    landed = victim.get(taken.location)
    assert landed.status_code == FORBIDDEN
    assert sessions_in(world, world.root.id) == []


def test_replayed_answer_is_refused_unparsed(client, world, provider, monkeypatch):
    """BC-F73 (partly): the second time its trip is spent."""
    trip = set_out(client, provider)
    encoded = trip.answer.encoded()
    assert post_answer(client, trip, encoded).status_code == FOUND
    monkeypatch.setattr(verification, "read_answer", lambda _: pytest.fail("it was parsed"))
    assert_refused(world, post_answer(client, trip, encoded))


def test_wrong_answer_spends_its_trip(client, world, provider):
    trip = set_out(client, provider)
    assert_refused(world, post_answer(client, trip, "rubbish"))
    assert_refused(world, post_answer(client, trip, trip.answer.encoded()))


def test_replayed_assertion_is_refused_on_another_trip(client, world, provider):
    first, second = set_out(client, provider), set_out(client, provider)
    assert post_answer(client, first, first.answer.encoded()).status_code == FOUND
    assert_refused(world, post_answer(client, second, second.answer.encoded(assertion_id="_assertion-1")))


def test_unsolicited_answer_is_refused_unparsed(client, world, provider, unparsed):
    trip = set_out(client, provider)
    for state in ("", "ONELOGIN_unknown", "x" * 5000):
        assert_refused(world, post_answer(client, trip, trip.answer.encoded(), relay_state=state))


def test_answer_to_another_trip_is_refused(client, world, provider):
    """RelayState names a stored trip, the answer another one."""
    first, second = set_out(client, provider), set_out(client, provider)
    assert_refused(world, post_answer(client, second, first.answer.encoded()))


@pytest.mark.parametrize("same_provider_key", [True, False])
def test_answer_of_another_realms_trip_is_refused(client, world, provider, same_provider_key):
    """A trip of the root, answered at the alias: nothing of it is known there."""
    key = key_pair() if same_provider_key else key_pair("other")
    shops = add_saml(world, world.tech.storefront.id, certificates=[key.certificate])
    link_saml(world, shops, world.tech.buyers[0], "person-1")
    of_root, of_alias = set_out(client, provider), set_out(client, shops, "/techsolutions")
    encoded = encode(of_alias.answer.signed(key))
    assert_refused(world, post_answer(client, of_alias, encoded, relay_state=of_root.request_id))
    assert_refused(world, post_answer(client, of_root, encoded, relay_state=of_alias.request_id))


def test_answer_at_another_providers_address_is_refused(client, world, provider):
    other = add_saml(world, world.root.id, name="Other", entity_id="https://other.example")
    trip, elsewhere = set_out(client, provider), set_out(client, other)
    assert_refused(world, post_answer(client, elsewhere, trip.answer.encoded(), relay_state=trip.request_id))


@pytest.mark.parametrize("field", ["destination", "recipient", "audience"])
def test_address_without_the_alias_is_another_one(client, world, field):
    shops = add_saml(world, world.tech.storefront.id)
    link_saml(world, shops, world.tech.buyers[0], "person-1")
    trip = set_out(client, shops, "/techsolutions")
    right = trip.answer.audience if field == "audience" else trip.answer.acs_url
    assert "/techsolutions/sso/" in right
    assert_refused(
        world, post_answer(client, trip, trip.answer.encoded(**{field: right.replace("/techsolutions", "")}))
    )


@pytest.mark.parametrize("spoil", ["unsigned", "foreign", "wrapped"])
def test_forged_answer_changes_nothing(client, world, provider, spoil):
    """BC-F73: an altered answer is refused, no session starts, no account is made.

    Replayed ones: the tests above; OpenID Connect's: `tests/web/providers/test_attacks.py`.
    """
    people, links = people_of(world), links_in(world, world.root.id)
    trip = set_out(client, provider)
    root = {
        "unsigned": trip.answer.root,
        "foreign": lambda: trip.answer.signed(key_pair("evil")),
        "wrapped": lambda: xsw3(trip.answer.signed()),
    }[spoil]()
    assert_refused(world, post_answer(client, trip, encode(root)))
    assert (people_of(world), links_in(world, world.root.id)) == (people, links)


def test_late_answer_is_refused_unparsed(client, world, provider, unparsed, monkeypatch):
    from datetime import timedelta  # noqa: PLC0415

    from app.access.sso import saml  # noqa: PLC0415

    trip = set_out(client, provider)
    now = saml.utc_now
    monkeypatch.setattr(saml, "utc_now", lambda: now() + timedelta(minutes=10))
    assert_refused(world, post_answer(client, trip, trip.answer.encoded()))


def test_too_large_answer_is_refused(client, world, provider):
    trip = set_out(client, provider)
    assert_refused(world, post_answer(client, trip, "A" * 400_000))


def test_disabled_provider_is_not_gone_to(client, world, provider):
    from app.identity.providers.models import ProviderState  # noqa: PLC0415

    disabled = add_saml(world, world.root.id, name="Old", state=ProviderState.DISABLED)
    assert client.get(f"/sso/{disabled.id}").status_code == HTTPStatus.NOT_FOUND


def test_session_cookie_stays_lax_and_secure_over_https(client, world, provider, monkeypatch):
    """BC-F74 (partly): the cross-site POST weakens nothing: it needs no cookie."""
    monkeypatch.setattr(type(settings()), "is_https", property(lambda _: True))
    trip = set_out(client, provider)
    taken = post_answer(client, trip, trip.answer.encoded())
    landed = client.get(taken.location)
    (cookie,) = [
        each for each in landed.headers.getlist("Set-Cookie") if each.startswith(f"{cookie_name(world.root.id)}=")
    ]
    assert all(word in cookie for word in ("SameSite=Lax", "HttpOnly", "Secure"))
