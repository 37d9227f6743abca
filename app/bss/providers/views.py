"""Sign-in providers: those of the staff, and those of the distributor's own storefront."""

from __future__ import annotations

from app.access.doors import BSS_DOOR, STOREFRONT_DOOR
from app.identity.permissions import Permission
from app.owner.providers import provider_pages
from app.owner.scopes import Rights, owner_blueprint
from app.web.surfaces import Surface, surface_blueprint

bp = surface_blueprint("providers", __name__, surface=Surface.BSS)
storefront_bp = owner_blueprint("storefront_providers", __name__, surface=Surface.BSS)

RIGHTS = Rights(Permission.BSS_SETUP_VIEW, Permission.BSS_SETUP_EDIT)
provider_pages(bp, surface=Surface.BSS, door=BSS_DOOR, rights=RIGHTS)
provider_pages(storefront_bp, surface=Surface.BSS, door=STOREFRONT_DOOR, rights=RIGHTS)
