"""What stands around a page: whose brand it wears, where its navigation leads, who looks at it.

A navigation entry is shown when its page exists and the viewer may open it, by the page's own declared access.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app, g, request, url_for

from app.access import Viewer as SignedInViewer
from app.access import current_viewer
from app.catalogue.navigation import category_tree
from app.identity.permissions import Permission
from app.notifications.settings import find_mail_settings
from app.orders.notices import Reader, ShopCounts, shop_counts
from app.orders.queries import count_pending_approval
from app.pricing.currencies import cultures_of_currencies
from app.resellers.offers import is_any_plan_offered
from app.web.formats import CURRENCY_CULTURES, LOCALE
from app.web.pages import Frame, install_frames
from app.web.surfaces import Surface, surface_of_request
from tenants.changes import Kept
from tenants.context import scope_or_none
from tenants.directory import AddressKind, AddressMatch
from tenants.resolution import address_of
from tenants.settings import PublishedSettings, StorefrontSettings, published_settings
from themes.chosen import theme_of
from themes.frames import FrameLinks, Look, NavGroup, NavItem, Viewer
from themes.registry import BASE_THEME, get_theme

PLATFORM_NAME = "Galleria"
FOOTER_CATEGORIES = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """One place of a navigation: its page's endpoint."""

    label: str
    endpoint: str
    icon: str


BSS_NAVIGATION: tuple[tuple[str | None, tuple[Entry, ...]], ...] = (
    (None, (Entry("Home", "bss_home.index", "home"),)),
    (
        "Sales",
        (
            Entry("Accounts", "bss_accounts.index", "building"),
            Entry("Registrations", "bss_registrations.index", "user"),
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
            Entry("Currencies", "bss_currencies.index", "card"),
            Entry("Service managers", "bss_provisioning.managers", "plug"),
            Entry("Asset fields", "bss_asset_fields.index", "box"),
            Entry("Orders and offers", "bss_order_settings.index", "sliders"),
            Entry("Order statuses", "bss_order_statuses.index", "list"),
            Entry("Offer statuses", "bss_offer_statuses.index", "list"),
            Entry("Users", "bss_users.index", "users"),
            Entry("Roles", "bss_roles.index", "shield"),
            Entry("Teams", "bss_teams.index", "users"),
            Entry("Addresses", "bss_addresses.index", "globe"),
            Entry("API credentials", "bss_api_clients.index", "plug"),
            Entry("Settings", "bss_settings.index", "settings"),
            Entry("Staff sign-in", "bss_providers.index", "lock"),
            Entry("Storefront sign-in", "bss_storefront_providers.index", "lock"),
            Entry("Audit log", "bss_audit.index", "shield"),
        ),
    ),
)
BSS_CREATE = (
    Entry("Account", "bss_accounts.new", "building"),
    Entry("Product", "bss_products.new", "box"),
)
MANAGE_NAVIGATION: tuple[tuple[str | None, tuple[Entry, ...]], ...] = (
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
        ),
    ),
    (
        "Storefront",
        (
            Entry("General", "manage_settings.general", "settings"),
            Entry("Look and home page", "manage_look.index", "palette"),
            Entry("Sign-in providers", "manage_providers.index", "lock"),
            Entry("Mail", "manage_mail.index", "mail"),
            Entry("API credentials", "manage_api.index", "plug"),
        ),
    ),
)
PLANS = "storefront_plans.index"
NOTICES = "storefront_notices.index"
STOREFRONT_ACCOUNT = (
    Entry("Billing", "storefront_billing.index", "receipt"),
    Entry("Users", "storefront_users.index", "users"),
    Entry("Reseller plans", PLANS, "star"),
    Entry("Manage storefront", "manage_home.index", "settings"),
    Entry("My storefront", "storefront_sessions.hop_out", "external"),
    Entry("Change password", "storefront_sessions.own_password", "lock"),
    Entry("Sign-in and security", "storefront_sessions.security", "shield"),
)
ADMIN_ACCOUNT: dict[Surface, tuple[Entry, ...]] = {
    Surface.MANAGE: (
        Entry("Users", "storefront_users.index", "users"),
        Entry("Change password", "storefront_sessions.own_password", "lock"),
        Entry("Sign-in and security", "storefront_sessions.security", "shield"),
        Entry("Distributor's storefront", "storefront_sessions.hop_back", "external"),
    ),
    Surface.BSS: (
        Entry("Change password", "bss_sessions.own_password", "lock"),
        Entry("Sign-in and security", "bss_sessions.security", "shield"),
    ),
    Surface.PLATFORM: (),
}
CONSOLE_NAVIGATION: tuple[tuple[str | None, tuple[Entry, ...]], ...] = (
    (None, (Entry("Distributors", "platform_distributors.index", "building"),)),
)

ENTERED = frozenset(
    entry.endpoint
    for navigation in (BSS_NAVIGATION, MANAGE_NAVIGATION, CONSOLE_NAVIGATION)
    for _, entries in navigation
    for entry in entries
)


