"""Signing in to the back office with e-mail and password."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from app.access import doors, entrance, public, security, sign_in_required
from app.access.sso.routes import add_provider_views
from app.access.sso.sign_out import sign_out
from app.web.surfaces import Surface, surface_blueprint

bp = surface_blueprint("sessions", __name__, surface=Surface.BSS, path="")
DOOR = doors.BSS_DOOR


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


@bp.route("/own-password", methods=["GET", "POST"])
@sign_in_required
def own_password() -> ResponseReturnValue:
    """Change one's own password."""
    return doors.show_own_password("bss/sessions/own_password.html", DOOR.home)


security.add_security_views(bp, DOOR, sign_in_required)
add_provider_views(bp, DOOR, sign_in_required)
