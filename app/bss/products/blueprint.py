"""The blueprint that the modules of this package fill, and what their pages share."""

from __future__ import annotations

from flask import url_for

from app.access import signed_in_viewer
from app.catalogue.bundles.services import is_bundle_type
from app.catalogue.models import Product
from app.catalogue.trial_resources import is_configurable
from app.frames.records import more_tabs, page_of
from app.identity.permissions import Permission
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb, NavItem

bp = surface_blueprint("products", __name__, surface=Surface.BSS)


def may_edit() -> bool:
    """Whether the viewer may change products."""
    return signed_in_viewer().can(Permission.BSS_CATALOGUE_EDIT)


def crumbs(product: Product, last: str | None = None) -> list[Crumb]:
    """Return the way from the list to a product's page, or to a page below it."""
    here = [Crumb("Products", url_for("bss_products.index"))]
    if last is None:
        return [*here, Crumb(product.name)]
    return [*here, Crumb(product.name, url_for("bss_products.detail", product_id=product.id)), Crumb(last)]


def tabs(product: Product, current: str) -> list[NavItem]:
    """Return the sections of a product that the viewer may open; `current` is the endpoint's own name."""
    viewer = signed_in_viewer()
    sections = {"detail": "Overview"}
    if viewer.can(Permission.BSS_PRICES_EDIT):
        sections["charges"] = "Charges"
    if viewer.can(Permission.BSS_CATALOGUE_EDIT):
        sections |= {"characteristics": "Characteristics", "relations": "Related products"}
        sections["material"] = "Page"
        if is_configurable(product):
            sections["trial"] = "Trial"
    if viewer.can(Permission.BSS_PRICES_EDIT) and is_bundle_type(product.product_type_id):
        sections["bundle"] = "Bundle"
    items = [
        NavItem(label, url_for(f"bss_products.{name}", product_id=product.id), is_current=name == current)
        for name, label in sections.items()
    ]
    if viewer.can(Permission.BSS_PRICES_EDIT):
        usage_url = url_for("bss_usage.rates", product_id=product.id)
        items.append(NavItem("Usage charges", usage_url, is_current=current == "usage"))
    return [*items, *more_tabs(page_of("product"), product.id, viewer)]