def may_open(endpoint: str, viewer: SignedInViewer | None) -> bool:
    """Return whether the page exists and its declared access admits the viewer."""
    view = current_app.view_functions.get(endpoint)
    if view is None:
        return False
    access = getattr(view, "access", None)
    if isinstance(access, Permission):
        return viewer is not None and viewer.can(access)
    return access == "public" or viewer is not None


def _items(entries: tuple[Entry, ...], viewer: SignedInViewer | None) -> list[NavItem]:
    return [
        NavItem(
            entry.label,
            url_for(entry.endpoint),
            entry.icon,
            is_current=_is_current(entry.endpoint),
            badge=_badge(entry.endpoint),
        )
        for entry in entries
        if may_open(entry.endpoint, viewer)
    ]


def _badge(endpoint: str) -> str | None:
    """Return how much waits behind an entry: the approval queue of a reseller (RS-25)."""
    waiting = count_pending_approval() if endpoint == "manage_orders.pending" else 0
    return str(waiting) if waiting else None


def _is_current(endpoint: str) -> bool:
    """Whether an entry leads to this page, or to the list this page belongs to; the page's own entry goes first."""
    here = request.endpoint or ""
    if here in ENTERED:
        return here == endpoint
    return endpoint.endswith(".index") and here.partition(".")[0] == endpoint.partition(".")[0]


def _account_entries(viewer: SignedInViewer) -> tuple[Entry, ...]:
    """Plans are named only while some are on sale; who may not buy them costs no look-up (RS-07)."""
    if viewer.can(Permission.RESELLER_PLANS_BUY) and is_any_plan_offered():
        return STOREFRONT_ACCOUNT
    return tuple(entry for entry in STOREFRONT_ACCOUNT if entry.endpoint != PLANS)


def _groups(
    navigation: tuple[tuple[str | None, tuple[Entry, ...]], ...], viewer: SignedInViewer | None
) -> list[NavGroup]:
    groups = [NavGroup(_items(entries, viewer), label) for label, entries in navigation]
    return [group for group in groups if group.items]


def _url(endpoint: str, viewer: SignedInViewer | None) -> str | None:
    return url_for(endpoint) if may_open(endpoint, viewer) else None


def storefront_look() -> PublishedSettings:
    """Return the published settings of the request's storefront, read once per request."""
    if "look" not in g:
        address = address_of(request.environ)
        g.look = (
            PublishedSettings()
            if address is None or address.storefront_id is None
            else published_settings(address.storefront_id)
        )
        g.culture = g.look.settings.language.replace("-", "_")
        g.time_zone = g.look.settings.time_zone
    found: PublishedSettings = g.look
    return found


def _image(image_id: str) -> str | None:
    return url_for("storefront_looks.image", image_id=image_id) if image_id else None


def _skin_url(published: PublishedSettings) -> str:
    """Return where the colours stand; a preview of a draft (app.owner.look) brings its own."""
    return str(g.get("preview_skin_url") or url_for("storefront_looks.skin", version=published.version))


def _look(address: AddressMatch, published: PublishedSettings, *, is_storefront: bool) -> Look:
    settings = published.settings
    has_credit = address.kind is AddressKind.ALIAS and (address.edition == "free" or settings.show_powered_by)
    return Look(
        name=settings.company_name or (address.alias or "" if address.reseller_id else address.distributor_name),
        home_url=request.script_root + "/",
        theme=theme_of(settings) if is_storefront else get_theme(BASE_THEME),
        skin_url=_skin_url(published) if is_storefront else None,
        logo_url=_image(settings.logo_image_id),
        favicon_url=_image(settings.favicon_image_id),
        footer_text=settings.footer_text or None,
        powered_by=address.distributor_name if has_credit else None,
        is_root=address.kind is AddressKind.ROOT,
        is_indexed=settings.is_indexed and settings.anonymous_access,
        skin=settings.skin,
        heading=settings.login_heading or None,
        text=settings.login_text or None,
        background_url=_image(settings.login_image_id),
    )


def _initials(name: str) -> str:
    return "".join(part[0] for part in name.split()[:2]).upper()


_CATEGORY_LINKS: Kept[tuple[NavGroup, ...]] = Kept(20_000, by_account=False)


def _category_links() -> tuple[NavGroup, ...]:
    catalogue = "storefront_catalogue.index"
    links = [
        NavItem(category.name, url_for(catalogue, category=category.slug), category.icon)
        for category in category_tree()
    ]
    return (NavGroup((NavItem("All products", url_for(catalogue), "grid"), *links)),)


