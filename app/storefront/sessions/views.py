"""Signing in to a storefront, at the root and under an alias; hops between the two for reseller staff."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote
from uuid import UUID

from flask import redirect, request
from flask.typing import ResponseReturnValue

from app.access import doors, permission_required, public, sign_in_required, signed_in_viewer
from app.access.door_routes import add_door_views
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.identity.errors import NoOwnStorefront
from app.identity.hops import start_hop
from app.identity.permissions import Permission
from app.identity.realms import Person, root_realm
from app.web.surfaces import Surface, surface_blueprint
from tenants.links import storefront_url

bp = surface_blueprint("sessions", __name__, surface=Surface.STOREFRONT, path="")
DOOR = doors.STOREFRONT_DOOR


add_door_views(bp, DOOR, permission_required(Permission.OWN_DETAILS_EDIT), below="/account")


@bp.get("/hop")
@permission_required(Permission.STOREFRONT_HOP)
def hop_out() -> ResponseReturnValue:
    """Take a reseller's staff from the root to their own storefront, without a second sign-in."""
    viewer = signed_in_viewer()
    if viewer.own_storefront_id is None:
        raise NoOwnStorefront
    return _hop(viewer.own_storefront_id)


@bp.get("/hop/back")
@sign_in_required
def hop_back() -> ResponseReturnValue:
    """Take a reseller's staff from their own storefront to the root."""
    return _hop(root_realm())


@bp.route("/hop/<token>", methods=["GET", "POST"])
@public
def hop(token: str) -> ResponseReturnValue:
    """Land: the link works once, for a minute."""
    return doors.land(DOOR, token)


def _hop(to_realm_id: UUID) -> ResponseReturnValue:
    viewer = signed_in_viewer()
    if viewer.kind is None:
        raise NoOwnStorefront
    person = Person(viewer.kind, viewer.reseller_id, viewer.account_id)
    with unit_of_work():
        token = start_hop(viewer.user_id, person, to_realm_id, at=utc_now())
    wanted = request.args.get("next", "")
    query = f"?next={quote(wanted)}" if wanted else ""
    return redirect(storefront_url(to_realm_id, f"/hop/{token}{query}"), code=HTTPStatus.SEE_OTHER)
