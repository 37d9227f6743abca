"""Whose brand a page wears: the published settings of the request's storefront."""

from __future__ import annotations

from flask import g, request, url_for

from app.access import current_viewer
from app.web.surfaces import Surface, surface_of_request
from tenants.directory import AddressKind, AddressMatch
from tenants.resolution import address_of
from tenants.settings import PublishedSettings, back_office_settings, published_settings
from themes.chosen import theme_of
from themes.frames import Look
from themes.registry import BASE_THEME, get_theme

PLATFORM_NAME = "Galleria"


def storefront_look() -> PublishedSettings:
    """Return the published settings of the request's storefront, read once per request; inside the back office its own.

    The distributor's storefront may be dressed as another shop: what it wears is no part of the back office, not even on
    the pages that stand in the scope of the distributor's own business and could read it.
    """
    if "look" not in g:
        address = address_of(request.environ)
        if address is None or address.storefront_id is None:
            wear(PublishedSettings())
        elif surface_of_request() is Surface.BSS and current_viewer() is not None:
            wear(back_office_settings())
        else:
            wear(published_settings(address.storefront_id))
    found: PublishedSettings = g.look
    return found


def wear(published: PublishedSettings) -> None:
    """Let the request's page wear these settings: brand, language, time zone and the way days are written."""
    g.look = published
    g.culture = published.settings.language.replace("-", "_")
    g.time_zone = published.settings.time_zone
    g.day_style = published.settings.date_format


def _image(image_id: str) -> str | None:
    return url_for("storefront_looks.image", image_id=image_id) if image_id else None


def _skin_url(published: PublishedSettings) -> str:
    """Return where the colours stand; a preview of a draft (app.owner.look) brings its own."""
    return str(g.get("preview_skin_url") or url_for("storefront_looks.skin", version=published.version))


def look_of(address: AddressMatch, published: PublishedSettings, *, is_storefront: bool) -> Look:
    """Return the brand of a page; the back office and `/manage` wear the base theme."""
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


def platform_look() -> Look:
    """Return the brand of the operator's console."""
    return Look(PLATFORM_NAME, request.script_root + "/", get_theme(BASE_THEME))
