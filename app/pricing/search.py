"""What a storefront finds for its buyer, in the order that was asked for (SF-23).

A buyer's prices stand nowhere: they are worked out for what is shown. So products are sorted by price where few enough
were found to work all of theirs out (ADR 39); of more, whoever searches is told to narrow the search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from app.pricing.buyers import Buyer
from app.pricing.catalogue_page import Offer, OfferPage, offered_products, per_month
from app.pricing.offered import Sort

MOST_BY_PRICE = 200


@dataclass(frozen=True, slots=True)
class Search:
    """What is sought. `page` counts from 1; filters combine with AND."""

    words: str
    sort: Sort = Sort.RELEVANCE
    category_ids: Sequence[UUID] = ()
    industry_id: UUID | None = None
    without_add_ons: bool = False
    page: int = 1


@dataclass(frozen=True, slots=True)
class Found:
    """One page of what was found. `sort` is what it is ordered by: relevance where too many were found for prices."""

    items: tuple[Offer, ...]
    has_more: bool
    sort: Sort


def search_products(search: Search, buyer: Buyer, *, size: int) -> Found:
    """Return a page of what the buyer's storefront offers and the words find; one statement, or two where too many cost."""
    start = (search.page - 1) * size
    if search.sort is Sort.PRICE:
        everything = _found(search, buyer, None, 0, MOST_BY_PRICE)
        if not everything.has_more:
            ordered = sorted(everything.items, key=_by_price)
            return Found(tuple(ordered[start : start + size]), len(ordered) > start + size, Sort.PRICE)
    sort = Sort.RELEVANCE if search.sort is Sort.PRICE else search.sort
    found = _found(search, buyer, sort, start, size)
    return Found(found.items, found.has_more, sort)


def _found(search: Search, buyer: Buyer, sort: Sort | None, offset: int, limit: int) -> OfferPage:
    return offered_products(
        buyer,
        storefront_reseller_id=buyer.reseller_id,
        search=search.words,
        category_ids=search.category_ids,
        industry_id=search.industry_id,
        without_add_ons=search.without_add_ons,
        sort=sort,
        offset=offset,
        limit=limit,
    )


def _by_price(offer: Offer) -> tuple[bool, Decimal, str, UUID]:
    """Order by what a month costs, once what is paid once; what shows no price stands last, and tells nothing by its place."""
    if offer.price is None or offer.price_key is None:
        return (True, Decimal(0), offer.name, offer.id)
    return (False, per_month(offer.price.unit_price, offer.price_key.cycle), offer.name, offer.id)
