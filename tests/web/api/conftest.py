"""Programs that call: credentials of each API, and a short way to ask with them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import pytest
from sqlalchemy import func, select

from app.audit.services import SYSTEM
from app.core.clock import utc_now
from app.core.db import BoundSession
from app.identity.api_clients.models import ApiClient, ApiClientKind, ApiScope, ApiToken
from app.identity.api_clients.services import NewApiClient, create_client
from tenants.context import distributor_scope, scope
from tests.factories.world import World
from tests.web.conftest import Browser

READ = frozenset({ApiScope.SUBSCRIPTIONS_READ})
EVERYTHING = frozenset(ApiScope)
GRANT = {"grant_type": "client_credentials"}


@dataclass(frozen=True)
class Program:
    """A client of one API, with its secret."""

    id: UUID
    public_id: str
    secret: str
    realm_id: UUID
    base: str  # "/techsolutions/api/v1"

    @property
    def basic(self) -> dict[str, str]:
        """Return the header of the token endpoint."""
        return basic(self.public_id, self.secret)


def basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


def make_program(
    session: BoundSession,
    world: World,
    realm_id: UUID,
    base: str,
    *,
    kind: ApiClientKind = ApiClientKind.OAUTH,
    scopes: frozenset[ApiScope] = READ,
    expires_at: datetime | None = None,
    at: datetime | None = None,
) -> Program:
    with scope(distributor_scope(world.id)):
        new = NewApiClient("Back-office sync", kind, scopes, expires_at)
        made = create_client(realm_id, new, actor=SYSTEM, at=at or utc_now())
        session.commit()
    return Program(made.client.id, made.client.public_id, made.secret, realm_id, base)


@pytest.fixture
def program(session: BoundSession, world: World) -> Program:
    """A client of Tech Solutions' storefront, which is on Standard."""
    return make_program(session, world, world.tech.storefront.id, "/techsolutions/api/v1", scopes=EVERYTHING)


@pytest.fixture
def keyed(session: BoundSession, world: World) -> Program:
    """An API key of Tech Solutions' storefront."""
    return make_program(session, world, world.tech.storefront.id, "/techsolutions/api/v1", kind=ApiClientKind.API_KEY)


@pytest.fixture
def writer(session: BoundSession, world: World) -> Program:
    """An API key of Tech Solutions' storefront that may do everything."""
    return make_program(
        session, world, world.tech.storefront.id, "/techsolutions/api/v1", kind=ApiClientKind.API_KEY, scopes=EVERYTHING
    )


@pytest.fixture
def bss_writer(session: BoundSession, world: World) -> Program:
    """An API key of the back office that may do everything."""
    return make_program(session, world, world.id, "/bss/api/v1", kind=ApiClientKind.API_KEY, scopes=EVERYTHING)


@pytest.fixture
def bss_program(session: BoundSession, world: World) -> Program:
    """A client of the back office."""
    return make_program(session, world, world.id, "/bss/api/v1")


def ask_token(client: Browser, program: Program, **data: str):
    """Ask for a token as a program should."""
    return client.post(f"{program.base}/oauth/token", data={**GRANT, **data}, headers=program.basic)


def bearer(client: Browser, program: Program, **data: str) -> dict[str, str]:
    """Return the header of a fresh token."""
    answer = ask_token(client, program, **data)
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json['access_token']}"}


@dataclass(frozen=True)
class Caller:
    """A program with its key, asking below its API's address."""

    browser: Browser
    program: Program

    def ask(self, method: str, path: str, *, key: str | None = None, **asked):
        headers = {"X-ApiKey": self.program.secret, **({"Idempotency-Key": key} if key is not None else {})}
        return self.browser.open(f"{self.program.base}{path}", method=method, headers=headers, **asked)

    def get(self, path: str, **query: str):
        return self.ask("GET", path, query_string=query)

    def post(self, path: str, body: object = None, *, key: str | None = None):
        return self.ask("POST", path, key=key, **({} if body is None else {"json": body}))

    def patch(self, path: str, body: object, *, key: str | None = None, kind: str = "application/merge-patch+json"):
        return self.ask("PATCH", path, key=key, data=json.dumps(body), content_type=kind)

    def delete(self, path: str):
        return self.ask("DELETE", path)


@pytest.fixture
def shop(client: Browser, writer: Program) -> Caller:
    """Tech Solutions' program at work."""
    return Caller(client, writer)


@pytest.fixture
def office(client: Browser, bss_writer: Program) -> Caller:
    """The back office's program at work."""
    return Caller(client, bss_writer)


def refused(answer, status: int, field: str | None = None, code: str | None = None) -> None:
    """Check a refusal: its status, and one error at a field with a code."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    assert answer.json["status"] == status
    found = [(each["field"], each["code"]) for each in answer.json["errors"]]
    assert any((field is None or each[0] == field) and (code is None or each[1] == code) for each in found), found


def tokens_of(session: BoundSession, world: World, realm_id: UUID) -> int:
    """How many tokens a realm has given."""
    with scope(distributor_scope(world.id).in_realm(realm_id)):
        return session.scalar(select(func.count()).select_from(ApiToken).where(ApiToken.realm_id == realm_id)) or 0


def stored(session: BoundSession, world: World, program: Program) -> ApiClient:
    """Return a client as it stands."""
    with scope(distributor_scope(world.id).in_realm(program.realm_id)):
        session.expire_all()
        return session.get_one(ApiClient, (world.id, program.id))
