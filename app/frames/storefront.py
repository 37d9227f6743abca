"""The frame of a storefront: categories, basket, bell, footer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from flask import url_for

from app.access import Viewer
from app.frames.buying import assortment_of_request
from app.frames.entries import Entry, items, url_if_open
from app.identity.permissions import Permission
from app.orders.notices import Reader, ShopCounts, shop_counts
from app.pricing.offered import Shelf
from app.resellers.offers import is_any_plan_offered
from tenants.settings import StorefrontSettings
from themes.frames import FrameLinks, NavGroup, NavItem

FOOTER_CATEGORIES = 8
PLANS = "storefront_plans.index"
NOTICES = "storefront_notices.index"
ACCOUNT = (
    Entry("Billing", "storefront_billing.index", "receipt"),
    Entry("Users", "storefront_users.index", "users"),
    Entry("Single sign-on", "storefront_company_sign_in.index", "lock"),
    Entry("Reseller plans", PLANS, "star"),
    Entry("Manage storefront", "manage_home.index", "settings"),
    Entry("My storefront", "storefront_sessions.hop_out", "external"),
    Entry("My profile", "storefront_account.index", "user"),
    Entry("Change password", "storefront_sessions.own_password", "lock"),
    Entry("Sign-in and security", "storefront_sessions.security", "shield"),
)


def _account_entries(viewer: Viewer) -> tuple[Entry, ...]:
    """Plans are named only while some are on sale; who may not buy them costs no look-up (RS-07)."""
    if viewer.can(Permission.RESELLER_PLANS_BUY) and is_any_plan_offered():
        return ACCOUNT
    return tuple(entry for entry in ACCOUNT if entry.endpoint != PLANS)


CATALOGUE = "storefront_catalogue.index"
SHELF_WORDS = {
    Shelf.FEATURED: ("Featured", "star"),
    Shelf.NEW: ("New", "bell"),
    Shelf.POPULAR: ("Most popular", "activity"),
    Shelf.PROMOTED: ("Promoted", "gift"),
}


def _category_links() -> tuple[NavGroup, ...]:
    """Return the menu: special categories first, then what holds something for the viewer (SF-F33, SF-23)."""
    found = assortment_of_request()
    catalogue = url_for(CATALOGUE)
    special = [NavItem(*_named(shelf, catalogue)) for shelf in found.shelves]
    links = [NavItem(each.name, f"{catalogue}?category={quote(each.slug)}", each.icon) for each in found.categories]
    return (NavGroup((*special, NavItem("All products", catalogue, "grid"), *links)),)


def _named(shelf: Shelf, catalogue: str) -> tuple[str, str, str]:
    label, icon = SHELF_WORDS[shelf]
    return label, f"{catalogue}?shelf={shelf.value}", icon


def storefront_context(viewer: Viewer | None, settings: StorefrontSettings) -> dict[str, Any]:
    """Return what stands around a page of a storefront."""
    may_browse = viewer is not None or settings.anonymous_access
    nav = _category_links() if may_browse else ()
    return {
        "nav": nav,
        "account_nav": items(_account_entries(viewer), viewer) if viewer else [],
        "footer_nav": _footer(viewer, nav, settings),
        **(_shop_context(viewer) if viewer else {"basket_count": 0}),
        "links": FrameLinks(
            search=url_for("storefront_catalogue.search") if may_browse else None,
            basket=url_if_open("storefront_basket.index", viewer) if viewer else None,
            login=url_for("storefront_sessions.login"),
            logout=url_for("storefront_sessions.logout") if viewer else None,
            notifications=url_if_open(NOTICES, viewer) if viewer else None,
        ),
    }


def reader_of(viewer: Viewer) -> Reader:
    """Return whose bell it is: a person's session in one storefront."""
    if viewer.session_began_at is None:
        raise RuntimeError("Operators have no storefront")
    return Reader(viewer.user_id, viewer.realm_id, viewer.session_began_at, viewer.notices_seen_at)


def bell_context(counts: ShopCounts) -> dict[str, Any]:
    """Return what the bell shows; it looks again by itself while something is being set up (SF-34)."""
    return {
        "notification_count": counts.news,
        "notices_under_way": counts.under_way,
        "notices_poll_url": url_for("storefront_notices.bell") if counts.under_way else None,
    }


def _shop_context(viewer: Viewer) -> dict[str, Any]:
    counts = shop_counts(reader_of(viewer))
    return {"basket_count": counts.basket, **bell_context(counts)}


def _footer(viewer: Viewer | None, nav: Sequence[NavGroup], settings: StorefrontSettings) -> list[NavGroup]:
    """Return what stands at a storefront's foot: the shop, the viewer's own pages, how to reach its owner."""
    shop = [NavItem(item.label, item.url) for group in nav for item in group.items][:FOOTER_CATEGORIES]
    if viewer is None:
        own = [NavItem("Sign in", url_for("storefront_sessions.login"))]
    else:
        places = (Entry("Basket", "storefront_basket.index", "cart"), *ACCOUNT[:2])
        own = items(places, viewer)
    contact = []
    if settings.contact_email:
        contact.append(NavItem(settings.contact_email, f"mailto:{settings.contact_email}"))
    if settings.contact_phone:
        contact.append(NavItem(settings.contact_phone, "tel:" + settings.contact_phone.replace(" ", "")))
    groups = [NavGroup(shop, "Shop"), NavGroup(own, "Your account"), NavGroup(contact, "Contact")]
    return [group for group in groups if group.items]
