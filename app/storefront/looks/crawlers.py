"""What search engines may read of a storefront: nothing, unless its owner opened it and lets it be indexed (RS-14)."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response, render_template, url_for

from app.access import public
from app.catalogue.navigation import CategoryNode
from app.core.errors import NotFound
from app.frames import storefront_look
from app.frames.buying import assortment_of_request
from app.pricing.catalogue_page import offered_products
from app.storefront.shopping import buyer_of_request
from app.web.surfaces import Surface, surface_blueprint

bp = surface_blueprint("crawlers", __name__, surface=Surface.STOREFRONT, path="")

MOST_PRODUCTS = 5_000
PRIVATE = ("/basket", "/billing", "/bss", "/checkout", "/login", "/manage", "/orders", "/search")


def is_indexed() -> bool:
    """Whether search engines are welcome: only where visitors are."""
    settings = storefront_look().settings
    return settings.is_indexed and settings.anonymous_access


@bp.get("/robots.txt")
@public
def robots() -> Response:
    """Say what may be crawled."""
    home = url_for("storefront_home.index").rstrip("/")
    if is_indexed():
        lines = [f"Disallow: {home}{path}" for path in PRIVATE]
        lines.append(f"Sitemap: {url_for('.sitemap', _external=True)}")
    else:
        lines = [f"Disallow: {home}/"]
    return Response("\n".join(["User-agent: *", *lines, ""]), mimetype="text/plain")


@bp.get("/sitemap.xml")
@public
def sitemap() -> Response:
    """List the pages a visitor may read; there is no such list of a storefront that is not indexed."""
    if not is_indexed():
        raise NotFound("There is no such page")
    buyer = buyer_of_request()
    offers = offered_products(buyer, storefront_reseller_id=buyer.reseller_id, limit=MOST_PRODUCTS)
    pages = [
        url_for("storefront_home.index", _external=True),
        url_for("storefront_catalogue.index", _external=True),
        *(
            url_for("storefront_catalogue.index", category=slug, _external=True)
            for slug in _slugs(assortment_of_request().categories)
        ),
        *(url_for("storefront_catalogue.product", slug=offer.slug, _external=True) for offer in offers.items),
    ]
    return Response(render_template("storefront/looks/sitemap.xml", pages=pages), mimetype="application/xml")


def _slugs(nodes: Sequence[CategoryNode]) -> list[str]:
    return [slug for node in nodes for slug in (node.slug, *_slugs(node.children))]
