"""Every route asked for as every role: what is not declared for it is refused, what is declared is not (SF-10, BC-03).

The matrix is made from the routes there are and the rights table; a new page or a new role is in it by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

import pytest
from flask import Flask
from werkzeug.routing import AnyConverter, BaseConverter, IntegerConverter, Rule, UUIDConverter

from app.access.guards import Access
from app.access.requests import NOT_AT_OWN_ALIAS
from app.accounts.models import Account
from app.core.ids import new_id
from app.identity.models import User, UserKind, UserType
from app.identity.permissions import BssRole, Permission, StorefrontRole, permissions_of
from app.web.surfaces import Surface
from tenants.context import scope
from tests.factories.world import World, make_user
from tests.web.conftest import signed_in_browser

SEEN, DENIED = ("GET",), ("GET", "POST")
TO_SIGN_IN = (HTTPStatus.FOUND, HTTPStatus.SEE_OTHER, HTTPStatus.UNAUTHORIZED)
NOWHERE = (HTTPStatus.NOT_FOUND, *TO_SIGN_IN)
NO_PROGRAM = (HTTPStatus.UNAUTHORIZED, HTTPStatus.BAD_REQUEST)  # the API: a session counts for nothing there
REFUSES_ITSELF = {"storefront_plans.index"}  # the right is there; no plan is offered to this reseller (RS-04)
STOREFRONT_ROLES = ("admin", "none", *(role.value for role in StorefrontRole))


@dataclass(frozen=True)
class Persona:
    """One kind of person at one address: what it may is what the table says."""

    name: str
    place: str  # bss, root, alias
    kind: UserKind | None  # None: a visitor
    role: str = ""

    @property
    def type(self) -> UserType:
        return UserType.ADMIN if self.role in ("admin", BssRole.ADMINISTRATOR.value) else UserType.USER

    @property
    def roles(self) -> tuple[str, ...]:
        return () if self.role in ("", "admin", "none") else (self.role,)

    @property
    def home(self) -> Surface:
        return Surface.BSS if self.place == "bss" else Surface.STOREFRONT


PERSONAS = (
    *(Persona(f"bss-{role.value}", "bss", UserKind.BSS, role.value) for role in BssRole),
    *(Persona(f"customer-{role}", "root", UserKind.DIRECT, role) for role in STOREFRONT_ROLES[:-1]),
    *(Persona(f"reseller-at-root-{role}", "root", UserKind.RESELLER, role) for role in STOREFRONT_ROLES),
    *(Persona(f"reseller-at-alias-{role}", "alias", UserKind.RESELLER, role) for role in STOREFRONT_ROLES),
    *(Persona(f"end-customer-{role}", "alias", UserKind.END_CUSTOMER, role) for role in STOREFRONT_ROLES[:-1]),
    Persona("visitor-at-root", "root", None),
    Persona("visitor-at-alias", "alias", None),
)


def rights_of(persona: Persona) -> frozenset[Permission]:
    """Return what the rights table gives a persona at its address."""
    if persona.kind is None:
        return frozenset()
    edition = "standard" if persona.kind is UserKind.RESELLER else "none"
    found = permissions_of(persona.kind, persona.type, persona.roles, edition)
    return found - NOT_AT_OWN_ALIAS if persona.kind is UserKind.RESELLER and persona.place == "alias" else found


def surface_of(rule: Rule) -> Surface | None:
    return next((surface for surface in Surface if rule.endpoint.startswith(f"{surface.value}_")), None)


def answers_at(surface: Surface | None, place: str) -> bool:
    """Whether pages of a surface exist at a place; BSS people stand at the root's host."""
    return (
        surface
        in {
            "bss": (Surface.BSS, Surface.STOREFRONT),
            "root": (Surface.BSS, Surface.STOREFRONT),
            "alias": (Surface.MANAGE, Surface.STOREFRONT),
        }[place]
    )


def is_of_realm(surface: Surface | None, persona: Persona) -> bool:
    """Whether a persona's session counts for a page: the back office has a realm of its own."""
    return (surface is Surface.BSS) == (persona.place == "bss")


def filled(converter: BaseConverter) -> object:
    if isinstance(converter, AnyConverter):
        return min(converter.items)
    if isinstance(converter, UUIDConverter):
        return new_id()
    return 1 if isinstance(converter, IntegerConverter) else "no-such-thing"


