"""Days on which a subscription was suspended, where its product type does not bill them (CB-23, CB-30).

The day of a suspension is billed, and so is the day on which it is active again. A period that is charged at its start and
was begun while suspended is not charged; what is left of it is, once it is active again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import func, select

from app.billing.charges import charges_of
from app.billing.models import ChargeKind
from app.billing.proration import cycle_amount, remaining_share
from app.catalogue.models import BillingType, Product, ProductType
from app.changes.charging import Amount, current_period, whole_cycle
from app.changes.queries import cost_of
from app.core.clock import local_date
from app.core.db import session
from app.subscriptions.models import Subscription, SubscriptionChange, SubscriptionEvent
from app.subscriptions.periods import ONE_DAY, Period
from tenants.context import current_scope
from tenants.models import Distributor

SUSPENDED, REACTIVATED, RENEWED = "suspended", "reactivated", "renewed"  # kinds of events


def is_billed_while_suspended(subscription: Subscription) -> bool:
    """Whether its product type bills what is suspended."""
    return bool(
        session.scalar(
            select(ProductType.billed_while_suspended)
            .join(
                Product,
                (Product.distributor_id == ProductType.distributor_id) & (Product.product_type_id == ProductType.id),
            )
            .where(Product.distributor_id == current_scope().distributor_id, Product.id == subscription.product_id)
        )
    )


def free_days(subscription: Subscription, period: Period) -> Sequence[Period]:
    """Return the days of a period that are not billed; none where its type bills them. A part follows its subscription."""
    if is_billed_while_suspended(subscription):
        return ()
    spans: list[Period] = []
    began: date | None = None
    for day, kind in [*_moves(subscription), (period.last + ONE_DAY, REACTIVATED)]:
        if kind == SUSPENDED:
            began = day + ONE_DAY
        elif began is not None:
            first, last = max(began, period.first), min(day - ONE_DAY, period.last)
            spans += [Period(first, last)] if first <= last else []
            began = None
    return spans


def unbilled_rest(subscription: Subscription, change: SubscriptionChange) -> Amount | None:
    """Return what the days from a change on cost of a period that was not charged; None where it was, or will be on its end."""
    period, cycle, cost = current_period(subscription), whole_cycle(subscription), cost_of(subscription.id)
    on = change.effective_on
    if period is None or cycle is None or cost is None or on > period.last:
        return None
    if subscription.billing_type is BillingType.ON_END or subscription.trial_ends_on is not None:
        return None
    if not _began_suspended(subscription) or charges_of(subscription.id, period):
        return None
    whole = cycle_amount(cost.unit_cost, subscription.quantity, cost.currency)
    rest = Period(max(on, period.first), period.last)
    return Amount(
        kind=ChargeKind.STUB,
        description=f"{subscription.friendly_name}: active again",
        quantity=subscription.quantity,
        unit_cost=cost.unit_cost,
        net=remaining_share(whole, cycle, rest.first, cost.currency),
        period=rest,
        part=f"rest:{subscription.id}",
    )


def _began_suspended(subscription: Subscription) -> bool:
    """Whether the present period of what is suspended was opened since it is: the billing may come days late."""
    event, whose = SubscriptionEvent, _suspended_id(subscription)
    suspended_at = func.max(event.at).filter(event.kind == SUSPENDED, event.subscription_id == whose)
    opened_at = func.max(event.at).filter(event.kind == RENEWED, event.subscription_id == subscription.id)
    statement = select(opened_at > suspended_at).where(
        event.distributor_id == current_scope().distributor_id, event.subscription_id.in_((subscription.id, whose))
    )
    return bool(session.scalar(statement))


def _suspended_id(subscription: Subscription) -> UUID:
    """Return whose suspension it is: a part follows its subscription."""
    return subscription.parent_id or subscription.id


def _moves(subscription: Subscription) -> list[tuple[date, str]]:
    """Return on which days it was suspended and active again, oldest first."""
    here = current_scope().distributor_id
    zone = session.scalar(select(Distributor.time_zone).where(Distributor.id == here)) or "UTC"
    rows = session.execute(
        select(SubscriptionEvent.at, SubscriptionEvent.kind)
        .where(
            SubscriptionEvent.distributor_id == here,
            SubscriptionEvent.subscription_id == _suspended_id(subscription),
            SubscriptionEvent.kind.in_((SUSPENDED, REACTIVATED)),
        )
        .order_by(SubscriptionEvent.at, SubscriptionEvent.id)
    )
    return [(local_date(row.at, zone), row.kind) for row in rows]
