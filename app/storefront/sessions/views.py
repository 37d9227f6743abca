"""Signing in to a storefront, at the root and under an alias; hops between the two for reseller staff."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote
from uuid import UUID

from flask import redirect, request
from flask.typing import ResponseReturnValue

from app.access import doors, entrance, permission_required, public, security, sign_in_required, signed_in_viewer
from app.access.sso.routes import add_provider_views
from app.access.sso.sign_out import sign_out
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


@bp.route("/login", methods=["GET", "POST"])
@public
def login() -> ResponseReturnValue:
    """Sign in with e-mail and password."""
    return entrance.show_sign_in(DOOR)


@bp.post("/logout")
@public
def logout() -> ResponseReturnValue:
    """Sign out."""
    return sign_out(DOOR)


@bp.route("/activate/<token>", methods=["GET", "POST"])
@public
def activate(token: str) -> ResponseReturnValue:
    """Choose the first password."""
    return doors.show_activation(DOOR, token)


@bp.post("/activate/<token>/resend")
@public
def resend(token: str) -> ResponseReturnValue:
    """Ask for a new activation link."""
    return doors.resend(DOOR, token)


@bp.route("/password", methods=["GET", "POST"])
@public
def forgot() -> ResponseReturnValue:
    """Ask for a reset link."""
    return doors.show_forgot(DOOR)


@bp.route("/password/<token>", methods=["GET", "POST"])
@public
def reset(token: str) -> ResponseReturnValue:
    """Choose a new password."""
    return doors.show_reset(DOOR, token)


@bp.route("/account/password", methods=["GET", "POST"])
@permission_required(Permission.OWN_DETAILS_EDIT)
def own_password() -> ResponseReturnValue:
    """Change one's own password."""
    return doors.show_own_password("storefront/sessions/own_password.html", DOOR.home)


security.add_security_views(bp, DOOR, permission_required(Permission.OWN_DETAILS_EDIT), below="/account")
add_provider_views(bp, DOOR, permission_required(Permission.OWN_DETAILS_EDIT), below="/account")


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
