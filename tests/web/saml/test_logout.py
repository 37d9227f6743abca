"""Single logout with SAML: who signs out here does so there, and the other way round; forgeries end nothing."""

from __future__ import annotations

import base64
import zlib
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from lxml import etree, html

from app.access.cookies import cookie_name
from app.core.clock import utc_now
from app.core.secrets import encrypt
from app.identity.saml import documents
from tests.domain.identity.saml.answers import NS, key_pair
from tests.domain.identity.saml.logout_messages import RSA_SHA1, LogoutMessage
from tests.web.providers.conftest import sessions_in
from tests.web.saml.conftest import ENTITY, add_saml, link_saml, post_answer, set_out

OK, FOUND, BAD = HTTPStatus.OK, HTTPStatus.SEE_OTHER, HTTPStatus.BAD_REQUEST
SLO = "https://idp.example/slo"


def add_with_logout(world, realm_id, **changes):
    own = key_pair("own")
    return add_saml(
        world, realm_id, slo_url=SLO, own_certificate=own.certificate, own_key_encrypted=encrypt(own.key), **changes
    )


@pytest.fixture
def provider(world):
    """A provider of the root whose `person-1` is the direct buyer."""
    made = add_with_logout(world, world.root.id)
    link_saml(world, made, world.direct_buyer, "person-1")
    return made


def sign_in(client, provider, below="", **changes):
    trip = set_out(client, provider, below)
    taken = post_answer(client, trip, trip.answer.encoded(assertion_id=f"_{trip.request_id}", **changes))
    assert client.get(taken.location).status_code == FOUND


def message(client, provider, below="", **changes) -> LogoutMessage:
    return LogoutMessage(
        ENTITY,
        f"http://{client.host}{below}/sso/{provider.id}/saml/slo",
        utc_now().replace(microsecond=0),
        **changes,
    )


def opened(url, name):
    """The message in a redirect of ours."""
    query = parse_qs(urlsplit(url).query)
    return etree.fromstring(zlib.decompress(base64.b64decode(query[name][0]), -zlib.MAX_WBITS)), query


def leave(client, below=""):
    """Sign out here; returns where the page leads."""
    left = client.post(f"{below}/logout")
    assert left.status_code == OK, left.location
    url = str(html.fromstring(left.text).xpath("//a[contains(@class, 'button')]/@href")[0])
    assert left.headers["Refresh"] == f"0; url={url}"
    return url


@pytest.mark.parametrize("below", ["", "/techsolutions", "/bss"])
def test_signing_out_here_ends_the_session_and_asks_the_provider(client, world, below):
    realm_id, person = {
        "": (world.root.id, world.direct_buyer),
        "/techsolutions": (world.tech.storefront.id, world.tech.buyers[0]),
        "/bss": (world.id, world.bss_user),
    }[below]
    provider = add_with_logout(world, realm_id)
    link_saml(world, provider, person, "person-1")
    sign_in(client, provider, below)

    url = leave(client, below)

    assert sessions_in(world, realm_id) == []
    assert url.startswith(f"{SLO}?SAMLRequest=")
    asked, query = opened(url, "SAMLRequest")
    assert asked.get("Destination") == SLO
    assert (
        asked.findtext("saml:Issuer", namespaces=NS) == f"http://{client.host}{below}/sso/{provider.id}/saml/metadata"
    )
    assert asked.findtext("saml:NameID", namespaces=NS) == "person-1"
    assert asked.findtext("samlp:SessionIndex", namespaces=NS) == "session-1"
    answer = message(
        client, provider, below, is_response=True, in_response_to=asked.get("ID"), relay_state=query["RelayState"][0]
    )
    back = client.get(f"{below}/sso/{provider.id}/saml/slo?{answer.query()}")
    assert (back.status_code, urlsplit(back.location).path) == (FOUND, f"{below}/login")
    assert "at Olympus ID too" in client.get(back.location).text


