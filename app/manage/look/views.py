"""Look and home page of a reseller's storefront."""

from __future__ import annotations

from app.identity.permissions import Permission
from app.owner.home_page import home_pages
from app.owner.look import look_pages
from app.owner.scopes import Rights, owner_blueprint
from app.web.surfaces import Surface

bp = owner_blueprint("look", __name__, surface=Surface.MANAGE)

RIGHTS = Rights(Permission.MANAGE_LOOK, Permission.MANAGE_LOOK)
look_pages(bp, surface=Surface.MANAGE, rights=RIGHTS)
home_pages(bp, surface=Surface.MANAGE, rights=RIGHTS)
