"""Surfaces: one kind of visitor each, bound to the kind of address where it may answer."""

from __future__ import annotations

import enum

from flask import Blueprint, Flask, request
from werkzeug.routing import Rule

from app.core.errors import NotFound
from tenants.directory import AddressKind
from tenants.resolution import address_of


class Surface(enum.Enum):
    """Who the pages are for."""

    STOREFRONT = "storefront"
    MANAGE = "manage"
    BSS = "bss"
    PLATFORM = "platform"


ANSWERS_AT = {
    Surface.STOREFRONT: frozenset({AddressKind.ROOT, AddressKind.ALIAS}),
    Surface.MANAGE: frozenset({AddressKind.ALIAS}),
    Surface.BSS: frozenset({AddressKind.ROOT}),
    Surface.PLATFORM: frozenset({AddressKind.PLATFORM}),
}
PREFIXES = {Surface.STOREFRONT: "", Surface.MANAGE: "/manage", Surface.BSS: "/bss", Surface.PLATFORM: "/console"}


class WrongSurface(NotFound):
    """The page exists, but not at this kind of address."""

    def __init__(self) -> None:
        super().__init__("There is no such page here")


def surface_blueprint(noun: str, import_name: str, *, surface: Surface, path: str | None = None) -> Blueprint:
    """Return a blueprint named `<surface>_<noun>`, below the surface's prefix, that answers only at its addresses.

    `path` is where it stands below the prefix; the default is the noun with dashes (`/bss/price-lists`).
    """
    below = f"/{noun.replace('_', '-')}" if path is None else path
    blueprint = Blueprint(f"{surface.value}_{noun}", import_name, url_prefix=PREFIXES[surface] + below or None)

    @blueprint.before_request
    def refuse_elsewhere() -> None:
        address = address_of(request.environ)
        if address is None or address.kind not in ANSWERS_AT[surface]:
            raise WrongSurface

    return blueprint


def surface_of_request() -> Surface:
    """Return the surface the request's page belongs to; unknown paths belong to the storefront or the console."""
    blueprint = request.blueprint or ""
    for surface in Surface:
        if blueprint.startswith(f"{surface.value}_"):
            return surface
    address = address_of(request.environ)
    if address is not None and address.kind is AddressKind.PLATFORM:
        return Surface.PLATFORM
    for surface in (Surface.BSS, Surface.MANAGE):
        if request.path.startswith(f"{PREFIXES[surface]}/"):
            return surface
    return Surface.STOREFRONT


def first_segments(app: Flask) -> frozenset[str]:
    """Return every first path segment the platform routes: none of them may be an alias (decisions section 4)."""

    def first(rule: Rule) -> str:
        return rule.rule.lstrip("/").split("/", 1)[0]

    return frozenset(found for rule in app.url_map.iter_rules() if (found := first(rule)) and not found.startswith("<"))
