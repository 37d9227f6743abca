"""Everything about signing in that storefronts and the back office have alike: added to the blueprint of either."""

from __future__ import annotations

from flask import Blueprint

from app.access import doors, entrance, security
from app.access.doors import BOTH, SENT, Door, Route, View, add_views
from app.access.guards import public
from app.access.sso.routes import add_provider_views
from app.access.sso.sign_out import sign_out


def add_door_views(
    blueprint: Blueprint, door: Door, own: View, *, below: str = "", change_path: str = "/password"
) -> None:
    """Add the views of a realm's door, of one's own security and ways in, and of providers.

    `own` declares pages for people who are signed in; they stand below the path `below`, and there the change of one's
    own password at `change_path`.
    """
    add_views(blueprint, door, AT_THE_DOOR, public)
    add_views(blueprint, door, ((change_path, "own_password", BOTH, doors.show_own_password),), own, below=below)
    security.add_security_views(blueprint, door, own, below=below)
    add_provider_views(blueprint, door, own, below=below)


AT_THE_DOOR: tuple[Route, ...] = (
    ("/login", "login", BOTH, entrance.show_sign_in),
    ("/logout", "logout", SENT, sign_out),
    ("/activate/<token>", "activate", BOTH, doors.show_activation),
    ("/activate/<token>/resend", "resend", SENT, doors.resend),
    ("/password", "forgot", BOTH, doors.show_forgot),
    ("/password/<token>", "reset", BOTH, doors.show_reset),
)