def test_our_requests_are_signed_with_the_key_of_our_metadata(client, world, provider):
    from app.identity.saml.logout import verify_query  # noqa: PLC0415

    sign_in(client, provider)
    query = urlsplit(leave(client)).query
    ours = etree.fromstring(client.get(f"/sso/{provider.id}/saml/metadata").data)
    (written,) = ours.iterfind(".//ds:X509Certificate", NS)
    assert "".join(written.text.split()) in "".join(key_pair("own").certificate.split())
    assert verify_query(query, "SAMLRequest", [key_pair("own").certificate], at=utc_now()).relay_state
    assert f"/sso/{provider.id}/saml/slo" in etree.tostring(ours).decode()


def test_who_came_by_a_password_or_without_a_provider_that_wants_to_know_is_simply_out(client, world):
    quiet = add_saml(world, world.root.id)
    link_saml(world, quiet, world.direct_buyer, "person-1")
    sign_in(client, quiet)
    left = client.post("/logout")
    assert (left.status_code, left.location) == (FOUND, "/login")
    assert sessions_in(world, world.root.id) == []


def test_an_owner_may_leave_the_providers_session_alone(client, world):
    provider = add_with_logout(world, world.root.id, signs_out=False)
    link_saml(world, provider, world.direct_buyer, "person-1")
    sign_in(client, provider)
    assert client.post("/logout").status_code == FOUND
    assert sessions_in(world, world.root.id) == []


SPOILED_ANSWERS = {
    "another request": {"in_response_to": "_other"},
    "no request": {"in_response_to": None},
    "another issuer": {"issuer": "https://evil.example"},
    "another destination": {"destination": "http://shop.example/sso/saml/slo"},
    "no destination": {"destination": None},
    "another key": {"key": "evil"},
    "SHA-1": {"algorithm": RSA_SHA1},
    "not done": {"status": "urn:oasis:names:tc:SAML:2.0:status:Responder"},
    "late": {"issued_after": timedelta(minutes=-9)},
}


@pytest.mark.parametrize("spoil", SPOILED_ANSWERS)
def test_a_wrong_word_of_the_provider_is_not_believed(client, world, provider, spoil):
    sign_in(client, provider)
    asked, query = opened(leave(client), "SAMLRequest")
    answer = message(
        client, provider, is_response=True, in_response_to=asked.get("ID"), relay_state=query["RelayState"][0]
    )
    back = client.get(f"/sso/{provider.id}/saml/slo?{answer.query(**SPOILED_ANSWERS[spoil])}")
    said = client.get(back.location).text
    assert ("did not confirm" in said, "at Olympus ID too" in said) == (True, False)


def test_an_unsolicited_word_of_the_provider_is_not_parsed(client, world, provider, monkeypatch):
    monkeypatch.setattr(documents, "read_document", lambda _: pytest.fail("it was parsed"))
    answer = message(client, provider, is_response=True, in_response_to="_1", relay_state="_1")
    back = client.get(f"/sso/{provider.id}/saml/slo?{answer.query()}")
    assert "did not confirm" in client.get(back.location).text


def test_a_word_of_the_provider_counts_once_and_in_one_browser(client, app, world, provider):
    sign_in(client, provider)
    asked, query = opened(leave(client), "SAMLRequest")
    answer = message(
        client, provider, is_response=True, in_response_to=asked.get("ID"), relay_state=query["RelayState"][0]
    ).query()
    stranger = app.test_client()
    stranger.host = client.host
    stranger.get(f"/sso/{provider.id}/saml/slo?{answer}")
    assert "did not confirm" in stranger.get("/login").text
    client.get(f"/sso/{provider.id}/saml/slo?{answer}")
    assert "at Olympus ID too" in client.get("/login").text
    client.get(f"/sso/{provider.id}/saml/slo?{answer}")
    assert "did not confirm" in client.get("/login").text


