"""Every page says who may open it, and answers only where its surface does."""

from __future__ import annotations

import enum

from flask import Flask

from app.access.guards import Access
from app.identity.permissions import Permission
from app.resellers.aliases import RESERVED_WORDS, ROUTED_WORDS, SHORTEST, SYNTAX
from app.web.surfaces import PREFIXES, Surface, first_segments


def test_every_route_has_a_permission_or_is_declared_public(app: Flask) -> None:
    undeclared = [
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if not isinstance(getattr(app.view_functions[rule.endpoint], "access", None), Access | Permission | str)
    ]
    assert undeclared == []


def test_back_offices_have_no_public_page_but_sign_in(app: Flask) -> None:
    open_pages = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        for surface in (Surface.BSS, Surface.MANAGE, Surface.PLATFORM)
        if rule.endpoint.startswith(f"{surface.value}_")
        and getattr(app.view_functions[rule.endpoint], "access", None) == Access.PUBLIC
    }
    assert {name.split(".", 1)[0] for name in open_pages} <= {"bss_sessions", "platform_sessions"}


def test_every_page_of_a_back_office_stands_below_its_prefix(app: Flask) -> None:
    strays = [
        rule.rule
        for rule in app.url_map.iter_rules()
        for surface in (Surface.BSS, Surface.MANAGE, Surface.PLATFORM)
        if rule.endpoint.startswith(f"{surface.value}_") and not rule.rule.startswith(PREFIXES[surface])
    ]
    assert strays == []


def test_permissions_of_a_surface_are_its_own(app: Flask) -> None:
    """A page of BSS asks for a right of BSS; a mix-up would let a storefront's user in."""
    families = {Surface.BSS: "bss.", Surface.MANAGE: "manage."}
    mixed = []
    for rule in app.url_map.iter_rules():
        access = getattr(app.view_functions[rule.endpoint], "access", None)
        for surface, family in families.items():
            if (
                rule.endpoint.startswith(f"{surface.value}_")
                and isinstance(access, Permission)
                and not access.value.startswith(family)
            ):
                mixed.append((rule.endpoint, access))
    assert mixed == []
    assert issubclass(Permission, enum.Enum)


def test_every_first_segment_is_a_reserved_alias(app: Flask) -> None:
    """Also where no routes are known, as in a worker that executes a plan."""
    routed = {segment for segment in first_segments(app) if SYNTAX.fullmatch(segment) and len(segment) >= SHORTEST}
    assert routed - RESERVED_WORDS - ROUTED_WORDS == set()
    assert {"catalogue", "static", "manage"} <= routed
