"""When an end customer sees "-" instead of a price, and whether it may buy more (RS-27, SF-24).

"-" if the product is not listed in the reseller's storefront now, the subscription is older than the storefront (it
then has no sell price), or the reseller bought it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from app.core.db import session
from app.core.money import line_amount
from app.resellers.models import Listing
from app.subscriptions.models import Subscription, SubscriptionStatus
from tenants.context import current_scope


@dataclass(frozen=True, slots=True)
class ShownSubscription:
    """A subscription as its customer sees it: `unit_price` and `line_total` None are written "-"."""

    subscription: Subscription
    unit_price: Decimal | None
    can_buy_more: bool

    @property
    def line_total(self) -> Decimal | None:
        """Unit price x quantity, rounded once."""
        if self.unit_price is None:
            return None
        return line_amount(self.unit_price, self.subscription.quantity, self.subscription.currency)


def listed_among(product_ids: Iterable[UUID]) -> frozenset[UUID]:
    """Return which products the scope's reseller has in its catalogue now. One statement."""
    scope = current_scope()
    return frozenset(
        session.scalars(
            select(Listing.product_id).where(
                Listing.distributor_id == scope.distributor_id,
                Listing.reseller_id == scope.reseller_id,
                Listing.product_id.in_(set(product_ids)),
            )
        )
    )


def for_end_customer(subscriptions: Sequence[Subscription]) -> list[ShownSubscription]:
    """Return subscriptions as a reseller's customer sees them. One statement more, whatever their number."""
    listed = listed_among(each.product_id for each in subscriptions)
    return [
        ShownSubscription(
            each,
            each.unit_price if each.product_id in listed and not each.bought_by_reseller else None,
            can_buy_more=each.product_id in listed and each.status is SubscriptionStatus.ACTIVE,
        )
        for each in subscriptions
    ]


def for_payer(subscriptions: Sequence[Subscription]) -> list[ShownSubscription]:
    """Return subscriptions as who pays the distributor sees them."""
    return [
        ShownSubscription(each, each.unit_price, can_buy_more=each.status is SubscriptionStatus.ACTIVE)
        for each in subscriptions
    ]
