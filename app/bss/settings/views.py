"""The distributor's own storefront: General, look and home page. Resellers' storefronts are theirs to run."""

from __future__ import annotations

from app.identity.permissions import Permission
from app.owner.general import general_pages
from app.owner.home_page import home_pages
from app.owner.look import look_pages
from app.owner.scopes import Rights, owner_blueprint
from app.web.surfaces import Surface

bp = owner_blueprint("settings", __name__, surface=Surface.BSS)
look_bp = owner_blueprint("look", __name__, surface=Surface.BSS, path="/settings/look")

RIGHTS = Rights(Permission.BSS_SETUP_VIEW, Permission.BSS_SETUP_EDIT)
general_pages(bp, surface=Surface.BSS, rights=RIGHTS, path="", endpoint="index")
look_pages(look_bp, surface=Surface.BSS, rights=RIGHTS)
home_pages(look_bp, surface=Surface.BSS, rights=RIGHTS)
