"""Enquiries in a reseller's storefront: its Admins and My Storefront Managers answer them (SF-18)."""

from __future__ import annotations

from app.identity.permissions import Permission
from app.owner.enquiries import enquiry_pages
from app.owner.scopes import Rights, owner_blueprint
from app.web.surfaces import Surface

bp = owner_blueprint("enquiries", __name__, surface=Surface.MANAGE)

enquiry_pages(bp, surface=Surface.MANAGE, rights=Rights(Permission.MANAGE_CUSTOMERS, Permission.MANAGE_CUSTOMERS))