def _storefront_context(viewer: SignedInViewer | None, settings: StorefrontSettings) -> dict[str, Any]:
    may_browse = viewer is not None or settings.anonymous_access
    nav = _CATEGORY_LINKS.of(request.script_root, _category_links) if may_browse else ()
    return {
        "nav": nav,
        "account_nav": _items(_account_entries(viewer), viewer) if viewer else [],
        "footer_nav": _footer(viewer, nav, settings),
        **(_shop_context(viewer) if viewer else {"basket_count": 0}),
        "links": FrameLinks(
            search=url_for("storefront_catalogue.search") if may_browse else None,
            basket=_url("storefront_basket.index", viewer) if viewer else None,
            login=url_for("storefront_sessions.login"),
            logout=url_for("storefront_sessions.logout") if viewer else None,
            notifications=_url(NOTICES, viewer) if viewer else None,
        ),
    }


def reader_of(viewer: SignedInViewer) -> Reader:
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


def _shop_context(viewer: SignedInViewer) -> dict[str, Any]:
    counts = shop_counts(reader_of(viewer))
    return {"basket_count": counts.basket, **bell_context(counts)}


def _footer(viewer: SignedInViewer | None, nav: Sequence[NavGroup], settings: StorefrontSettings) -> list[NavGroup]:
    """Return what stands at a storefront's foot: the shop, the viewer's own pages, how to reach its owner."""
    shop = [NavItem(item.label, item.url) for group in nav for item in group.items][:FOOTER_CATEGORIES]
    if viewer is None:
        own = [NavItem("Sign in", url_for("storefront_sessions.login"))]
    else:
        places = (Entry("Basket", "storefront_basket.index", "cart"), *STOREFRONT_ACCOUNT[:2])
        own = _items(places, viewer)
    contact = []
    if settings.contact_email:
        contact.append(NavItem(settings.contact_email, f"mailto:{settings.contact_email}"))
    if settings.contact_phone:
        contact.append(NavItem(settings.contact_phone, "tel:" + settings.contact_phone.replace(" ", "")))
    groups = [NavGroup(shop, "Shop"), NavGroup(own, "Your account"), NavGroup(contact, "Contact")]
    return [group for group in groups if group.items]


def _admin_context(surface: Surface, viewer: SignedInViewer | None) -> dict[str, Any]:
    own: dict[str, Any] = {}
    searches: dict[str, str | None] = {}
    if surface is Surface.MANAGE:
        own = _manage_context(viewer)
        navigation, logout, visit = MANAGE_NAVIGATION, "storefront_sessions.logout", request.script_root + "/"
    elif surface is Surface.BSS:
        navigation, logout, visit = BSS_NAVIGATION, "bss_sessions.logout", request.script_root + "/"
        searches = {
            "search": _url("bss_search.index", viewer),
            "palette": _url("bss_search.palette", viewer),
            "history": _url("bss_audit.index", viewer),
        }
        own["create_nav"] = _items(BSS_CREATE, viewer)
    else:
        navigation, logout, visit = CONSOLE_NAVIGATION, "platform_sessions.logout", None
    return {
        "nav": _groups(navigation, viewer),
        "account_nav": _items(ADMIN_ACCOUNT[surface], viewer),
        "links": FrameLinks(logout=url_for(logout) if viewer else None, view_storefront=visit, **searches),
        **own,
    }


def _manage_context(viewer: SignedInViewer | None) -> dict[str, Any]:
    """Say on every page of a reseller's administration that no mail leaves, while that is so (RS-17)."""
    address = address_of(request.environ)
    if viewer is None or address is None or address.reseller_id is None or not may_open("manage_mail.index", viewer):
        return {}
    if request.blueprint == "manage_mail":  # says it itself
        return {}
    is_missing = find_mail_settings(address.reseller_id) is None
    return {"mail_settings_url": url_for("manage_mail.index") if is_missing else None}


def build_frame() -> Frame:
    """Return the frame of the request's surface and address."""
    address = address_of(request.environ)
    surface = surface_of_request()
    viewer = current_viewer()
    if address is None or address.kind is AddressKind.PLATFORM:
        look = Look(PLATFORM_NAME, request.script_root + "/", get_theme(BASE_THEME))
        context: dict[str, Any] = _admin_context(Surface.PLATFORM, viewer)
    else:
        published = storefront_look()
        is_storefront = surface is Surface.STOREFRONT or "preview_skin_url" in g
        look = _look(address, published, is_storefront=is_storefront)
        context = _storefront_context(viewer, published.settings) if is_storefront else _admin_context(surface, viewer)
    context["storefront"] = look
    context["lang"] = g.get("culture", "en").replace("_", "-")
    context["viewer"] = Viewer(viewer.name, _initials(viewer.name), viewer.email) if viewer else None
    return Frame(look.theme.name, context)


def install_page_frames(app: Flask) -> None:
    """Let pages be rendered in their frames."""
    install_frames(app, build_frame)
    app.extensions[LOCALE] = storefront_look
    app.extensions[CURRENCY_CULTURES] = _currency_cultures


def _currency_cultures() -> Mapping[str, str]:
    """Return how the distributor of this request writes its currencies; the console has none."""
    return cultures_of_currencies() if scope_or_none() is not None else {}
