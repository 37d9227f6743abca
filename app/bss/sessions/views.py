"""Signing in to the back office with e-mail and password, or through a provider of the distributor's."""

from __future__ import annotations

from app.access import sign_in_required
from app.access.door_routes import add_door_views
from app.access.doors import BSS_DOOR
from app.web.surfaces import Surface, surface_blueprint

bp = surface_blueprint("sessions", __name__, surface=Surface.BSS, path="")

add_door_views(bp, BSS_DOOR, sign_in_required, change_path="/own-password")
