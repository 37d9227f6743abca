"""Registrations at a reseller's storefront: its Admins and My Storefront Managers decide (SF-05)."""

from __future__ import annotations

from app.identity.permissions import Permission
from app.owner.registrations import registration_pages
from app.owner.scopes import Rights, owner_blueprint
from app.web.surfaces import Surface

bp = owner_blueprint("registrations", __name__, surface=Surface.MANAGE)

registration_pages(bp, surface=Surface.MANAGE, rights=Rights(Permission.MANAGE_CUSTOMERS, Permission.MANAGE_CUSTOMERS))
