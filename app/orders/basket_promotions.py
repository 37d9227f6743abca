"""Promotions in a basket: codes people type, and which promotion lowers which item (CB-16).

They are the distributor's, so they count where its prices are paid: in its own storefront. Under an alias the reseller's
prices stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import distinct, func, select

from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.orders.models import Basket, BasketItem, Order, OrderItem, OrderStatus
from app.pricing.models import Promotion
from app.pricing.promotions.eligibility import PromotionBuyer, best_of, covers, needs_facts, refusal
from app.pricing.promotions.queries import find_by_code, normal_code, running_promotions
from app.pricing.quotes import Buyer, PriceKey
from app.subscriptions.queries import live_of_products
from tenants.context import current_scope

LONGEST_CODE = 32


@dataclass(frozen=True, slots=True)
class Promoted:
    """Which promotion lowers which item, and what is wrong with the basket's code."""

    by_item: Mapping[UUID, Promotion] = field(default_factory=dict)
    problem: FieldError | None = None


@dataclass(frozen=True, slots=True)
class Offered:
    """An item of a basket or order with its unit price before any promotion."""

    item: BasketItem | OrderItem
    unit_price: Decimal

    @property
    def key(self) -> PriceKey:
        """What it is priced by."""
        return PriceKey(self.item.product_id, self.item.term, self.item.cycle)


def promotions_of(basket: Basket, offered: Sequence[Offered], buyer: Buyer) -> Promoted:
    """Find the best promotion of each item. One statement where there is none, a few more where one asks for facts.

    Licences added to a running subscription inherit that one's promotion, so they are left alone.
    """
    if not takes_promotions(buyer):
        return Promoted()
    on = buyer.lists_on or buyer.on
    code = basket.promotion_code
    found = running_promotions(on, code=code)
    if not found and code is None:
        return Promoted()
    facts = _facts(found, offered, buyer, on)
    new = [each for each in offered if each.item.subscription_id is None]
    by_item = {
        each.item.id: best for each in new if (best := best_of(found, each.key, each.unit_price, facts)) is not None
    }
    problem = None
    if code is not None:
        own = next((each for each in found if each.code == code), None)
        problem = refusal(own, facts)
        if problem is None and own is not None and not any(covers(own, each.key) for each in new):
            problem = FieldError("code", "promotion_not_eligible", "This code is not for the products in your basket")
    return Promoted(by_item, problem)


def checked_code(text: str, offered: Sequence[Offered], buyer: Buyer) -> str:
    """Return a typed code as the basket keeps it. Raises Invalid at `code` with the reason (CB-F47)."""
    code = normal_code(text)
    if not code or len(code) > LONGEST_CODE or not takes_promotions(buyer):
        raise Invalid.field("code", "promotion_unknown", "There is no such code")
    promotion = find_by_code(code)
    known = [promotion] if promotion is not None else []
    facts = _facts(known, offered, buyer, buyer.lists_on or buyer.on)
    if (error := refusal(promotion, facts)) is not None:
        raise Invalid(error)
    if promotion is not None and not any(covers(promotion, each.key) for each in offered):
        raise Invalid.field("code", "promotion_not_eligible", "This code is not for the products in your basket")
    return code


def takes_promotions(buyer: Buyer) -> bool:
    """Whether a buyer pays the distributor's prices here."""
    return buyer.reseller_id is None and buyer.payer_id is not None


def _facts(promotions: Sequence[Promotion], offered: Sequence[Offered], buyer: Buyer, on: date) -> PromotionBuyer:
    assert buyer.payer_id is not None
    asks = needs_facts(promotions)
    required = {product_id for each in promotions for product_id in each.required_product_ids}
    owned = {each.product_id for each in live_of_products(buyer.payer_id, required)} if required else set()
    return PromotionBuyer(
        currency=buyer.currency,
        on=on,
        is_reseller=buyer.buys_as_reseller,
        has_ordered=asks and has_executed_order(buyer.payer_id),
        used=used_promotions(buyer.payer_id) if asks else {},
        owned=frozenset(owned | {each.item.product_id for each in offered}),
    )


def has_executed_order(payer_id: UUID) -> bool:
    """Whether an order an account pays for was ever executed."""
    found = session.scalar(
        select(Order.id)
        .where(
            Order.distributor_id == current_scope().distributor_id,
            Order.payer_id == payer_id,
            Order.executed_at.is_not(None),
        )
        .limit(1)
    )
    return found is not None


def used_promotions(payer_id: UUID) -> Mapping[UUID, int]:
    """Return how many orders of an account each promotion has lowered, canceled ones left out."""
    rows = session.execute(
        select(OrderItem.promotion_id, func.count(distinct(OrderItem.order_id)))
        .join(Order, (Order.distributor_id == OrderItem.distributor_id) & (Order.id == OrderItem.order_id))
        .where(
            Order.distributor_id == current_scope().distributor_id,
            Order.payer_id == payer_id,
            Order.status != OrderStatus.CANCELED,
            OrderItem.promotion_id.is_not(None),
        )
        .group_by(OrderItem.promotion_id)
    )
    return {promotion_id: orders for promotion_id, orders in rows if promotion_id is not None}
