"""Whose storefront an owner's page is about, and the scope its rows need."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from flask import Blueprint

from app.access import current_address, signed_in_viewer
from app.audit.services import Actor
from app.identity.permissions import Permission
from app.web.surfaces import Surface, surface_blueprint
from tenants.context import current_scope, direct_business_scope, enter_scope


@dataclass(frozen=True, slots=True)
class Rights:
    """Who may look at an owner's pages, and who may change something there."""

    view: Permission
    edit: Permission


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner of the request's storefront; `reseller_id` None is the distributor."""

    reseller_id: UUID | None
    storefront_id: UUID


def owner_blueprint(noun: str, import_name: str, *, surface: Surface, path: str | None = None) -> Blueprint:
    """Return a blueprint whose requests run in the scope of the storefront's owner.

    A reseller's staff are in it already. The back office sees all resellers, but storefront settings are private to
    their owner: it enters the distributor's own business here, and sees nobody else's look or mail.
    """
    blueprint = surface_blueprint(noun, import_name, surface=surface, path=path)
    if surface is Surface.BSS:
        blueprint.before_request(_enter_own_business)
    return blueprint


def _enter_own_business() -> None:
    here = current_scope()
    enter_scope(replace(direct_business_scope(here.distributor_id), rules=here.rules))


def owner_of_request() -> Owner:
    """Return whose storefront the request is about."""
    address = current_address()
    if address.storefront_id is None:
        raise RuntimeError("The console owns no storefront")
    return Owner(address.reseller_id, address.storefront_id)


def acting() -> Actor:
    """Return who acts, for the audit trail."""
    return signed_in_viewer().actor


def frame_of(surface: Surface) -> str:
    """Return the frame an owner's page stands in."""
    return f"frames/{surface.value}.html"
