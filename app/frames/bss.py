"""The frame of the back office."""

from __future__ import annotations

from typing import Any

from flask import request, url_for

from app.access import Viewer
from app.frames.entries import Entry, Navigation, groups, items, url_if_open
from app.frames.records import record_tabs
from themes.frames import FrameLinks

NAVIGATION: Navigation = (
    (None, (Entry("Home", "bss_home.index", "home"),)),
    (
        "Sales",
        (
            Entry("Accounts", "bss_accounts.index", "building"),
            Entry("Registrations", "bss_registrations.index", "user"),
            Entry("Enquiries", "bss_enquiries.index", "mail"),
            Entry("Offers", "bss_offers.index", "percent"),
            Entry("Orders", "bss_orders.index", "receipt"),
            Entry("Subscriptions", "bss_subscriptions.index", "repeat"),
            Entry("Calendar", "bss_calendar.index", "calendar"),
            Entry("Trials", "bss_trials.index", "clock"),
            Entry("Assets", "bss_assets.index", "box"),
            Entry("Price protection", "bss_subscription_prices.index", "lock"),
        ),
    ),
    (
        "Catalogue",
        (
            Entry("Products", "bss_products.index", "box"),
            Entry("Product types", "bss_product_types.index", "layers"),
            Entry("Product groups", "bss_groups.index", "grid"),
            Entry("Categories", "bss_categories.index", "folder"),
            Entry("Industries", "bss_industries.index", "building"),
            Entry("Special categories", "bss_shelves.index", "star"),
            Entry("Price lists", "bss_price_lists.index", "tag"),
            Entry("Promotions", "bss_promotions.index", "gift"),
            Entry("Imports", "bss_imports.index", "upload"),
            Entry("Product files", "bss_product_files.index", "upload"),
            Entry("Vendor catalogues", "bss_vendor_runs.index", "download"),
        ),
    ),
    (
        "Billing and operations",
        (
            Entry("Invoices", "bss_invoices.index", "file"),
            Entry("Usage data", "bss_usage.index", "activity"),
            Entry("Provisioning", "bss_provisioning.index", "activity"),
            Entry("Reconciliation", "bss_reconciliation.index", "refresh"),
            Entry("Mail", "bss_mail.index", "mail"),
        ),
    ),
    (
        "Setup",
        (
            Entry("Reseller plans", "bss_plans.index", "star"),
            Entry("Terms and billing", "bss_units.index", "repeat"),
            Entry("Currencies", "bss_currencies.index", "card"),
            Entry("Service managers", "bss_provisioning.managers", "plug"),
            Entry("Custom fields", "bss_asset_fields.index", "box"),
            Entry("Orders and offers", "bss_order_settings.index", "sliders"),
            Entry("Order statuses", "bss_order_statuses.index", "list"),
            Entry("Offer statuses", "bss_offer_statuses.index", "list"),
            Entry("Offer templates", "bss_offer_templates.index", "file"),
            Entry("Users", "bss_users.index", "users"),
            Entry("Roles", "bss_roles.index", "shield"),
            Entry("Teams", "bss_teams.index", "users"),
            Entry("Permission rules", "bss_permission_rules.index", "shield"),
            Entry("Addresses", "bss_addresses.index", "globe"),
            Entry("API credentials", "bss_api_clients.index", "plug"),
            Entry("Settings", "bss_settings.index", "settings"),
            Entry("Staff sign-in", "bss_providers.index", "lock"),
            Entry("Storefront sign-in", "bss_storefront_providers.index", "lock"),
            Entry("Company sign-in", "bss_company_sign_ins.index", "building"),
            Entry("Audit log", "bss_audit.index", "shield"),
        ),
    ),
)
CREATE = (
    Entry("Account", "bss_accounts.new", "building"),
    Entry("Product", "bss_products.new", "box"),
)
ACCOUNT = (
    Entry("Change password", "bss_sessions.own_password", "lock"),
    Entry("Sign-in and security", "bss_sessions.security", "shield"),
)


def bss_context(viewer: Viewer | None) -> dict[str, Any]:
    """Return what stands around a page of the back office."""
    return {
        "nav": groups(NAVIGATION, viewer),
        "account_nav": items(ACCOUNT, viewer),
        "create_nav": items(CREATE, viewer),
        "record_tabs": record_tabs(viewer),
        "links": FrameLinks(
            logout=url_for("bss_sessions.logout") if viewer else None,
            view_storefront=request.script_root + "/",
            search=url_if_open("bss_search.index", viewer),
            palette=url_if_open("bss_search.palette", viewer),
            history=url_if_open("bss_audit.index", viewer),
        ),
    }
