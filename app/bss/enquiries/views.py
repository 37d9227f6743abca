"""Enquiries in the distributor's own storefront; those in a reseller's are the reseller's to answer (SF-18)."""

from __future__ import annotations

from app.identity.permissions import Permission
from app.owner.enquiries import enquiry_pages
from app.owner.scopes import Rights, owner_blueprint
from app.web.surfaces import Surface

bp = owner_blueprint("enquiries", __name__, surface=Surface.BSS)

enquiry_pages(bp, surface=Surface.BSS, rights=Rights(Permission.BSS_SUPPORT_VIEW, Permission.BSS_SUPPORT_EDIT))
