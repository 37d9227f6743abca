"""Catalogue by category and group, search, and a product's page. State is in the address, so that it can be shared."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from flask import request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.access import catalogue_access
from app.catalogue.characteristics import compared_of, value_words
from app.catalogue.groupings import comparison_of
from app.catalogue.models import Product, ProductGroup
from app.catalogue.navigation import CategoryNode, IndustryChoice, category_by_slug, category_tree, industry_choices
from app.catalogue.queries import products_with_types
from app.core.db import session
from app.core.errors import NotFound
from app.core.ids import parse_id
from app.frames.storefront import SHELF_WORDS
from app.pricing.catalogue_page import OfferPage, offered_products
from app.pricing.menus import stocked_tree
from app.pricing.offered import Shelf, Sort
from app.pricing.search import MOST_BY_PRICE, Found, Search, search_products
from app.storefront.basket.forms import AddForm
from app.storefront.catalogue.product_page import product_page
from app.storefront.kept_pages import kept_for_visitors
from app.storefront.shopping import buyer_of_request, shows_prices
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from tenants.context import current_scope
from themes.frames import Crumb

bp = surface_blueprint("catalogue", __name__, surface=Surface.STOREFRONT, path="")

PAGE = 24
LONGEST_SEARCH, LAST_PAGE = 100, 200
APPS = "apps"
SORT_WORDS: Mapping[Sort, str] = MappingProxyType(
    {Sort.RELEVANCE: "Relevance", Sort.NAME: "Name", Sort.PRICE: "Price", Sort.NEWEST: "Newest"}
)
FEWEST_COMPARED = 2
# Shelves are short, and shown whole (SF-07).
SHELF_SIZES: Mapping[Shelf | None, int] = MappingProxyType(
    {Shelf.FEATURED: 24, Shelf.NEW: PAGE, Shelf.POPULAR: 12, Shelf.PROMOTED: PAGE}
)


def _after() -> tuple[str, UUID] | None:
    """Read where a page starts: the name and id of the last product before it."""
    name, found = request.args.get("after", ""), parse_id(request.args.get("after_id", ""))
    return (name[:255], found) if name and found else None


def _next_url(found: OfferPage, **values: Any) -> str | None:
    if not found.has_more:
        return None
    last = found.items[-1]
    return url_for(request.endpoint or "", **values, after=last.name, after_id=last.id)


def _first_url(**values: Any) -> str | None:
    """Return the way back to the first page, from a later one."""
    return url_for(request.endpoint or "", **values) if request.args.get("after") else None


def _category() -> CategoryNode | None:
    """Read which category is asked for; raises NotFound."""
    slug = request.args.get("category", "")
    return category_by_slug(category_tree(), slug) if slug else None


def _industry() -> IndustryChoice | None:
    """Read which industry is asked for; raises NotFound."""
    wanted = request.args.get("industry", "")
    found = next((each for each in industry_choices() if each.slug == wanted), None)
    if wanted and found is None:
        raise NotFound("There is no such industry")
    return found


def _filters(category: CategoryNode | None, industry: IndustryChoice | None) -> dict[str, str]:
    """Return what of the address narrows a list."""
    found = {
        "category": category.slug if category else "",
        "industry": industry.slug if industry else "",
        "show": APPS if _without_add_ons() else "",
    }
    return {name: slug for name, slug in found.items() if slug}


def _sort(*, tells_prices: bool) -> Sort:
    """Read what is sorted by; where prices are not shown, their order is not told either."""
    wanted = next((sort for sort in Sort if sort.value == request.args.get("sort")), Sort.RELEVANCE)
    return Sort.RELEVANCE if wanted is Sort.PRICE and not tells_prices else wanted


def _without_add_ons() -> bool:
    """Read whether apps and services alone are asked for: what stands by itself."""
    return request.args.get("show") == APPS


def _shelf() -> Shelf | None:
    """Read which shelf is asked for; raises NotFound."""
    wanted = request.args.get("shelf", "")
    if not wanted:
        return None
    found = next((shelf for shelf in SHELF_SIZES if shelf and shelf.value == wanted), None)
    if found is None:
        raise NotFound("There is no such shelf")
    return found


@bp.get("/catalogue")
@catalogue_access
@kept_for_visitors
def index() -> ResponseReturnValue:
    """Show the catalogue, all of it or one category's branch."""
    chosen, industry = _category(), _industry()
    shelf = _shelf()
    buyer = buyer_of_request()
    found = offered_products(
        buyer,
        storefront_reseller_id=buyer.reseller_id,
        category_ids=chosen.ids if chosen else (),
        industry_id=industry.id if industry else None,
        without_add_ons=_without_add_ons(),
        shelf=shelf,
        after=_after() if shelf is None else None,
        limit=SHELF_SIZES.get(shelf, PAGE),
    )
    stocked = stocked_tree(buyer)
    values = _filters(chosen, industry)
    return page(
        "storefront/catalogue/index.html",
        title=chosen.name if chosen else SHELF_WORDS[shelf][0] if shelf else "All products",
        offers=found.items,
        next_url=_next_url(found, **values) if shelf is None else None,
        first_url=_first_url(**values),
        categories=stocked.nodes,
        chosen=chosen,
        industries=industry_choices(),
        industry=industry,
        counts=stocked.counts,
        kind=_without_add_ons(),
        shows_prices=shows_prices(),
    )


