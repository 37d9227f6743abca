"""The address that led somebody to their company's provider is told to it, so that nobody types it twice, and to no other."""

from __future__ import annotations

import base64
import zlib
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from lxml import etree
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names

from app.identity.companies.models import DomainState
from tests.domain.identity.people import give_password
from tests.web.companies.conftest import DOMAIN, add_company_provider, alias_place, prove, set_domain
from tests.web.providers.conftest import add_provider, change, go_as, register, sent, sessions_in
from tests.web.saml.conftest import (
    add_saml,
    described,
    link_saml,
    metadata_of,
    post_answer,
    set_out,
    through_samlify,
)

OK, FOUND = HTTPStatus.OK, HTTPStatus.SEE_OTHER
LOGIN = "/techsolutions/login"
SUBJECT = f"{{{Names.NS_SAML}}}Subject/{{{Names.NS_SAML}}}NameID"


@pytest.fixture
def place(world):
    found = alias_place(world)
    prove(world, found)
    return found


@pytest.fixture
def provider(world, place, forger):
    return add_company_provider(world, place)


def leave(client, provider):
    return client.get(f"/techsolutions/sso/{provider.id}")


def wanted_subject(url):
    """The NameID in a SAML request on its way, with its format; None where it names nobody."""
    packed = base64.b64decode(parse_qs(urlsplit(url).query)["SAMLRequest"][0])
    found = etree.fromstring(zlib.decompress(packed, -15)).find(SUBJECT)
    return None if found is None else (found.text, found.get("Format"))


def test_the_typed_address_is_the_login_hint_once(client, place, provider):
    """OpenID Connect Core 3.1.2.1. It stands in no address of ours, where logs would keep it."""
    led = client.post(LOGIN, data={"email": f"  Nina+x@{DOMAIN.upper()} "})
    assert (led.status_code, "nina" in led.headers["Refresh"].lower()) == (OK, False)
    assert sent(leave(client, provider))["login_hint"] == f"nina+x@{DOMAIN}"
    assert "login_hint" not in sent(leave(client, provider))


def test_a_wrong_password_of_the_domain_leads_there_with_the_address_too(client, world, place, provider):
    give_password(world, place.admin, place.realm_id)
    typed = {"email": place.admin.email, "password": "not this one"}
    assert str(provider.id) in client.post(LOGIN, data=typed).text
    assert sent(leave(client, provider))["login_hint"] == place.admin.email


@pytest.mark.parametrize("change_of_mind", ["the owner's provider", "another company's", "the domain was lost"])
def test_no_other_provider_is_told_the_address(client, world, place, provider, change_of_mind):
    """Neither one the person turns to instead, nor this one once it no longer speaks for the domain."""
    client.post(LOGIN, data={"email": f"nina@{DOMAIN}"})
    other = provider
    if change_of_mind == "the owner's provider":
        other = add_provider(world, place.realm_id)
    elif change_of_mind == "another company's":
        theirs = alias_place(world, 1)
        prove(world, theirs, "theirs.example")
        other = add_company_provider(world, theirs)
    else:
        prove(world, place, "another.example")
        set_domain(world, place, state=DomainState.LOST)
        prove(world, place, "third.example")
    assert "login_hint" not in sent(leave(client, other))
    set_domain(world, place, state=DomainState.PROVEN)
    assert "login_hint" not in sent(leave(client, provider))  # it was forgotten


@pytest.mark.parametrize(
    "typed", [f'"<x>"@{DOMAIN}', f"nina\t@{DOMAIN}", f"ni na@{DOMAIN}", f"νίνα@{DOMAIN}", f"@{DOMAIN}"]
)
def test_what_is_no_address_is_not_passed_on(client, provider, typed):
    client.post(LOGIN, data={"email": typed})
    assert "login_hint" not in sent(leave(client, provider))


def test_who_comes_without_an_address_is_not_hinted_at(client, provider):
    assert "login_hint" not in sent(leave(client, provider))
    assert "login_hint" not in sent(client.get(f"/techsolutions/sso/{provider.id}?login_hint=eve@evil.example"))


def test_a_real_openid_provider_takes_the_hint(client, world, place, forger, app, issuer):
    provider = add_company_provider(world, place)
    app.config.pop("SSO_OUTSIDE")
    where = f"http://{client.host}/techsolutions/sso/{provider.id}/callback"
    change(world, provider, **register(issuer, where))
    client.post(LOGIN, data={"email": place.admin.email})
    left = leave(client, provider)
    assert sent(left)["login_hint"] == place.admin.email
    landed = client.get(go_as(place.admin.email, left.location))
    app.config["SSO_OUTSIDE"] = forger
    assert (landed.status_code, "/sso/confirm/" in landed.location) == (FOUND, True)


@pytest.mark.parametrize(
    ("name_id_format", "expected"),
    [
        (Names.NAMEID_EMAIL_ADDRESS, (f"o'neil&nina@{DOMAIN}", Names.NAMEID_EMAIL_ADDRESS)),
        (Names.NAMEID_PERSISTENT, None),
        (Names.NAMEID_UNSPECIFIED, None),
        (None, None),
    ],
)
def test_a_saml_request_names_its_subject_where_people_are_named_by_addresses(
    client, world, place, name_id_format, expected
):
    """SAML core 3.4.1: whom a provider names otherwise it would have to refuse."""
    provider = add_saml(
        world, place.realm_id, account_id=place.account.id, is_visible=False, name_id_format=name_id_format
    )
    client.post(LOGIN, data={"email": f"o'neil&nina@{DOMAIN}"})
    assert wanted_subject(leave(client, provider).location) == expected
    assert wanted_subject(leave(client, provider).location) is None


def test_a_real_saml_provider_reads_the_named_request_and_signs_in(client, world, place, samlify):
    columns = described(metadata_of(samlify)) | {"name_id_format": Names.NAMEID_EMAIL_ADDRESS}
    provider = add_saml(world, place.realm_id, account_id=place.account.id, is_visible=False, **columns)
    link_saml(world, provider, place.admin, place.admin.email)
    ours = client.get(f"/techsolutions/sso/{provider.id}/saml/metadata")
    requests.post(f"{samlify}/service", data=ours.data, timeout=10).raise_for_status()
    client.post(LOGIN, data={"email": place.admin.email})
    trip = set_out(client, provider, "/techsolutions")
    assert wanted_subject(trip.url) == (place.admin.email, Names.NAMEID_EMAIL_ADDRESS)
    form = through_samlify(trip.url, place.admin.email)
    taken = post_answer(client, trip, form["SAMLResponse"], relay_state=form["RelayState"])
    assert client.get(taken.location).status_code == FOUND
    assert [each.provider_id for each in sessions_in(world, place.realm_id)] == [provider.id]
