"""Two SAML providers of other people on loopback, and one of our own making that forges what a test asks for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
import requests
from flask.testing import FlaskClient
from lxml import html

from app.core.clock import utc_now
from app.core.db import session as db_session
from app.core.secrets import encrypt
from app.identity.models import User
from app.identity.providers.models import IdentityLink, IdentityProvider, ProviderKind
from app.identity.realms import open_realm
from app.identity.saml.metadata import ProviderDescription, read_metadata
from tenants.context import scope
from tests.domain.identity.saml.answers import Answer, key_pair
from tests.factories.world import MONDAY_NOON, World
from tests.third_party.servers import running
from tests.web.providers.conftest import add_provider, path_of

ENTITY = "https://idp.example/entity"


def add_saml(world: World, realm_id: UUID, **changes: Any) -> IdentityProvider:
    """Insert an enabled SAML provider of a realm whose answers `tests.domain.identity.saml.answers` signs."""
    values = {
        "kind": ProviderKind.SAML,
        "issuer": None,
        "client_id": None,
        "client_secret_encrypted": None,
        "entity_id": ENTITY,
        "sso_url": "https://idp.example/sso",
        "certificates": [key_pair().certificate],
        **changes,
    }
    return add_provider(world, realm_id, **values)


def link_saml(world: World, provider: IdentityProvider, user: User, subject: str) -> None:
    """Let an identity of a SAML provider open the door for somebody."""
    with scope(world.scope), open_realm(provider.realm_id):
        db_session.add(
            IdentityLink(
                realm_id=provider.realm_id,
                provider_id=provider.id,
                issuer=provider.entity_id,
                subject=subject,
                user_id=user.id,
                email=user.email,
                linked_at=MONDAY_NOON,
            )
        )
        db_session.flush()
    db_session.commit()


def described(found: ProviderDescription) -> dict[str, Any]:
    """A provider's columns from its metadata, as its owner's form would store them."""
    own = key_pair("own")
    return {
        "entity_id": found.entity_id,
        "sso_url": found.sso_url,
        "slo_url": found.slo_url,
        "certificates": list(found.certificates),
        "name_id_format": found.name_id_format,
        "signs_requests": found.wants_signed_requests,
        "own_certificate": own.certificate,
        "own_key_encrypted": encrypt(own.key),
    }


@dataclass(frozen=True, slots=True)
class Trip:
    """A browser that has set out: where it was sent, and what our addresses are."""

    url: str
    request_id: str
    acs_path: str
    answer: Answer


def set_out(browser: FlaskClient, provider: IdentityProvider, below: str = "") -> Trip:
    """Leave for a provider from the sign-in page of the storefront below a path (`/techsolutions`, `/bss`)."""
    left = browser.get(f"{below}/sso/{provider.id}")
    assert left.status_code == 303, left.text
    query = parse_qs(urlsplit(left.location).query)
    root = f"http://{browser.host}{below}/sso/{provider.id}/saml"
    answer = Answer(
        query["RelayState"][0], f"{root}/acs", f"{root}/metadata", provider.entity_id, utc_now().replace(microsecond=0)
    )
    return Trip(left.location, query["RelayState"][0], path_of(f"{root}/acs"), answer)


def post_answer(browser: FlaskClient, trip: Trip, encoded: str, *, relay_state: str | None = None) -> Any:
    """Post an answer as a page of the provider does: from another site, so without cookies that are Lax."""
    stranger = browser.application.test_client()
    stranger.host = browser.host
    stranger.environ_base["REMOTE_ADDR"] = browser.environ_base["REMOTE_ADDR"]
    return stranger.post(
        trip.acs_path,
        data={"SAMLResponse": encoded, "RelayState": trip.request_id if relay_state is None else relay_state},
        headers={"Origin": "https://idp.example", "Sec-Fetch-Site": "cross-site"},
    )


@contextmanager
def with_key(script: str, port: int | None = None) -> Iterator[int]:
    """Run a server with a key pair in its environment."""
    pair = key_pair(script)
    with running(script, port=port, environment={"SAML_KEY": pair.key, "SAML_CERTIFICATE": pair.certificate}) as found:
        yield found


@pytest.fixture(scope="session")
def saml_idp() -> Iterator[str]:
    """The npm package saml-idp; returns its origin."""
    with with_key("saml-idp.cjs") as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def samlify() -> Iterator[str]:
    """The npm package samlify as a provider that wants signed requests; returns its origin."""
    with with_key("samlify.mjs") as port:
        yield f"http://127.0.0.1:{port}"


def metadata_of(origin: str) -> ProviderDescription:
    return read_metadata(requests.get(f"{origin}/metadata", timeout=10).text)


def through_saml_idp(origin: str, url: str, audience: str, account: str) -> dict[str, str]:
    """Follow a browser through saml-idp's pages; returns the form that it posts back."""
    requests.post(f"{origin}/settings", data={"audience": audience}, timeout=10)
    with requests.Session() as browser:
        page = html.fromstring(browser.get(url, timeout=10).text)
        request = page.xpath("//input[@name='_authnRequest']/@value")[0]
        sent = {"_authnRequest": request, "userName": account, "email": account}
        page = html.fromstring(browser.post(f"{origin}/signin", data=sent, timeout=10).text)
    form: Any = page.xpath("//form[.//*[@name='SAMLResponse']]")[0]
    return {"action": form.get("action"), **{name: value for name, value in form.fields.items() if name}}


def through_samlify(url: str, account: str) -> dict[str, str]:
    answer = requests.get(url, headers={"x-account": account}, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()
