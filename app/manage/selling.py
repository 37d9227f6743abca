"""Who sells on this request: the reseller of the address, its day and its prices for everybody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from flask import g

from app.access import current_address, signed_in_viewer
from app.audit.services import Actor
from app.core.clock import local_date, utc_now
from app.core.errors import NotFound
from app.frames import storefront_look
from app.pricing.quotes import Buyer, PriceSource, alias_buyer


@dataclass(frozen=True, slots=True)
class Seller:
    """A reseller at work in its administration. `on` is today in its storefront's zone."""

    reseller_id: UUID
    buyer: Buyer  # everybody: no customer named
    on: date
    actor: Actor
    at: datetime

    @property
    def currency(self) -> str:
        """The storefront's currency."""
        return self.buyer.currency


def seller_of_request() -> Seller:
    """Return who sells here; found once per request."""
    if "seller" not in g:
        reseller_id = current_address().reseller_id
        if reseller_id is None:
            raise NotFound("There is no such page here")
        at = utc_now()
        on = local_date(at, storefront_look().settings.time_zone)
        g.seller = Seller(reseller_id, alias_buyer(reseller_id, None, on), on, signed_in_viewer().actor, at)
    found: Seller = g.seller
    return found


SOURCE_WORDS = {
    PriceSource.CUSTOMER_PRODUCT_SPECIAL: "Special price of the customer",
    PriceSource.CUSTOMER_PRODUCT_MARKUP: "Markup of the customer for this product",
    PriceSource.CUSTOMER_MARKUP: "Markup of the customer",
    PriceSource.PRODUCT_SPECIAL: "Special price",
    PriceSource.PRODUCT_MARKUP: "Product markup",
    PriceSource.CATEGORY_MARKUP: "Category markup",
    PriceSource.VENDOR_MARKUP: "Vendor markup",
    PriceSource.DEFAULT_MARKUP: "Default markup",
}
ROUNDING_WORDS = {
    "none": "to the smallest unit of the currency",
    "up_0.05": "up to 0.05",
    "up_0.10": "up to 0.10",
    "up_0.50": "up to 0.50",
    "up_1.00": "up to 1.00",
    "up_99": "up to …99",
}
