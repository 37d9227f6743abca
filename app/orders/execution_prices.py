"""How the price of an order's item lives on in its subscription: promotion, protection; what added licences cost.

Added licences are charged at the subscription's own price, which may be locked or set by hand (decisions section 8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from app.accounts.models import Account
from app.changes.queries import cost_of
from app.core.db import session
from app.orders.execution_rows import Line
from app.orders.models import OrderItem, OrderItemCost
from app.pricing.models import Promotion, PromotionDuration
from app.subscriptions.assets import PaidPrice, keep_cost
from app.subscriptions.models import Asset, Subscription, SubscriptionCost
from app.subscriptions.protection import lock_price
from tenants.context import current_scope

if TYPE_CHECKING:  # baskets read what stands here
    from app.orders.basket_pricing import SoldItem


def begin_price(subscription: Subscription, item: OrderItem, cost: OrderItemCost, *, on: date) -> None:
    """Let a new subscription's price go on as it was bought: lowered for so many cycles, locked for so many months."""
    row = cost_of(subscription.id)
    if row is None:
        return
    if item.promotion_id is not None:
        row.base_cost = cost.base_cost
        row.promotion_id = item.promotion_id
        row.promotion_cycles_left = _cycles_after_the_first(item.promotion_id)
    lock_price(subscription, row, on=on)


def begin_asset_price(asset: Asset, payer: Account, item: OrderItem, cost: OrderItemCost) -> None:
    """Keep what an asset was bought for: a later change of its price counts from it (CB-31)."""
    is_agreed = item.is_price_agreed
    keep_cost(
        asset,
        payer,
        PaidPrice(
            unit_cost=cost.unit_cost,
            currency=cost.currency,
            price_list_id=cost.price_list_id,
            base_cost=cost.base_cost,
            user_price=cost.user_price if is_agreed else None,
            discount_percent=cost.discount_percent if is_agreed else Decimal(0),
        ),
    )


def running_costs(lines: Sequence[Line] | Sequence[SoldItem]) -> Mapping[UUID, SubscriptionCost]:
    """Return the costs of running subscriptions that items add licences to, by item; trials have none.

    No statement where no item is bound to a subscription.
    """
    bound = {
        line.item.subscription_id: line.item.id
        for line in lines
        if line.item.subscription_id is not None and not line.product.plan_edition
    }
    if not bound:
        return {}
    rows = session.scalars(
        select(SubscriptionCost)
        .join(
            Subscription,
            (Subscription.distributor_id == SubscriptionCost.distributor_id)
            & (Subscription.id == SubscriptionCost.subscription_id),
        )
        .where(
            SubscriptionCost.distributor_id == current_scope().distributor_id,
            SubscriptionCost.subscription_id.in_(bound),
            Subscription.trial_ends_on.is_(None),
            Subscription.order_item_id.is_(None) | Subscription.order_item_id.not_in(bound.values()),
        )
    )
    return {bound[row.subscription_id]: row for row in rows}


def _cycles_after_the_first(promotion_id: UUID) -> int | None:
    """Return how many cycles a promotion lasts after the first one, a short one counted; None: for life."""
    promotion = session.get(Promotion, (current_scope().distributor_id, promotion_id))
    if promotion is None or promotion.duration is PromotionDuration.ONE_TIME:
        return 0
    if promotion.duration is PromotionDuration.LIFETIME:
        return None
    return max((promotion.cycles or 1) - 1, 0)