def cells(app: Flask) -> Iterator[tuple[Rule, str, Access | Permission]]:
    """Return every route and method with its declared access."""
    for rule in app.url_map.iter_rules():
        access = app.view_functions[rule.endpoint].access  # type: ignore[attr-defined]
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            yield rule, method, access if isinstance(access, Permission) else Access(access)


@pytest.fixture
def enter(session, world, client):
    """Be a persona: hire, sign in, and ask below the right prefix."""

    def be(persona: Persona):
        if persona.kind is None:
            return client
        accounts: dict[UserKind, Account | None] = {
            UserKind.BSS: None,
            UserKind.DIRECT: world.direct,
            UserKind.RESELLER: world.tech.account,
            UserKind.END_CUSTOMER: world.tech.customers[0],
        }
        realm = realm_of(world, persona)
        with scope(world.scope):
            person: User = make_user(
                session,
                accounts[persona.kind],
                kind=persona.kind,
                realms=(realm,),
                type=persona.type,
                roles=persona.roles,
            )
            session.commit()
        return signed_in_browser(client, world, person, realm=realm)

    return be


def realm_of(world: World, persona: Persona) -> UUID:
    if persona.place == "bss":
        return world.id
    if persona.place == "root":
        return world.root.id
    assert world.tech.storefront is not None
    return world.tech.storefront.id


@pytest.mark.parametrize("persona", PERSONAS, ids=lambda persona: persona.name)
def test_a_route_opens_for_who_has_the_right_and_for_nobody_else(app, world, enter, persona):
    """SF-F17 (partly), SF-F18 (partly), SF-F21 (partly), RS-F69 (partly), RS-F70 (partly): forced browsing of every route."""
    browser, rights = enter(persona), rights_of(persona)
    prefix = f"/{world.tech.alias}" if persona.place == "alias" else ""
    wrong = []
    for rule, method, access in cells(app):
        surface = surface_of(rule)
        if surface is None:
            continue
        address = rule.build({name: filled(found) for name, found in rule._converters.items()}, append_unknown=False)
        assert address is not None
        expected = expectation(persona, rights, surface, access)
        if expected is None or (expected == "opens" and method != "GET"):
            continue  # what may be done is done in the tests of its page
        if rule.endpoint in REFUSES_ITSELF or rule.endpoint.endswith((".logout", ".hop_out", ".hop_back")):
            continue
        status = HTTPStatus(getattr(browser, method.lower())(prefix + address[1]).status_code)
        refused = {
            "opens": status is HTTPStatus.FORBIDDEN or status >= HTTPStatus.INTERNAL_SERVER_ERROR,
            "forbidden": status is not HTTPStatus.FORBIDDEN,
            "sign in": status not in TO_SIGN_IN,
            "nowhere": status not in NOWHERE,
            "no program": status not in NO_PROGRAM,
        }[expected]
        if refused:
            wrong.append(f"{method} {address[1]} ({access.value}): {status.value}, expected: {expected}")
    assert wrong == []


def expectation(
    persona: Persona, rights: frozenset[Permission], surface: Surface, access: Access | Permission
) -> str | None:
    """Return what should come of a request; None where anything may: public pages."""
    if not answers_at(surface, persona.place):
        return "nowhere"
    if access in (Access.PUBLIC, Access.TOKEN):
        return None if access is Access.PUBLIC else "no program"
    if access is Access.CATALOGUE:
        return None if not is_of_realm(surface, persona) or persona.kind is None else "opens"
    if persona.kind is None or not is_of_realm(surface, persona):
        return "sign in"
    if access is Access.SIGNED_IN:
        return "opens"
    return "opens" if access in rights else "forbidden"


def test_the_matrix_has_every_role_and_every_surface_but_the_console(app):
    roles = {role for persona in PERSONAS for role in persona.roles} | {BssRole.ADMINISTRATOR.value}
    assert roles == {role.value for role in StorefrontRole} | {role.value for role in BssRole}
    assert {surface_of(rule) for rule, _, _ in cells(app)} >= {Surface.BSS, Surface.MANAGE, Surface.STOREFRONT}
