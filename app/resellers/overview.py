"""How a reseller's storefront stands: what still has to be set up, and prices that no longer cover their cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import or_, select

from app.accounts.queries import count_customers
from app.catalogue.models import Product
from app.core.db import session
from app.core.money import ceil_money
from app.notifications.settings import find_mail_settings
from app.pricing.models import SpecialPrice
from app.pricing.quotes import PriceKey, alias_buyer, explain_products
from app.resellers.models import Listing
from tenants.context import current_scope
from tenants.settings import storefront_settings

MOST_CHECKED = 1000


@dataclass(frozen=True, slots=True)
class SetUp:
    """What a new storefront needs before its first order."""

    has_logo: bool
    has_listing: bool
    has_mail: bool
    has_customer: bool

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to do."""
        return self.has_logo and self.has_listing and self.has_mail and self.has_customer


def set_up_of(reseller_id: UUID, storefront_id: UUID) -> SetUp:
    """Return which first steps of a storefront are done."""
    listing = session.scalar(
        select(Listing.id)
        .where(Listing.distributor_id == current_scope().distributor_id, Listing.reseller_id == reseller_id)
        .limit(1)
    )
    return SetUp(
        has_logo=bool(storefront_settings(storefront_id).logo_image_id),
        has_listing=listing is not None,
        has_mail=find_mail_settings(reseller_id) is not None,
        has_customer=count_customers(reseller_id) > 0,
    )


def specials_below_cost(reseller_id: UUID, *, on: date) -> Sequence[str]:
    """Return the products whose special price lies below today's cost: customers see the cost until it is changed (RS-20).

    Looks at up to 1,000 special prices in force, with one quote. The scope must name the reseller's price lists.
    """
    rows = session.execute(
        select(SpecialPrice, Product.name)
        .join(
            Product, (Product.distributor_id == SpecialPrice.distributor_id) & (Product.id == SpecialPrice.product_id)
        )
        .where(
            SpecialPrice.distributor_id == current_scope().distributor_id,
            SpecialPrice.reseller_id == reseller_id,
            or_(SpecialPrice.valid_from.is_(None), SpecialPrice.valid_from <= on),
            or_(SpecialPrice.valid_to.is_(None), SpecialPrice.valid_to >= on),
        )
        .order_by(Product.name, SpecialPrice.id)
        .limit(MOST_CHECKED)
    ).all()
    prices = explain_products((special.product_id for special, _ in rows), alias_buyer(reseller_id, None, on))
    found: dict[str, None] = {}
    for special, name in rows:
        price = prices.get(PriceKey(special.product_id, special.term, special.cycle))
        if price is not None and special.amount < ceil_money(price.cost, price.currency):
            found[name] = None
    return tuple(found)
