"""Looking for products a payer can have, each term and cycle with its price: for orders and offers."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from app.accounts.queries import get_account
from app.bss.calendar import distributor_today
from app.catalogue.models import BillingCycle, Product, Term
from app.core.db import session
from app.core.ids import parse_id
from app.pricing.quotes import ExplainedPrice, PriceKey, explain_products, root_buyer
from tenants.context import current_scope

MOST_FOUND = 40
SHORTEST_SEARCH = 2
PARTS_OF_KEY = 3


@dataclass(frozen=True, slots=True)
class PricedProduct:
    """A product at one term and cycle, at the payer's price."""

    product: Product
    key: PriceKey
    price: ExplainedPrice

    @property
    def value(self) -> str:
        """The key as a form sends it."""
        return f"{self.key.product_id}:{self.key.term.value}:{self.key.cycle.value}"


def priced_products(payer_id: UUID, search: str) -> list[PricedProduct]:
    """Return what a payer can have, by name; without two characters nothing is looked for."""
    text = search.strip().lower()
    if len(text) < SHORTEST_SEARCH:
        return []
    products = session.scalars(
        select(Product)
        .where(
            Product.distributor_id == current_scope().distributor_id,
            Product.is_active,
            Product.retired_at.is_(None),
            Product.search_text.contains(text, autoescape=True),
        )
        .order_by(Product.name, Product.id)
        .limit(MOST_FOUND)
    ).all()
    buyer = root_buyer(get_account(payer_id), distributor_today())
    prices = explain_products([product.id for product in products], buyer)
    by_id = {product.id: product for product in products}
    found = [PricedProduct(by_id[key.product_id], key, price) for key, price in prices.items()]
    return sorted(found, key=lambda each: (each.product.name, each.key.term.months, each.key.cycle.months))


def asked_key(text: str) -> PriceKey | None:
    """Return the product, term and cycle a form names, or None where it names none."""
    parts = text.split(":")
    product_id = parse_id(parts[0])
    if product_id is None or len(parts) != PARTS_OF_KEY:
        return None
    try:
        return PriceKey(product_id, Term(parts[1]), BillingCycle(parts[2]))
    except ValueError:
        return None
