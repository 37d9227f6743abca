"""The money of a change: what is charged or given back within the running period, on which paper (CB-24, CB-32)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from app.accounts.queries import get_account_for_update
from app.billing.charges import NewCharge, add_charge
from app.billing.documents import bill
from app.billing.models import ChargeKind
from app.subscriptions.models import ChangeTiming, Subscription, SubscriptionChange
from app.subscriptions.periods import Period, add_months
from tenants.days import distributors_day

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """One amount of a change. `net` is negative where it is given back; `part` keeps several of one change apart."""

    kind: ChargeKind
    description: str
    quantity: int
    unit_cost: Decimal
    net: Decimal
    period: Period | None
    credits_id: UUID | None = None
    part: str = ""


def charge(subscription: Subscription, change: SubscriptionChange, *amounts: Amount, at: datetime) -> None:
    """Charge a change to the subscription's payer, once: on papers of its day, or with its next billing day.

    Amounts of 0 leave no trace. The caller has locked the payer's account, then the subscription.
    """
    charge_together(change, [(subscription, amount) for amount in amounts], at=at)


def charge_together(change: SubscriptionChange, owed: Sequence[tuple[Subscription, Amount]], *, at: datetime) -> None:
    """Charge what a change costs for several subscriptions of one payer, on the same papers; else like `charge`."""
    due = [(subscription, amount) for subscription, amount in owed if amount.net]
    if not due:
        return
    payer = get_account_for_update(due[0][0].payer_id)
    keys = []
    for subscription, amount in due:
        keys.append(f"change:{change.id}{':' if amount.part else ''}{amount.part}")
        add_charge(
            payer,
            NewCharge(
                source_key=keys[-1],
                kind=amount.kind,
                description=amount.description[:300],
                quantity=amount.quantity,
                unit_cost=amount.unit_cost,
                net_amount=amount.net,
                currency=payer.currency,
                period=amount.period,
                subscription_id=subscription.id,
                product_id=subscription.product_id,
                end_customer_id=subscription.account_id if subscription.account_id != payer.id else None,
                change_id=change.id,
                credits_id=amount.credits_id,
            ),
            at=at,
        )
    bill(payer, keys, on=_paper_day(change, at), at=at)


def _paper_day(change: SubscriptionChange, at: datetime) -> date:
    """Return the day of a change's papers: what comes with a new period has that day, however late it is carried out."""
    today = distributors_day(at)
    return min(first_day_of(change) or today, today)


def first_day_of(change: SubscriptionChange) -> date | None:
    """Return the day from which what comes with a new period counts; None for what counts once it is carried out."""
    return change.effective_on if change.timing is ChangeTiming.PERIOD_END else None


def current_period(subscription: Subscription) -> Period | None:
    """Return the running billing period; None where nothing is charged by periods."""
    if subscription.period_from is None or subscription.period_to is None:
        return None
    return Period(subscription.period_from, subscription.period_to)


def whole_cycle(subscription: Subscription) -> Period | None:
    """Return the whole cycle that ends with the running period: what days are a share of, in a short first period too."""
    if subscription.period_to is None or not subscription.cycle.months:
        return current_period(subscription)
    following = subscription.period_to + ONE_DAY
    return Period(add_months(following, -subscription.cycle.months, subscription.anchor_day), subscription.period_to)


def following_period_day(subscription: Subscription) -> date | None:
    """Return the first day of the next period."""
    return subscription.period_to + ONE_DAY if subscription.period_to else None
