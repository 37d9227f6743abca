"""Company sign-in at a reseller's storefront."""

from __future__ import annotations

from app.identity.permissions import Permission
from app.owner.company_sign_ins import company_sign_in_pages
from app.owner.scopes import Rights, owner_blueprint
from app.web.surfaces import Surface

bp = owner_blueprint("company_sign_ins", __name__, surface=Surface.MANAGE, path="/company-sign-in")

company_sign_in_pages(bp, surface=Surface.MANAGE, rights=Rights(Permission.MANAGE_SETTINGS, Permission.MANAGE_SETTINGS))
