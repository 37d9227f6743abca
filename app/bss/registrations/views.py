"""Registrations at the distributor's own storefront; those at a reseller's are the reseller's to decide (SF-05)."""

from __future__ import annotations

from app.identity.permissions import Permission
from app.owner.registrations import registration_pages
from app.owner.scopes import Rights, owner_blueprint
from app.web.surfaces import Surface

bp = owner_blueprint("registrations", __name__, surface=Surface.BSS)

registration_pages(bp, surface=Surface.BSS, rights=Rights(Permission.BSS_ACCOUNTS_VIEW, Permission.BSS_ACCOUNTS_EDIT))