def test_a_sign_out_is_no_sign_in(client, world, provider):
    """The trip of a sign-out takes no assertion, and that of a sign-in no logout response."""
    sign_in(client, provider)
    _, query = opened(leave(client), "SAMLRequest")
    trip = set_out(client, provider)
    crossed = trip.answer.encoded(request_id=query["RelayState"][0])
    post_answer(client, trip, crossed, relay_state=query["RelayState"][0])
    assert sessions_in(world, world.root.id) == []
    answer = message(client, provider, is_response=True, in_response_to=trip.request_id, relay_state=trip.request_id)
    client.get(f"/sso/{provider.id}/saml/slo?{answer.query()}")
    assert "did not confirm" in client.get("/login").text


def test_the_provider_ends_a_session_and_gets_our_signed_answer(client, app, world, provider):
    sign_in(client, provider)
    stranger = app.test_client()  # its page may stand in a frame, where no cookies are sent
    stranger.host = client.host
    asked = message(client, provider)

    answered = stranger.get(f"/sso/{provider.id}/saml/slo?{asked.query()}")

    assert sessions_in(world, world.root.id) == []
    assert client.get("/billing").status_code == FOUND
    assert answered.status_code == FOUND
    assert answered.location.startswith(f"{SLO}?SAMLResponse=")
    answer, query = opened(answered.location, "SAMLResponse")
    assert (answer.get("InResponseTo"), query["RelayState"]) == (asked.id, ["there-1"])
    assert "Set-Cookie" not in answered.headers


def test_an_answer_goes_where_the_providers_metadata_says(client, world):
    elsewhere = "https://idp.example/slo/answers"
    provider = add_with_logout(world, world.root.id, slo_answer_url=elsewhere)
    answered = client.get(f"/sso/{provider.id}/saml/slo?{message(client, provider).query()}")
    assert opened(answered.location, "SAMLResponse")[0].get("Destination") == elsewhere
    assert answered.location.startswith(elsewhere)


def test_only_the_named_sessions_of_that_person_end(client, app, world, provider):
    other = app.test_client()
    other.host = client.host
    other.environ_base["REMOTE_ADDR"] = "203.0.113.77"
    sign_in(client, provider)
    sign_in(other, provider, session_index="session-2")
    client.get(f"/sso/{provider.id}/saml/slo?{message(client, provider).query()}")
    assert [each.provider_session for each in sessions_in(world, world.root.id)] == ["session-2"]
    everything = message(client, provider).query(sessions=(), id="_logout-2")
    client.get(f"/sso/{provider.id}/saml/slo?{everything}")
    assert sessions_in(world, world.root.id) == []


