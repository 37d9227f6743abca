"""What a period of a running subscription is charged: at its start, in arrears, by usage (CB-13, CB-28, CB-32).

Each charge has the period's first day in its key, so it is made once, whoever asks and how often.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select

from app.accounts.models import Account
from app.accounts.queries import get_account_for_update
from app.billing.charges import NewCharge, add_charge
from app.billing.models import ChargeKind
from app.billing.usage.rating import rate_period
from app.catalogue.models import BillingType
from app.changes.arrears import arrears_amount
from app.changes.suspended_days import is_billed_while_suspended
from app.core.db import session
from app.subscriptions.models import (
    Subscription,
    SubscriptionCost,
    SubscriptionRole,
    SubscriptionStatus,
)
from app.subscriptions.periods import ONE_DAY, Period
from tenants.context import current_scope

RUNNING = (SubscriptionStatus.ACTIVE, SubscriptionStatus.SUSPENDED, SubscriptionStatus.PENDING_CANCELLATION)


def charge_arrears(subscription: Subscription, *, at: datetime) -> None:
    """Charge the period that is over, where a product is charged on its end."""
    if subscription.billing_type is not BillingType.ON_END:
        return
    if subscription.period_from is None or subscription.period_to is None:
        return
    period = Period(subscription.period_from, subscription.period_to)
    payer = get_account_for_update(subscription.payer_id)
    cost = period_cost(subscription)
    amount = arrears_amount(subscription, cost, period)
    if amount or is_billed(subscription):
        charge_period(subscription, cost, payer, period, amount, at=at)


def charge_usage(subscription: Subscription, *, at: datetime) -> None:
    """Charge what was used until the end of the period that is over, and what was reported late (CB-13)."""
    if subscription.period_from is None or subscription.period_to is None:
        return
    used = rate_period(subscription, Period(subscription.period_from, subscription.period_to), at=at)
    if not used:
        return
    payer = get_account_for_update(subscription.payer_id)
    for new in used:
        add_charge(payer, new, at=at)


def charge_period(
    subscription: Subscription, cost: SubscriptionCost, payer: Account, period: Period, amount: Decimal, *, at: datetime
) -> None:
    """Charge a period's amount."""
    add_charge(payer, charge_of_period(subscription, cost, payer, period, amount), at=at)


def charge_of_period(
    subscription: Subscription, cost: SubscriptionCost, payer: Account, period: Period, amount: Decimal
) -> NewCharge:
    """Return the charge of a period, planned for its first day or, in arrears, for the day after its last."""
    return NewCharge(
        source_key=f"period:{subscription.id}:{period.first:%Y-%m-%d}",
        kind=ChargeKind.RECURRING,
        description=subscription.friendly_name,
        quantity=subscription.quantity,
        unit_cost=cost.unit_cost,
        net_amount=amount,
        currency=cost.currency,
        period=period,
        subscription_id=subscription.id,
        product_id=subscription.product_id,
        end_customer_id=subscription.account_id if subscription.account_id != payer.id else None,
        bill_on=period.first if subscription.billing_type is BillingType.ON_START else period.last + ONE_DAY,
    )


def is_billed(subscription: Subscription) -> bool:
    """Whether it is charged: while suspended as its product type says (CB-30)."""
    return subscription.status is not SubscriptionStatus.SUSPENDED or is_billed_while_suspended(subscription)


def running_add_ons(*subscriptions: Subscription) -> Sequence[Subscription]:
    """Return what is billed with subscriptions, locked until the transaction ends; one statement."""
    return session.scalars(
        select(Subscription)
        .where(
            Subscription.distributor_id == current_scope().distributor_id,
            Subscription.parent_id.in_([each.id for each in subscriptions]),
            Subscription.role == SubscriptionRole.ADD_ON,
            Subscription.status.in_(RUNNING),
        )
        .order_by(Subscription.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def period_cost(subscription: Subscription) -> SubscriptionCost:
    """Return what a subscription costs its payer; each that is billed has it."""
    return session.scalars(
        select(SubscriptionCost).where(
            SubscriptionCost.distributor_id == current_scope().distributor_id,
            SubscriptionCost.subscription_id == subscription.id,
        )
    ).one()