@bp.get("/catalogue/<group>")
@catalogue_access
@kept_for_visitors
def group(group: str) -> ResponseReturnValue:
    """Show the editions of a product group; one without a visible edition does not exist here."""
    found = session.scalar(
        select(ProductGroup).where(
            ProductGroup.distributor_id == current_scope().distributor_id, ProductGroup.slug == group
        )
    )
    if found is None:
        raise NotFound("There is no such product group")
    buyer = buyer_of_request()
    offers = offered_products(
        buyer, storefront_reseller_id=buyer.reseller_id, group_id=found.id, after=_after(), limit=PAGE
    )
    if not offers.items:
        raise NotFound("There is no such product group")
    return page(
        "storefront/catalogue/group.html",
        title=found.name,
        breadcrumbs=[Crumb("All products", url_for(".index")), Crumb(found.name)],
        group=found,
        comparison=_comparison(found, offers),
        offers=offers.items,
        next_url=_next_url(offers, group=group),
        first_url=_first_url(group=group),
        shows_prices=shows_prices(),
    )


def _comparison(group: ProductGroup, offers: OfferPage) -> list[tuple[str, list[str]]]:
    """Return what editions on the page are compared by: what their type selects, then what was typed for the group.

    A row none of them has anything in is left out; a single edition is compared with nothing (SF-19).
    """
    if len(offers.items) < FEWEST_COMPARED:
        return []
    known = products_with_types([offer.id for offer in offers.items])
    editions = [known[offer.id][0] for offer in offers.items]
    _, product_type = known[offers.items[0].id]
    rows = [(each.name, [value_words(each, edition) for edition in editions]) for each in compared_of(product_type)]
    rows += [
        (feature.name, [feature.values.get(edition.id, "") for edition in editions]) for feature in comparison_of(group)
    ]
    return [(name, values) for name, values in rows if any(values)]


@bp.get("/search")
@catalogue_access
def search() -> ResponseReturnValue:
    """Find products by name, group, vendor or code; two characters at least."""
    query = request.args.get("q", "").strip()[:LONGEST_SEARCH]
    category, industry = _category(), _industry()
    buyer, tells_prices = buyer_of_request(), shows_prices()
    sort = _sort(tells_prices=tells_prices)
    number = min(max(request.args.get("page", default=1, type=int), 1), LAST_PAGE)
    wanted = Search(
        query,
        sort,
        category_ids=category.ids if category else (),
        industry_id=industry.id if industry else None,
        without_add_ons=_without_add_ons(),
        page=number,
    )
    found = search_products(wanted, buyer, size=PAGE) if len(query) > 1 else Found((), has_more=False, sort=sort)
    values = {"q": query, **_filters(category, industry)} | ({"sort": sort.value} if sort is not Sort.RELEVANCE else {})
    return page(
        "storefront/catalogue/search.html",
        title=f"Results for “{query}”" if query else "Search",
        query=query,
        search_query=query,
        offers=found.items,
        next_url=url_for(".search", **values, page=number + 1) if found.has_more else None,
        previous_url=url_for(".search", **values, page=number - 1) if number > 1 else None,
        categories=stocked_tree(buyer).nodes,
        chosen=category,
        industries=industry_choices(),
        industry=industry,
        kind=wanted.without_add_ons,
        sorts=[(each.value, words) for each, words in SORT_WORDS.items() if tells_prices or each is not Sort.PRICE],
        sort=sort.value,
        is_too_much=found.sort is not sort,
        most_by_price=MOST_BY_PRICE,
        is_narrowed=category is not None or industry is not None or wanted.without_add_ons or number > 1,
        shows_prices=tells_prices,
    )


@bp.get("/product/<slug>")
@catalogue_access
def product(slug: str) -> ResponseReturnValue:
    """Show a product with its prices; what this storefront does not offer does not exist."""
    found = session.scalar(
        select(Product).where(Product.distributor_id == current_scope().distributor_id, Product.slug == slug)
    )
    if found is None:
        raise NotFound("There is no such product")
    return product_page(found, AddForm(formdata=None))
