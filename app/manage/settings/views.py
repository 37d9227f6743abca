"""Settings → General of a reseller's storefront."""

from __future__ import annotations

from app.identity.permissions import Permission
from app.owner.general import general_pages
from app.owner.scopes import Rights, owner_blueprint
from app.web.surfaces import Surface

bp = owner_blueprint("settings", __name__, surface=Surface.MANAGE)

general_pages(
    bp,
    surface=Surface.MANAGE,
    rights=Rights(Permission.MANAGE_SETTINGS, Permission.MANAGE_SETTINGS),
    path="/general",
    endpoint="general",
)
