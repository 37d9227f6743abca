"""What an offer's items cost: the payer's price of the day, or what is agreed; and what needs an approval (CB-17)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from app.accounts.models import Account
from app.billing.credit import tax_on
from app.billing.tax_codes import taxed_part
from app.catalogue.models import Product, VendorCost
from app.core.db import session
from app.core.errors import Invalid
from app.core.money import line_amount, round_money
from app.orders.agreed import AgreedPrice
from app.orders.back_office_totals import OrderTotals
from app.orders.offers.models import Offer, OfferItem
from app.pricing.lines import Asked, price_lines
from app.pricing.quotes import PriceKey, explain_prices, root_buyer
from app.pricing.schemes import Agreed, Step
from tenants.context import current_scope
from tenants.days import distributors_day
from tenants.settings import distributor_settings

HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class OfferedPrice:
    """An item's prices: `base` of the price lists, `unit` as offered, what the vendor asks."""

    base: Decimal
    unit: Decimal
    line: Decimal
    price_list_id: UUID | None
    vendor_cost: Decimal | None


def offered_price(
    product: Product,
    key: PriceKey,
    quantity: int,
    agreed: AgreedPrice,
    payer: Account,
    *,
    options: tuple[str, ...] = (),
    at: datetime,
) -> OfferedPrice:
    """Price an item, with chosen options, for its payer today. Raises Invalid `not_priced`."""
    buyer = root_buyer(payer, distributors_day(at))
    prices = explain_prices([key], buyer)
    asked = Asked(product, key, quantity, options, agreed=Agreed(agreed.user_price, agreed.discount_percent))
    (found,) = price_lines([asked], prices, buyer)
    if found is None:
        raise Invalid.field("product", "not_priced", f"{product.name} has no such price for {payer.name}")
    base = found.cost.list_price
    for step in found.cost.steps:
        if step.step in (Step.USER_PRICE, Step.USER_DISCOUNT):
            break
        base = step.unit_price
    return OfferedPrice(
        base, found.cost.unit_price, found.cost.line, found.price.price_list_id, _vendor_cost(key, buyer.currency)
    )


def discount_of(item: OfferItem) -> Decimal:
    """Return by how much an item is offered below the price lists, in percent; 0 where it is not."""
    if item.base_price <= 0 or item.unit_price >= item.base_price:
        return Decimal(0)
    return (item.base_price - item.unit_price) * HUNDRED / item.base_price


def is_below_cost(item: OfferItem) -> bool:
    """Whether an item is offered for less than the vendor asks, and for less than the price lists."""
    return item.unit_vendor_cost is not None and item.unit_price < min(item.unit_vendor_cost, item.base_price)


def needs_approval(offer: Offer, items: Sequence[OfferItem]) -> bool:
    """Whether an administrator has to look at it first: a discount above the ceiling, or a price below cost."""
    if offer.approved_at is not None:
        return False
    ceiling = Decimal(distributor_settings().offer_discount_ceiling)
    return any(discount_of(item) > ceiling or is_below_cost(item) for item in items)


def totals_of(items: Sequence[OfferItem], currency: str) -> OrderTotals:
    """Add an offer up as orders are."""
    net = sum((item.line_total for item in items), Decimal(0))
    base = sum((line_amount(item.base_price, item.quantity, currency) for item in items), Decimal(0))
    known = [
        line_amount(item.unit_vendor_cost, item.quantity, currency)
        for item in items
        if item.unit_vendor_cost is not None
    ]
    rate = sum((item.line_total / item.cycle.months for item in items if item.cycle.months), Decimal(0))
    return OrderTotals(
        vendor_cost=sum(known, Decimal(0)) if items and len(known) == len(items) else None,
        net=net,
        discount=max(base - net, Decimal(0)),
        tax=tax_on(taxed_part([(item.product_id, item.line_total) for item in items]), currency),
        monthly_run_rate=round_money(rate, currency),
        currency=currency,
    )


def _vendor_cost(key: PriceKey, currency: str) -> Decimal | None:
    return session.scalar(
        select(VendorCost.vendor_cost).where(
            VendorCost.distributor_id == current_scope().distributor_id,
            VendorCost.product_id == key.product_id,
            VendorCost.term == key.term,
            VendorCost.cycle == key.cycle,
            VendorCost.currency == currency,
        )
    )
