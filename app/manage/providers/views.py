"""Sign-in providers of a reseller's storefront."""

from __future__ import annotations

from app.access.doors import STOREFRONT_DOOR
from app.identity.permissions import Permission
from app.owner.providers import provider_pages
from app.owner.scopes import Rights, owner_blueprint
from app.web.surfaces import Surface

bp = owner_blueprint("providers", __name__, surface=Surface.MANAGE)

provider_pages(
    bp,
    surface=Surface.MANAGE,
    door=STOREFRONT_DOOR,
    rights=Rights(Permission.MANAGE_SETTINGS, Permission.MANAGE_SETTINGS),
)
