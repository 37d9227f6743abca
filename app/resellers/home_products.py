"""Products an owner may put on its home page: a reseller those it lists, the distributor the published ones (RS-15)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import exists, func, select

from app.catalogue.models import Product
from app.core.db import session
from app.core.ids import parse_id
from app.resellers.models import Listing
from tenants.context import current_scope

MOST_MATCHES = 20
SHORTEST_SEARCH = 2


@dataclass(frozen=True, slots=True)
class HomeProduct:
    """A product as people pick it."""

    id: UUID
    name: str
    code: str
    vendor: str


def named_products(product_ids: Collection[str]) -> Sequence[HomeProduct]:
    """Return published products by id, in the order given; unknown ids are left out."""
    wanted = [each for each in map(parse_id, product_ids) if each is not None]
    if not wanted:
        return ()
    rows = session.execute(
        select(Product.id, Product.name, Product.code, Product.vendor).where(
            Product.distributor_id == current_scope().distributor_id, Product.id.in_(wanted), Product.is_published
        )
    )
    found = {row.id: HomeProduct(*row) for row in rows}
    return [found[each] for each in wanted if each in found]


def find_products(search: str, *, reseller_id: UUID | None, without: Collection[str]) -> Sequence[HomeProduct]:
    """Return products to pick from; a search under two characters finds nothing."""
    text = search.strip().lower()
    if len(text) < SHORTEST_SEARCH:
        return ()
    statement = select(Product.id, Product.name, Product.code, Product.vendor).where(
        Product.distributor_id == current_scope().distributor_id,
        Product.is_published,
        func.lower(Product.search_text).contains(text, autoescape=True),
    )
    if reseller_id is not None:
        statement = statement.where(
            exists().where(
                Listing.distributor_id == Product.distributor_id,
                Listing.reseller_id == reseller_id,
                Listing.product_id == Product.id,
            )
        )
    rows = session.execute(statement.order_by(func.lower(Product.name), Product.id).limit(MOST_MATCHES))
    return [HomeProduct(*row) for row in rows if str(row.id) not in without]
