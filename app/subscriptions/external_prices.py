"""Prices that a vendor says at each renewal: how it stands, when it is asked again (CB-26).

Whoever can ask vendors does: `workers.jobs.prices`. A failed answer is asked for again each hour; after 24 hours the last
known price is billed and finance is told, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import delete, select

from app.core.db import session
from app.core.money import round_unit
from app.subscriptions.models import PriceLabel, Subscription, SubscriptionCost
from app.subscriptions.price_models import ExternalPrice, ExternalPriceStatus
from tenants.context import current_scope

RETRY_EVERY = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(hours=24)
MAX_REASON = 500


def find_external_price(subscription_id: UUID) -> ExternalPrice | None:
    """Return how a subscription's external price stands; None: it has none."""
    return session.scalar(
        select(ExternalPrice).where(
            ExternalPrice.distributor_id == current_scope().distributor_id,
            ExternalPrice.subscription_id == subscription_id,
        )
    )


def follow_vendor(subscription: Subscription, *, at: datetime) -> ExternalPrice:
    """Let a subscription take its price from its vendor; asked for soon."""
    found = find_external_price(subscription.id)
    if found is None:
        found = ExternalPrice(subscription_id=subscription.id)
        session.add(found)
    found.next_attempt_at = at
    session.flush()
    return found


def stop_following(subscription_id: UUID) -> None:
    """Take the price from a list, or by hand, again: a price by hand removes the external status."""
    session.execute(
        delete(ExternalPrice).where(
            ExternalPrice.distributor_id == current_scope().distributor_id,
            ExternalPrice.subscription_id == subscription_id,
        )
    )


def due_prices(at: datetime, *, limit: int = 100) -> Sequence[ExternalPrice]:
    """Lock what is to be asked of vendors now."""
    return session.scalars(
        select(ExternalPrice)
        .where(ExternalPrice.distributor_id == current_scope().distributor_id, ExternalPrice.next_attempt_at <= at)
        .order_by(ExternalPrice.next_attempt_at, ExternalPrice.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()


def price_told(external: ExternalPrice, cost: SubscriptionCost, unit_price: Decimal, *, at: datetime) -> None:
    """Take over what a vendor says; the next charged period is at it."""
    external.status, external.failure_reason, external.failing_since = ExternalPriceStatus.SUCCESSFUL, None, None
    external.unit_price, external.fetched_at, external.next_attempt_at = round_unit(unit_price), at, None
    external.alerted_at = None
    if cost.user_price is None:
        cost.base_cost, cost.label = external.unit_price, PriceLabel.EXTERNAL


def price_failed(external: ExternalPrice, reason: str, *, at: datetime) -> bool:
    """Record that a vendor did not say its price; True when 24 hours are over and finance is to be told now.

    The first failure's instant stays, whatever is tried after it. The last known price goes on.
    """
    external.status, external.failure_reason = ExternalPriceStatus.FAILED, reason[:MAX_REASON]
    external.failing_since = external.failing_since or at
    if at < external.failing_since + GIVE_UP_AFTER:
        external.next_attempt_at = at + RETRY_EVERY
        return False
    external.next_attempt_at = None
    is_first = external.alerted_at is None
    external.alerted_at = external.alerted_at or at
    return is_first
