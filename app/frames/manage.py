"""The frame of a reseller's administration."""

from __future__ import annotations

from typing import Any

from flask import request, url_for

from app.access import Viewer
from app.frames.entries import Entry, Navigation, groups, items, may_open
from app.notifications.settings import find_mail_settings
from tenants.resolution import address_of
from themes.frames import FrameLinks

NAVIGATION: Navigation = (
    (None, (Entry("Overview", "manage_home.index", "home"),)),
    (
        "Selling",
        (
            Entry("Supplier catalogue", "manage_listings.index", "box"),
            Entry("Markups", "manage_prices.index", "tag"),
            Entry("Pending orders", "manage_orders.pending", "clock"),
            Entry("Orders", "manage_orders.index", "receipt"),
            Entry("Customers", "manage_customers.index", "users"),
            Entry("Registrations", "manage_registrations.index", "user"),
            Entry("Enquiries", "manage_enquiries.index", "mail"),
        ),
    ),
    (
        "Storefront",
        (
            Entry("General", "manage_settings.general", "settings"),
            Entry("Look and home page", "manage_look.index", "palette"),
            Entry("Sign-in providers", "manage_providers.index", "lock"),
            Entry("Company sign-in", "manage_company_sign_ins.index", "building"),
            Entry("Mail", "manage_mail.index", "mail"),
            Entry("API credentials", "manage_api.index", "plug"),
            Entry("History", "manage_history.index", "clock"),
        ),
    ),
)
ACCOUNT = (
    Entry("Users", "storefront_users.index", "users"),
    Entry("Change password", "storefront_sessions.own_password", "lock"),
    Entry("Sign-in and security", "storefront_sessions.security", "shield"),
    Entry("Distributor's storefront", "storefront_sessions.hop_back", "external"),
)


def manage_context(viewer: Viewer | None) -> dict[str, Any]:
    """Return what stands around a page of a reseller's administration."""
    return {
        "nav": groups(NAVIGATION, viewer),
        "account_nav": items(ACCOUNT, viewer),
        "links": FrameLinks(
            logout=url_for("storefront_sessions.logout") if viewer else None,
            view_storefront=request.script_root + "/",
        ),
        **_mail_notice(viewer),
    }


def _mail_notice(viewer: Viewer | None) -> dict[str, Any]:
    """Say on every page of a reseller's administration that no mail leaves, while that is so (RS-17)."""
    address = address_of(request.environ)
    if viewer is None or address is None or address.reseller_id is None or not may_open("manage_mail.index", viewer):
        return {}
    if request.blueprint == "manage_mail":  # says it itself
        return {}
    is_missing = find_mail_settings(address.reseller_id) is None
    return {"mail_settings_url": url_for("manage_mail.index") if is_missing else None}