SPOILED_REQUESTS: dict[str, dict[str, Any]] = {
    "another person": {"subject": "person-2"},
    "nobody": {"subject": None},
    "a comment in the name": {"subject": "person-1<!-- -->"},
    "another session": {"sessions": ("session-9",)},
    "another issuer": {"issuer": "https://evil.example"},
    "another destination": {"destination": "http://shop.example/sso/saml/slo"},
    "a longer destination": {"destination": "longer"},
    "no destination": {"destination": None},
    "late": {"issued_after": timedelta(minutes=-9)},
    "over": {"ends_after": timedelta(minutes=-4)},
    "of the future": {"issued_after": timedelta(minutes=4)},
    "another key": {"key": "evil"},
    "SHA-1": {"algorithm": RSA_SHA1},
    "DTD": {"prefix": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'},
    "a signature inside": {"inside": '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>'},
    "two names": {"inside": "<saml:NameID>person-1</saml:NameID>"},
    "a response": {"is_response": True, "in_response_to": "_1"},
}


@pytest.mark.parametrize("spoil", SPOILED_REQUESTS)
def test_a_wrong_request_ends_nothing(client, app, world, provider, spoil):
    sign_in(client, provider)
    asked = message(client, provider)
    changes = dict(SPOILED_REQUESTS[spoil])
    if changes.get("destination") == "longer":
        changes["destination"] = f"{asked.destination}/more"
    refused = client.get(f"/sso/{provider.id}/saml/slo?{asked.query(**changes)}")
    assert refused.status_code in (BAD, FOUND)
    assert "SAMLResponse" not in (refused.location or "") or spoil in ("another person", "another session")
    assert len(sessions_in(world, world.root.id)) == 1
    assert client.get("/billing").status_code == OK


@pytest.mark.parametrize(
    "spoil",
    [
        lambda asked: asked.unsigned(),
        lambda asked: asked.query().partition("&Signature=")[0],
        lambda asked: asked.query().replace("RelayState=there-1", "RelayState=there-2"),
        lambda asked: asked.query().replace("&RelayState=there-1", ""),
        lambda asked: f"{asked.unsigned()}&{asked.query(subject='person-2')}",
        lambda asked: f"{asked.query(subject='person-2')}&{asked.unsigned().partition('&')[0]}",
        lambda asked: asked.query() + "&SAMLResponse=x",
        lambda asked: asked.query().replace("SAMLRequest=", "%53AMLRequest=a&SAMLRequest="),
        lambda asked: "SAMLRequest=" + base64.b64encode(zlib.compress(b" " * 10_000_000)[2:-4]).decode(),
        lambda asked: "",
    ],
    ids=[
        "unsigned", "no signature", "changed", "shortened", "twice", "appended", "both", "encoded name", "bomb", "empty"
    ],
)  # fmt: skip
def test_a_query_that_was_not_signed_as_it_is_ends_nothing(client, world, provider, spoil):
    sign_in(client, provider)
    client.get(f"/sso/{provider.id}/saml/slo?{spoil(message(client, provider))}")
    assert len(sessions_in(world, world.root.id)) == 1


def test_a_bomb_that_is_signed_is_refused(client, world, provider):
    sign_in(client, provider)
    bomb = message(client, provider).query(prefix=" " * 3_000_000)
    assert client.get(f"/sso/{provider.id}/saml/slo?{bomb}").status_code == BAD
    assert len(sessions_in(world, world.root.id)) == 1


def test_a_replayed_request_ends_no_later_session(client, world, provider):
    sign_in(client, provider)
    asked = message(client, provider).query()
    client.get(f"/sso/{provider.id}/saml/slo?{asked}")
    sign_in(client, provider)
    assert client.get(f"/sso/{provider.id}/saml/slo?{asked}").status_code == BAD
    assert len(sessions_in(world, world.root.id)) == 1


def test_a_provider_ends_only_its_own_sessions_in_its_own_realm(client, app, world, provider):
    """The same name at another provider, and at the same provider's twin in another realm, stays signed in."""
    twin = add_with_logout(world, world.root.id, name="Twin", entity_id="https://twin.example")
    shop = add_with_logout(world, world.tech.storefront.id)
    link_saml(world, twin, world.direct_buyer, "person-1")
    link_saml(world, shop, world.tech.buyers[0], "person-1")
    for number, (each, below) in enumerate(((twin, ""), (shop, "/techsolutions"))):
        browser = app.test_client()
        browser.host = client.host
        browser.environ_base["REMOTE_ADDR"] = f"203.0.113.{80 + number}"
        sign_in(browser, each, below)
    client.get(f"/sso/{provider.id}/saml/slo?{message(client, provider).query(sessions=())}")
    assert len(sessions_in(world, world.root.id)) == 1
    assert len(sessions_in(world, world.tech.storefront.id)) == 1
    # nor by another provider's address
    crossed = message(client, provider).query(id="_logout-7")
    assert client.get(f"/sso/{twin.id}/saml/slo?{crossed}").status_code == BAD
    assert client.get(f"/techsolutions/sso/{provider.id}/saml/slo?{crossed}").status_code == HTTPStatus.NOT_FOUND
    assert len(sessions_in(world, world.root.id)) == 1


def test_the_cookie_of_an_ended_session_opens_nothing(client, world, provider):
    sign_in(client, provider)
    kept = client.get_cookie(cookie_name(world.root.id), domain=client.host).value
    client.get(f"/sso/{provider.id}/saml/slo?{message(client, provider).query()}")
    client.set_cookie(cookie_name(world.root.id), kept, domain=client.host)
    assert client.get("/billing").status_code == FOUND
