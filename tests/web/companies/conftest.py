"""A customer company with a proven domain and a provider of its own, under an alias and at the root."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from app.accounts.models import Account
from app.core.db import session as db_session
from app.core.ids import new_id
from app.core.txt_records import DnsSilent
from app.identity.companies.domains import record_of
from app.identity.companies.models import CompanyDomain, CompanySignIn, DomainState
from app.identity.companies.queries import Company
from app.identity.models import User
from app.identity.providers.models import IdentityProvider
from app.identity.realms import open_realm
from tenants.context import scope
from tests.factories.world import MONDAY_NOON, World
from tests.web.providers.conftest import Forger, add_provider, forger, issuer, openid_server, sent
from tests.web.saml.conftest import samlify

__all__ = ["forger", "issuer", "openid_server", "samlify"]
DOMAIN = "people.example"  # where everybody of the world has an address


@dataclass
class Place:
    """A company at one storefront."""

    realm_id: UUID
    below: str  # path of the storefront
    account: Account
    admin: User

    @property
    def company(self) -> Company:
        return Company(self.realm_id, self.account.id)

    @property
    def page(self) -> str:
        return f"{self.below}/account/single-sign-on"


def alias_place(world: World, index: int = 0) -> Place:
    """A customer of Tech Solutions."""
    return Place(world.tech.storefront.id, "/techsolutions", world.tech.customers[index], world.tech.buyers[index])


def root_place(world: World) -> Place:
    """The direct customer."""
    return Place(world.root.id, "", world.direct, world.direct_buyer)


def prove(world: World, place: Place, domain: str = DOMAIN, **changes: Any) -> CompanyDomain:
    """Insert a domain that the company has proven."""
    values = {"state": DomainState.PROVEN, "proven_at": MONDAY_NOON, "created_at": MONDAY_NOON, **changes}
    with scope(world.scope), open_realm(place.realm_id):
        made = CompanyDomain(
            id=new_id(), realm_id=place.realm_id, account_id=place.account.id, domain=domain, token="token-of-theirs",
            **values,
        )  # fmt: skip
        db_session.add(made)
        db_session.flush()
    db_session.commit()
    return made


def decide(world: World, place: Place, **changes: Any) -> None:
    """Insert what a company has decided."""
    values = {"creates_users": False, "default_roles": [], "is_required": False, "is_blocked": False, **changes}
    with scope(world.scope), open_realm(place.realm_id):
        db_session.add(
            CompanySignIn(realm_id=place.realm_id, account_id=place.account.id, changed_at=MONDAY_NOON, **values)
        )
        db_session.flush()
    db_session.commit()


def add_company_provider(world: World, place: Place, **changes: Any) -> IdentityProvider:
    """Insert an enabled OpenID provider of a company."""
    values = {"name": "Acme ID", "is_visible": False, **changes}
    return add_provider(world, place.realm_id, account_id=place.account.id, **values)


def set_domain(world: World, place: Place, **changes: Any) -> None:
    """Change columns of all domains of a realm."""
    with scope(world.scope), open_realm(place.realm_id):
        db_session.execute(update(CompanyDomain).values(**changes))
    db_session.commit()


def domains_of(world: World, place: Place) -> list[CompanyDomain]:
    with scope(world.scope), open_realm(place.realm_id):
        return list(db_session.scalars(select(CompanyDomain).where(CompanyDomain.account_id == place.account.id)))


def rules_of(world: World, place: Place) -> CompanySignIn | None:
    with scope(world.scope), open_realm(place.realm_id):
        return db_session.scalar(select(CompanySignIn).where(CompanySignIn.account_id == place.account.id))


def user_of(world: World, email: str) -> User | None:
    with scope(world.scope):
        return db_session.scalar(select(User).where(User.email == email))


def travel(client: FlaskClient, forger: Forger, place: Place, provider: IdentityProvider, **claims: Any) -> Any:
    """Go to the forged provider and come back with what it says."""
    left = sent(client.get(f"{place.below}/sso/{provider.id}"))
    forger.claims = forger.good(left["nonce"], **claims)
    return client.get(
        f"{place.below}/sso/{provider.id}/callback", query_string={"state": left["state"], "code": "a-code"}
    )


@dataclass
class Records:
    """DNS as a test wants it."""

    texts: dict[str, set[str]] = field(default_factory=dict)
    is_silent: bool = False
    asked: list[str] = field(default_factory=list)

    def of(self, name: str) -> frozenset[str]:
        self.asked.append(name)
        if self.is_silent:
            raise DnsSilent("no answer")
        return frozenset(self.texts.get(name, ()))

    def publish(self, domain: CompanyDomain) -> None:
        """Write the record that proves a domain."""
        record = record_of(domain)
        self.texts.setdefault(record.name, set()).add(record.text)


@pytest.fixture
def records(app: Flask) -> Iterator[Records]:
    made = Records()
    app.config["TXT_RECORDS"] = made
    yield made
    app.config.pop("TXT_RECORDS")
