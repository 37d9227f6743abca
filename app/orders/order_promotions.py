"""Promotions on orders of the back office: a code that staff gives an order which is not executed yet (CB-16)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from app.audit.services import Actor, record
from app.core.db import session
from app.core.errors import Invalid
from app.orders.back_office import CHANGEABLE
from app.orders.back_office_items import price_order
from app.orders.basket_promotions import Offered, checked_code
from app.orders.errors import WrongOrderState
from app.orders.execution_rows import lines_of, lock_order_by_number, parties_of
from app.orders.models import Order, OrderChannel, OrderItem
from app.pricing.promotions.eligibility import covers
from app.pricing.promotions.errors import PromotionUsed
from app.pricing.promotions.queries import find_by_code, get_promotion
from app.pricing.promotions.services import delete_promotion
from app.pricing.quotes import root_buyer
from tenants.days import distributors_day


def apply_code(number: str, code: str, *, actor: Actor, at: datetime) -> Order:
    """Lower an order's recurring items by a promotion; each has at most one, the last one given counts.

    Raises OrderNotFound, WrongOrderState, and Invalid at `code` with the reason (CB-F47).
    """
    order = _changeable(number)
    parties = parties_of(order)
    items = [line.item for line in lines_of(order) if line.item.subscription_id is None]
    offered = [Offered(item, item.unit_price) for item in items]
    kept = checked_code(code, offered, root_buyer(parties.payer, distributors_day(at)))
    promotion = find_by_code(kept)
    if promotion is None:
        raise Invalid.field("code", "promotion_unknown", "There is no such code")
    for item, each in zip(items, offered, strict=True):
        if covers(promotion, each.key):
            item.promotion_id = promotion.id
    session.flush()
    price_order(order, parties, at)
    record("order.promotion_applied", actor=actor, at=at, target_kind="order", target_id=order.id,
           after={"promotion": promotion.name, "code": kept})  # fmt: skip
    return order


def remove_promotions(number: str, *, actor: Actor, at: datetime) -> Order:
    """Take all promotions off an order; its prices are those of the lists again. Raises OrderNotFound, WrongOrderState."""
    order = _changeable(number)
    for line in lines_of(order):
        line.item.promotion_id = None
    session.flush()
    price_order(order, parties_of(order), at)
    record("order.promotions_removed", actor=actor, at=at, target_kind="order", target_id=order.id)
    return order


def delete_unordered(promotion_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Delete a promotion that lowers no order: one that waits would be executed at its full price.

    Raises PromotionNotFound, PromotionUsed.
    """
    promotion = get_promotion(promotion_id)
    held = session.scalar(
        select(func.count(OrderItem.order_id.distinct())).where(
            OrderItem.distributor_id == promotion.distributor_id, OrderItem.promotion_id == promotion_id
        )
    )
    if held:
        raise PromotionUsed(promotion.name, held)
    delete_promotion(promotion_id, actor=actor, at=at)


def _changeable(number: str) -> Order:
    order = lock_order_by_number(number)
    if order.status not in CHANGEABLE or order.channel is not OrderChannel.BSS:
        raise WrongOrderState(order.number, order.status)
    return order
