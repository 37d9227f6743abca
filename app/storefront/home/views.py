"""The home page: sections in the owner's order, filled with what the storefront offers this visitor."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from flask import url_for
from flask.typing import ResponseReturnValue

from app.access import catalogue_access
from app.core.ids import parse_id
from app.frames import storefront_look
from app.frames.buying import assortment_of_request
from app.pricing.catalogue_page import Offer, offered_products
from app.pricing.offered import Shelf
from app.storefront.kept_pages import kept_for_visitors
from app.storefront.shopping import buyer_of_request, shows_prices, today
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from tenants.settings import Banner, HomeSection

bp = surface_blueprint("home", __name__, surface=Surface.STOREFRONT, path="")

SHELF = 8
SHELVES = {
    "featured": Shelf.FEATURED,
    "new": Shelf.NEW,
    "popular": Shelf.POPULAR,
    "promoted": Shelf.PROMOTED,
    "products": Shelf.CHOSEN,
}


@dataclass(frozen=True, slots=True)
class ShownBanner:
    """A banner as the page draws it."""

    image_url: str
    alt: str
    heading: str
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class ShownSection:
    """A section with what stands in it; an empty shelf is not shown."""

    section: HomeSection
    offers: tuple[Offer, ...] = ()
    banners: tuple[ShownBanner, ...] = field(default=())
    image_url: str | None = None


def is_running(banner: Banner, on: date) -> bool:
    """Whether a banner's dates include a day."""
    return (not banner.valid_from or banner.valid_from <= on.isoformat()) and (
        not banner.valid_to or on.isoformat() <= banner.valid_to
    )


@bp.get("/")
@catalogue_access
@kept_for_visitors
def index() -> ResponseReturnValue:
    """Show the home page."""
    settings = storefront_look().settings
    shown = [_filled(section) for section in settings.sections if section.is_visible]
    return page(
        "storefront/home/index.html",
        title="",
        sections=[each for each in shown if each is not None],
        categories=assortment_of_request().categories,
        settings=settings,
        shows_prices=shows_prices(),
    )


def _filled(section: HomeSection) -> ShownSection | None:
    settings = storefront_look().settings
    if section.kind == "banners":
        banners = tuple(_shown(banner) for banner in settings.banners if is_running(banner, today()))
        return ShownSection(section, banners=banners) if banners else None
    if section.kind in SHELVES:
        offers = _offers(section)
        return ShownSection(section, offers=offers) if offers else None
    return ShownSection(section, image_url=_image(section.image_id))


def _offers(section: HomeSection) -> tuple[Offer, ...]:
    buyer = buyer_of_request()
    shelf = SHELVES[section.kind]
    chosen: list[UUID] = [found for text in section.product_ids if (found := parse_id(text)) is not None]
    offers = offered_products(
        buyer, storefront_reseller_id=buyer.reseller_id, shelf=shelf, chosen=chosen, limit=SHELF
    ).items
    if shelf is not Shelf.CHOSEN:
        return offers
    return tuple(sorted(offers, key=lambda offer: chosen.index(offer.id)))


def _image(image_id: str) -> str | None:
    return url_for("storefront_looks.image", image_id=image_id) if image_id else None


def _shown(banner: Banner) -> ShownBanner:
    link = banner.link
    if link.startswith("/"):
        link = url_for(".index").rstrip("/") + link
    return ShownBanner(_image(banner.image_id) or "", banner.alt_text, banner.heading, banner.text, link)
