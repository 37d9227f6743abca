"""What a subscription's charges of the running period make of a refund: batches, clocks, the policy that holds (CB-29)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app.billing.charges import charges_of
from app.billing.models import Charge, ChargeKind
from app.catalogue.models import BillingType, Product, ProductType
from app.catalogue.refunds import Allowed, RefundPolicy, policy_of
from app.changes.charging import current_period
from app.core.clock import local_date
from app.core.db import session
from app.subscriptions.models import Subscription
from app.subscriptions.periods import Period, add_months
from app.subscriptions.refunds import Batch, is_full, is_open, less, refund, take
from tenants.context import current_scope
from tenants.models import Distributor

NOTHING = Decimal(0)
OF_LICENCES = (ChargeKind.RECURRING, ChargeKind.STUB, ChargeKind.QUANTITY)
BY_QUANTITY = (ChargeKind.QUANTITY, ChargeKind.CANCELLATION)  # their credits took licences, not a share of the price


def product_and_type(product_id: object) -> tuple[Product, ProductType]:
    """Return a product with the type that steers it."""
    row = session.execute(
        select(Product, ProductType)
        .join(
            ProductType,
            (ProductType.distributor_id == Product.distributor_id) & (ProductType.id == Product.product_type_id),
        )
        .where(Product.distributor_id == current_scope().distributor_id, Product.id == product_id)
    ).one()
    return row.Product, row.ProductType


def policy_for(subscription: Subscription) -> RefundPolicy:
    """Return the refund policy of a subscription: its product's own, or its type's."""
    product, product_type = product_and_type(subscription.product_id)
    return policy_of(product.refund_policy or product_type.refund_policy)


def window_began_at(subscription: Subscription) -> datetime:
    """Return when the clock of purchase or renewal began: the term's first instant, in the distributor's zone."""
    first = subscription.period_from or subscription.starts_on
    if subscription.renews_on is not None and subscription.term.months:
        first = add_months(subscription.renews_on, -subscription.term.months, subscription.anchor_day)
    bought_at = subscription.activated_at or subscription.created_at
    if first is None or _day(bought_at) >= first:
        return bought_at
    return _midnight(first)


def may_end_now(subscription: Subscription, policy: RefundPolicy, quantity: int, at: datetime) -> bool:
    """Whether the policy lets so many licences go before the term's end.

    With a clock per batch this reads charges: out of an end customer's reach only the subscription's own clock counts.
    """
    if policy.allowed is not Allowed.WITHIN or not policy.per_batch:
        return is_open(policy, window_began_at(subscription), at)
    batches = batches_of(subscription)
    if not batches:
        return is_open(policy, window_began_at(subscription), at)
    return all(is_open(policy, batch.began_at, at) for batch, _ in take(batches, quantity))


def refund_of(subscription: Subscription, quantity: int, *, on: date, at: datetime) -> Decimal:
    """Return what comes back, positive, when so many licences end on a day; nothing for trials and arrears.

    Needs the payer's rows in reach.
    """
    if subscription.trial_ends_on is not None or subscription.billing_type is BillingType.ON_END:
        return NOTHING
    batches = batches_of(subscription)
    if not batches:
        return NOTHING
    policy, began_at = policy_for(subscription), window_began_at(subscription)
    found = refund(
        policy, batches, quantity=quantity, on=on, at=_instant(on, at), window_began_at=began_at,
        currency=subscription.currency,
    )  # fmt: skip
    if quantity >= subscription.quantity and policy.includes_setup and is_full(policy, began_at, at):
        found += _setup_charged(subscription)
    return found


def batches_of(subscription: Subscription) -> Sequence[Batch]:
    """Return what was charged for the running period, licences that are gone already taken off the newest.

    What was given up before it came is left out with what was credited of it.
    """
    period = current_period(subscription)
    if period is None:
        return ()
    batches: list[Batch] = []
    charges = charges_of(subscription.id, period)
    given_up = {each.credits_id for each in charges if each.kind is ChargeKind.ABANDONMENT}
    for each in charges:
        if each.kind is ChargeKind.ABANDONMENT or each.id in given_up:
            continue
        if each.kind in (ChargeKind.SETUP, ChargeKind.USAGE, ChargeKind.TERMINATION) or each.period_from is None:
            continue
        if each.net_amount < 0 and each.kind in BY_QUANTITY:
            batches = less(batches, each.quantity)
        else:
            batches.append(_batch(each, subscription))
    return batches


def _batch(charge: Charge, subscription: Subscription) -> Batch:
    """Return a charge as a batch; a renewal's clock is its first midnight, whenever the billing run came."""
    period = Period(charge.period_from, charge.period_to or charge.period_from)  # type: ignore[arg-type]
    owned_at = subscription.activated_at or subscription.created_at
    is_first = charge.order_item_id is not None and charge.order_item_id == subscription.order_item_id
    bought_at = owned_at if is_first else charge.created_at
    is_renewal = charge.order_item_id is None and charge.change_id is None and _day(owned_at) < period.first
    began_at = bought_at if _day(bought_at) == period.first and not is_renewal else _midnight(period.first)
    if charge.kind not in OF_LICENCES:
        return Batch(charge.net_amount, period, began_at, is_spread=True)
    quantity = max(charge.quantity, 1)
    return Batch(charge.net_amount, period, began_at, quantity, Fraction(quantity))


def _setup_charged(subscription: Subscription) -> Decimal:
    found = session.scalars(
        select(Charge.net_amount).where(
            Charge.distributor_id == current_scope().distributor_id,
            Charge.subscription_id == subscription.id,
            Charge.kind == ChargeKind.SETUP,
        )
    )
    return sum(found, NOTHING)


def _instant(on: date, at: datetime) -> datetime:
    """Return the instant a cancellation counts from: a past day's end, now for today."""
    return min(at, _midnight(on + timedelta(days=1)))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(_zone()))


def _day(at: datetime) -> date:
    return local_date(at, _zone())


def _zone() -> str:
    zone = session.scalar(select(Distributor.time_zone).where(Distributor.id == current_scope().distributor_id))
    return zone or "UTC"
