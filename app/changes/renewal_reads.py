"""What the renewals of a payer's day need, read for all of them together: a few statements, however many there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import select

from app.billing.charges import NewCharge
from app.billing.usage.models import UsageCharge
from app.changes.guards import waiting_requests
from app.changes.period_charges import period_cost, running_add_ons
from app.changes.price_mails import PriceBefore
from app.changes.prices import PriceRows
from app.core.db import session
from app.subscriptions.models import Subscription, SubscriptionCost, SubscriptionStatus
from tenants.context import current_scope


@dataclass(frozen=True, slots=True)
class Together:
    """The rows, and what is written at the end: charges, and which prices were which before."""

    with_requests: frozenset[UUID]
    parts: Mapping[UUID, Sequence[Subscription]]  # add-ons by subscription
    costs: Mapping[UUID, SubscriptionCost]
    metered: frozenset[UUID]  # products whose use is charged
    price_rows: PriceRows = field(default_factory=PriceRows)
    charges: list[NewCharge] = field(default_factory=list)
    priced: list[PriceBefore] = field(default_factory=list)

    def has_request(self, subscription: Subscription) -> bool:
        """Whether something is wanted of it: then it is looked at by itself."""
        return subscription.id in self.with_requests or subscription.status is SubscriptionStatus.PENDING_CANCELLATION

    def add_ons_of(self, subscription: Subscription) -> Sequence[Subscription]:
        """Return what is billed with it; read again where requests may just have moved add-ons, perhaps another's."""
        if self.with_requests:
            return running_add_ons(subscription)
        return self.parts.get(subscription.id, ())

    def cost_of(self, subscription: Subscription) -> SubscriptionCost:
        """Return what it costs its payer."""
        return self.costs.get(subscription.id) or period_cost(subscription)


def read_together(over: Sequence[Subscription]) -> Together:
    """Read for subscriptions whose period is over; four statements, none for none."""
    if not over:
        return Together(frozenset(), {}, {}, frozenset())
    parts: dict[UUID, list[Subscription]] = defaultdict(list)
    for add_on in running_add_ons(*over):
        if add_on.parent_id is not None:
            parts[add_on.parent_id].append(add_on)
    billed = [*over, *(each for found in parts.values() for each in found)]
    here = current_scope().distributor_id
    costs = session.scalars(
        select(SubscriptionCost)
        .where(
            SubscriptionCost.distributor_id == here, SubscriptionCost.subscription_id.in_([each.id for each in billed])
        )
        .execution_options(populate_existing=True)
    )
    metered = session.scalars(
        select(UsageCharge.product_id)
        .where(UsageCharge.distributor_id == here, UsageCharge.product_id.in_({each.product_id for each in billed}))
        .distinct()
    )
    return Together(
        frozenset(waiting_requests([each.id for each in over])),
        parts,
        {cost.subscription_id: cost for cost in costs},
        frozenset(metered),
    )
