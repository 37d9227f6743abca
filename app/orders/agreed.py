"""Prices staff agrees on: by hand or as a discount, instead of the price lists' (CB-04, CB-17, CB-18)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from app.core.db import session
from app.core.errors import Forbidden, Invalid
from app.orders.models import OrderItem, OrderItemCost
from app.subscriptions.models import PriceLabel, SubscriptionCost
from tenants.context import current_scope

MOST_PRICE = Decimal("999999999.99")
HUNDRED = Decimal(100)
NO_DISCOUNT = Decimal(0)


@dataclass(frozen=True, slots=True)
class AgreedPrice:
    """What staff asks for an item. A price set by hand wins over a discount (CB-F12)."""

    user_price: Decimal | None = None
    discount_percent: Decimal = NO_DISCOUNT

    @property
    def is_anything(self) -> bool:
        """Whether it differs from the price lists."""
        return self.user_price is not None or self.discount_percent > NO_DISCOUNT


@dataclass(frozen=True, slots=True)
class PricingRights:
    """What the person may do to prices (CB-44)."""

    may_agree: bool  # override price and discount
    may_go_below_cost: bool  # below what the vendor asks: administrators


NOTHING = AgreedPrice()


def require_agreeable(agreed: AgreedPrice, before: AgreedPrice, rights: PricingRights) -> None:
    """Refuse a price that cannot be, or that the person may not set. Raises Invalid `range`, Forbidden."""
    if agreed.user_price is not None and not Decimal(0) <= agreed.user_price <= MOST_PRICE:
        raise Invalid.field("user_price", "range", f"Enter an amount from 0 to {MOST_PRICE:,}")
    if not Decimal(0) <= agreed.discount_percent <= HUNDRED:
        raise Invalid.field("discount_percent", "range", "Enter a discount from 0 to 100 %")
    if agreed != before and not rights.may_agree:
        raise Forbidden("Your rights do not include prices other than the price lists'")


def require_above_cost(unit_price: Decimal, unit_vendor_cost: Decimal | None, rights: PricingRights) -> None:
    """Refuse an agreed price below what the vendor asks, but of an administrator. Raises Invalid `below_cost`."""
    if unit_vendor_cost is not None and unit_price < unit_vendor_cost and not rights.may_go_below_cost:
        raise Invalid.field("user_price", "below_cost", "This is below cost: an administrator has to set such a price")


def agreed_of(item_id: UUID) -> AgreedPrice:
    """Return what was agreed on for an order item."""
    row = _cost_of(item_id)
    return NOTHING if row is None else AgreedPrice(row.user_price, row.discount_percent)


def agree(item: OrderItem, agreed: AgreedPrice) -> None:
    """Keep what was agreed on for an item whose costs stand; the order is priced anew after it."""
    row = _cost_of(item.id)
    if row is None:
        raise LookupError(item.id)
    row.user_price, row.discount_percent = agreed.user_price, agreed.discount_percent
    item.is_price_agreed = agreed.is_anything
    session.flush()


def keep_in_subscription(subscription_id: UUID, cost: OrderItemCost) -> None:
    """Let a subscription go on at the price that was agreed on (CB-26)."""
    row = session.scalars(
        select(SubscriptionCost).where(
            SubscriptionCost.distributor_id == current_scope().distributor_id,
            SubscriptionCost.subscription_id == subscription_id,
        )
    ).one()
    row.user_price, row.discount_percent = cost.user_price, cost.discount_percent
    row.base_cost = cost.user_price if cost.user_price is not None else cost.base_cost
    row.label = PriceLabel.USER_PRICED if cost.user_price is not None else PriceLabel.USER_DISCOUNT


def _cost_of(item_id: UUID) -> OrderItemCost | None:
    return session.scalar(
        select(OrderItemCost).where(
            OrderItemCost.distributor_id == current_scope().distributor_id, OrderItemCost.item_id == item_id
        )
    )
