"""What stands around a page: whose brand it wears, where its navigation leads, who looks at it.

One module per surface; `entries` decides which places are shown, `looks` whose brand it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask, g, request

from app.access import current_viewer
from app.frames.bss import bss_context
from app.frames.console import console_context
from app.frames.entries import may_open
from app.frames.looks import look_of, platform_look, storefront_look
from app.frames.manage import manage_context
from app.frames.storefront import bell_context, reader_of, storefront_context
from app.pricing.currencies import cultures_of_currencies
from app.web.formats import CURRENCY_CULTURES, LOCALE
from app.web.pages import Frame, install_frames
from app.web.surfaces import Surface, surface_of_request
from tenants.context import scope_or_none
from tenants.directory import AddressKind
from tenants.resolution import address_of
from themes.frames import Viewer

__all__ = ["bell_context", "install_page_frames", "may_open", "reader_of", "storefront_look"]

ADMIN = {Surface.BSS: bss_context, Surface.MANAGE: manage_context, Surface.PLATFORM: console_context}


def _initials(name: str) -> str:
    return "".join(part[0] for part in name.split()[:2]).upper()


def build_frame() -> Frame:
    """Return the frame of the request's surface and address."""
    address = address_of(request.environ)
    surface = surface_of_request()
    viewer = current_viewer()
    if address is None or address.kind is AddressKind.PLATFORM:
        look = platform_look()
        context: dict[str, Any] = console_context(viewer)
    else:
        published = storefront_look()
        is_storefront = surface is Surface.STOREFRONT or "preview_skin_url" in g
        look = look_of(address, published, is_storefront=is_storefront)
        context = storefront_context(viewer, published.settings) if is_storefront else ADMIN[surface](viewer)
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
