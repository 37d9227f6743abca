"""Signing in through other people's SAML identity providers: at the root, under an alias, in the back office."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from app.access.cookies import cookie_name
from tests.web.providers.conftest import path_of, sessions_in
from tests.web.saml.conftest import (
    add_saml,
    described,
    link_saml,
    metadata_of,
    post_answer,
    set_out,
    through_saml_idp,
    through_samlify,
)

OK, FOUND = HTTPStatus.OK, HTTPStatus.SEE_OTHER
ACCOUNT = "iris@olympus.example"
PLACES = ("root", "alias", "bss")
INSIDE = {"root": "/billing", "alias": "/techsolutions/billing", "bss": "/bss/security"}


def place_of(world, place):
    """Realm, path and person of a place."""
    return {
        "root": (world.root.id, "", world.direct_buyer),
        "alias": (world.tech.storefront.id, "/techsolutions", world.tech.buyers[0]),
        "bss": (world.id, "/bss", world.bss_user),
    }[place]


def arrive(client, world, trip, form, realm_id):
    """Come back with the provider's form; the session starts at our own address and not before."""
    assert form["action"] == trip.answer.acs_url
    taken = post_answer(client, trip, form["SAMLResponse"], relay_state=form["RelayState"])
    assert taken.status_code == FOUND, taken.text
    assert "Set-Cookie" not in taken.headers
    assert sessions_in(world, realm_id) == []
    landed = client.get(taken.location)
    assert landed.status_code == FOUND, landed.text
    assert any(cookie_name(realm_id) in each for each in landed.headers.getlist("Set-Cookie"))
    return landed


@pytest.mark.parametrize("place", PLACES)
def test_saml_idp_signs_people_in(client, world, saml_idp, place):
    realm_id, below, person = place_of(world, place)
    provider = add_saml(world, realm_id, **described(metadata_of(saml_idp)) | {"entity_id": f"{saml_idp}/entity"})
    link_saml(world, provider, person, ACCOUNT)

    trip = set_out(client, provider, below)
    form = through_saml_idp(saml_idp, trip.url, trip.answer.audience, ACCOUNT)
    arrive(client, world, trip, form, realm_id)

    assert client.get(INSIDE[place]).status_code == OK
    (made,) = sessions_in(world, realm_id)
    assert (made.user_id, made.provider_id) == (person.id, provider.id)
    assert made.provider_session


@pytest.mark.parametrize("place", PLACES)
def test_samlify_reads_our_metadata_checks_our_signature_and_signs_people_in(client, world, samlify, place):
    realm_id, below, person = place_of(world, place)
    provider = add_saml(world, realm_id, **described(metadata_of(samlify)))
    assert provider.signs_requests
    link_saml(world, provider, person, ACCOUNT)
    ours = client.get(f"{below}/sso/{provider.id}/saml/metadata")
    assert (ours.status_code, ours.mimetype) == (OK, "application/samlmetadata+xml")
    requests.post(f"{samlify}/service", data=ours.data, timeout=10).raise_for_status()

    trip = set_out(client, provider, below)
    arrive(client, world, trip, through_samlify(trip.url, ACCOUNT), realm_id)

    assert client.get(INSIDE[place]).status_code == OK
    (made,) = sessions_in(world, realm_id)
    assert (made.user_id, made.provider_id, made.provider_session) == (person.id, provider.id, f"_{ACCOUNT}")


def test_samlify_refuses_a_request_that_was_changed_on_its_way(client, world, samlify):
    """The counter-proof: it does look at our signature."""
    provider = add_saml(world, world.root.id, **described(metadata_of(samlify)))
    ours = client.get(f"/sso/{provider.id}/saml/metadata")
    requests.post(f"{samlify}/service", data=ours.data, timeout=10).raise_for_status()
    trip = set_out(client, provider)
    assert parse_qs(urlsplit(trip.url).query)["SigAlg"] == ["http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"]
    spoiled = trip.url.replace("RelayState=ONELOGIN", "RelayState=ANOTHER")
    assert requests.get(spoiled, headers={"x-account": ACCOUNT}, timeout=10).status_code == HTTPStatus.BAD_REQUEST


def _samlify_at(client, world, samlify):
    """A provider of the root, known to samlify, with the direct buyer signed in through it."""
    provider = add_saml(world, world.root.id, **described(metadata_of(samlify)))
    link_saml(world, provider, world.direct_buyer, ACCOUNT)
    ours = client.get(f"/sso/{provider.id}/saml/metadata")
    requests.post(f"{samlify}/service", data=ours.data, timeout=10).raise_for_status()
    trip = set_out(client, provider)
    arrive(client, world, trip, through_samlify(trip.url, ACCOUNT), world.root.id)
    return provider


def test_samlify_checks_our_logout_request_and_its_answer_counts(client, world, samlify):
    _samlify_at(client, world, samlify)
    left = client.post("/logout")
    url = left.headers["Refresh"].removeprefix("0; url=")
    assert (left.status_code, url.startswith(f"{samlify}/slo?")) == (OK, True)
    spoiled = requests.get(url.replace("RelayState=", "RelayState=X"), allow_redirects=False, timeout=10)
    assert spoiled.status_code == HTTPStatus.BAD_REQUEST
    answer = requests.get(url, allow_redirects=False, timeout=10)
    back = client.get(path_of(answer.headers["Location"]))
    assert "at Olympus ID too" in client.get(back.location).text
    assert sessions_in(world, world.root.id) == []


def test_samlify_ends_our_session_and_checks_our_answer(client, world, samlify):
    _samlify_at(client, world, samlify)
    asked = requests.get(f"{samlify}/leave", params={"account": ACCOUNT}, allow_redirects=False, timeout=10)
    answered = client.get(path_of(asked.headers["Location"]))
    assert answered.status_code == FOUND
    assert sessions_in(world, world.root.id) == []
    assert requests.get(answered.location, timeout=10).text == "signed out"
    spoiled = answered.location.replace("RelayState=from", "RelayState=other")
    assert requests.get(spoiled, timeout=10).status_code == HTTPStatus.BAD_REQUEST
