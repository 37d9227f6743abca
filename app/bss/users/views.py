"""The distributor's own people and their roles (BC-02, BC-03)."""

from __future__ import annotations

from uuid import UUID

from flask.typing import ResponseReturnValue

from app.access import people, permission_required, signed_in_viewer
from app.identity.models import UserKind
from app.identity.permissions import Permission
from app.identity.realms import Person
from app.web.surfaces import Surface, surface_blueprint

bp = surface_blueprint("users", __name__, surface=Surface.BSS, path="/users")


def _desk() -> people.Desk:
    return people.Desk("bss_users", "bss/users", Person(UserKind.BSS, None, None), signed_in_viewer().realm_id)


@bp.get("")
@permission_required(Permission.BSS_USERS_MANAGE)
def index() -> ResponseReturnValue:
    """List the people."""
    return people.show_list(_desk())


@bp.route("/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_USERS_MANAGE)
def add() -> ResponseReturnValue:
    """Add a person."""
    return people.show_add(_desk())


@bp.route("/<uuid:user_id>", methods=["GET", "POST"])
@permission_required(Permission.BSS_USERS_MANAGE)
def edit(user_id: UUID) -> ResponseReturnValue:
    """Change a person."""
    return people.show_edit(_desk(), user_id)


@bp.post("/<uuid:user_id>/deactivate")
@permission_required(Permission.BSS_USERS_MANAGE)
def deactivate(user_id: UUID) -> ResponseReturnValue:
    """End a person's access."""
    return people.deactivate(_desk(), user_id)


@bp.post("/<uuid:user_id>/activate")
@permission_required(Permission.BSS_USERS_MANAGE)
def activate(user_id: UUID) -> ResponseReturnValue:
    """Give a person access."""
    return people.activate(_desk(), user_id)


@bp.post("/<uuid:user_id>/resend")
@permission_required(Permission.BSS_USERS_MANAGE)
def resend(user_id: UUID) -> ResponseReturnValue:
    """Mail a new activation link."""
    return people.resend(_desk(), user_id)


@bp.post("/<uuid:user_id>/reset")
@permission_required(Permission.BSS_USERS_MANAGE)
def reset(user_id: UUID) -> ResponseReturnValue:
    """Unlock a person and mail a reset link."""
    return people.reset(_desk(), user_id)


@bp.post("/<uuid:user_id>/sign-out")
@permission_required(Permission.BSS_USERS_MANAGE)
def sign_out(user_id: UUID) -> ResponseReturnValue:
    """End a person's sessions."""
    return people.sign_out(_desk(), user_id)
