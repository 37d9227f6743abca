"""Providers of three realms; one that forges whatever a test asks for, and the world's own, real one."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
import requests
from flask import Flask
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from sqlalchemy import select, update

from app.core.clock import utc_now
from app.core.config import settings
from app.core.db import session as db_session
from app.core.ids import new_id
from app.core.secrets import encrypt
from app.identity.models import User, UserSession
from app.identity.providers.models import IdentityLink, IdentityProvider, ProviderKind, ProviderState
from app.identity.realms import open_realm
from tenants.context import alias_visitor_scope, direct_business_scope, scope
from tenants.settings import (
    DistributorSettings,
    StorefrontSettings,
    save_distributor_settings,
    save_storefront_settings,
)
from tests.factories.world import MONDAY_NOON, World
from tests.third_party.servers import running

ISSUER = "https://login.olympus.example"
CLIENT = "galleria"


def add_provider(world: World, realm_id: UUID, **changes: Any) -> IdentityProvider:
    """Insert an enabled OpenID provider of a realm."""
    values = {
        "kind": ProviderKind.OIDC,
        "state": ProviderState.ENABLED,
        "name": "Olympus ID",
        "issuer": ISSUER,
        "client_id": CLIENT,
        "client_secret_encrypted": encrypt("a secret"),
        "certificates": [],
        "tested_at": MONDAY_NOON,
        "created_at": MONDAY_NOON,
        **changes,
    }
    with scope(world.scope), open_realm(realm_id):
        provider = IdentityProvider(id=values.pop("id", new_id()), realm_id=realm_id, **values)
        db_session.add(provider)
        db_session.flush()
    db_session.commit()
    return provider


def change(world: World, provider: IdentityProvider, **changes: Any) -> None:
    """Change columns of a provider."""
    with scope(world.scope), open_realm(provider.realm_id):
        db_session.execute(update(IdentityProvider).where(IdentityProvider.id == provider.id).values(**changes))
    db_session.commit()


def add_link(world: World, provider: IdentityProvider, user: User, subject: str) -> None:
    with scope(world.scope), open_realm(provider.realm_id):
        db_session.add(
            IdentityLink(
                realm_id=provider.realm_id,
                provider_id=provider.id,
                issuer=provider.issuer,
                subject=subject,
                user_id=user.id,
                email=user.email,
                linked_at=MONDAY_NOON,
            )
        )
        db_session.flush()
    db_session.commit()


def links_in(world: World, realm_id: UUID) -> list[tuple[str, UUID]]:
    with scope(world.scope), open_realm(realm_id):
        found = db_session.scalars(select(IdentityLink).where(IdentityLink.realm_id == realm_id)).all()
    return [(link.subject, link.user_id) for link in found]


def sessions_in(world: World, realm_id: UUID) -> list[UserSession]:
    with scope(world.scope), open_realm(realm_id):
        return list(db_session.scalars(select(UserSession)).all())


def people_of(world: World) -> int:
    with scope(world.scope):
        return len(db_session.scalars(select(User.id)).all())


def root_settings(world: World, **changes: Any) -> None:
    with scope(direct_business_scope(world.id)):
        save_storefront_settings(world.root.id, StorefrontSettings(**changes), reseller_id=None, at=MONDAY_NOON)
        db_session.commit()


def shop_settings(world: World, **changes: Any) -> None:
    with scope(alias_visitor_scope(world.id, world.tech.id)):
        save_storefront_settings(
            world.tech.storefront.id, StorefrontSettings(**changes), reseller_id=world.tech.id, at=MONDAY_NOON
        )
        db_session.commit()


def bss_settings(world: World, **changes: Any) -> None:
    with scope(world.scope):
        save_distributor_settings(DistributorSettings(**changes))
        db_session.commit()


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@dataclass
class Forger:
    """The outside world, made up: says what a test sets, and signs it with a key of its own."""

    issuer: str = ISSUER
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}))
    claims: dict[str, Any] = field(default_factory=dict)
    raw_token: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    posted: list[Mapping[str, str]] = field(default_factory=list)

    def get_json(self, url: str, *, bearer: str | None = None) -> Mapping[str, Any]:
        if url.endswith("openid-configuration"):
            return {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/auth",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                **self.metadata,
            }
        return KeySet([self.key]).as_dict()

    def post_form(self, url: str, fields: Mapping[str, str], *, basic: tuple[str, str] | None) -> Mapping[str, Any]:
        self.posted.append(fields)
        return {"access_token": "a", "id_token": self.raw_token or self.token()}

    def token(self) -> str:
        return jwt.encode({"alg": "RS256", "kid": "one"}, self.claims, self.key, algorithms=["RS256"])

    def good(self, nonce: str, /, **changes: Any) -> dict[str, Any]:
        """Claims that hold."""
        now = int(utc_now().timestamp())
        base = {"iss": self.issuer, "aud": CLIENT, "sub": "iris", "iat": now, "exp": now + 300, "nonce": nonce}
        return {**base, **changes}

    def unsigned(self, alg: str = "none") -> str:
        parts = ({"alg": alg, "kid": "one"}, self.claims)
        return ".".join(base64url(json.dumps(each).encode()) for each in parts) + "."

    def signed_with_public_key(self) -> str:
        """HS256, with what everybody can read for a secret."""
        body = self.unsigned("HS256").rstrip(".")
        return f"{body}.{base64url(hmac.digest(self.key.as_pem(private=False), body.encode(), 'sha256'))}"


@pytest.fixture
def forger(app: Flask) -> Iterator[Forger]:
    made = Forger()
    app.config["SSO_OUTSIDE"] = made
    yield made
    app.config.pop("SSO_OUTSIDE")


def sent(response: Any) -> dict[str, str]:
    """What a redirect to a provider says."""
    return {name: values[0] for name, values in parse_qs(urlsplit(response.location).query).items()}


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


@pytest.fixture(scope="session")
def openid_server() -> Iterator[str]:
    """A certified provider of other people; returns its issuer."""
    with running("openid.mjs") as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def issuer(openid_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The provider's issuer, in reach of this installation for one test."""
    monkeypatch.setenv("ALLOWED_PRIVATE_TARGETS", urlsplit(openid_server).netloc)
    settings.cache_clear()
    yield openid_server
    monkeypatch.undo()
    settings.cache_clear()


def register(issuer: str, redirect_uri: str, **more: Any) -> dict[str, str]:
    """Register a client at the real provider; returns the columns of a provider."""
    wanted = {"redirect_uris": [redirect_uri], **more}
    found = requests.post(f"{issuer}/reg", json=wanted, timeout=10).json()
    return {
        "issuer": issuer,
        "client_id": found["client_id"],
        "client_secret_encrypted": encrypt(found["client_secret"]),
    }


def go_as(account: str, url: str, browser: requests.Session | None = None) -> str:
    """Follow a browser through the real provider as one of its people; returns where it is sent back to."""
    with browser or requests.Session() as used:
        used.headers["x-account"] = account
        for _ in range(6):
            answer = used.get(url, allow_redirects=False, timeout=10)
            url = requests.compat.urljoin(url, answer.headers["Location"])
            if "/callback" in url:
                return path_of(url)
    raise AssertionError(url)
