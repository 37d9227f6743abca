"""What add-ons are charged for: the days up to the end of their subscription's period (CB-27)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from app.accounts.models import Account, PartialCharges
from app.billing.charges import NewCharge, add_charge
from app.billing.models import ChargeKind
from app.billing.proration import cycle_amount, days_share
from app.catalogue.models import BillingType
from app.core.db import session
from app.subscriptions.models import Subscription, SubscriptionCost, SubscriptionRole, SubscriptionStatus
from app.subscriptions.periods import ONE_DAY, Period, add_months
from tenants.context import current_scope

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOnPurchase:
    """More of one add-on from a day on. Amounts are net, per cycle, in the payer's currency."""

    source_key: str
    description: str
    parent: Subscription
    add_on_id: UUID
    product_id: UUID  # of the add-on
    old_quantity: int
    new_quantity: int
    unit_cost: Decimal
    setup_fee: Decimal = NOTHING
    currency: str
    on: date
    order_item_id: UUID | None = None
    change_id: UUID | None = None
    end_customer_id: UUID | None = None


def whole_cycle(subscription: Subscription) -> Period | None:
    """Return the cycle a subscription's current period is charged by: a stub's is the notional one that ends with it."""
    if subscription.period_from is None or subscription.period_to is None or not subscription.cycle.months:
        return None
    after = subscription.period_to + ONE_DAY
    notional = Period(add_months(after, -subscription.cycle.months, subscription.anchor_day), subscription.period_to)
    if subscription.period_from <= notional.first:
        return Period(subscription.period_from, subscription.period_to)
    return notional


def first_amount(purchase: AddOnPurchase) -> Decimal:
    """Return what more of an add-on costs to the end of the parent's period, pro-rata or not: 6.00 x 10/31 = 1.94."""
    cycle, parent = whole_cycle(purchase.parent), purchase.parent
    if cycle is None or parent.billing_type is BillingType.ON_END:
        return NOTHING
    before = cycle_amount(purchase.unit_cost, purchase.old_quantity, purchase.currency)
    after = cycle_amount(purchase.unit_cost, purchase.new_quantity, purchase.currency)
    days = min(max((cycle.last - purchase.on).days + 1, 0), cycle.days)
    return days_share(max(NOTHING, after - before), days, cycle.days, purchase.currency)


def charge_add_on(payer: Account, purchase: AddOnPurchase, *, at: datetime) -> tuple[str, ...]:
    """Charge more of an add-on, its setup fee in full; a second call charges nothing more. Returns the charges' keys."""
    period = _rest(purchase)
    waits = payer.partial_charges is PartialCharges.BILLING_DAY
    keys = []
    for suffix, kind, amount, unit, quantity in (
        (
            "",
            ChargeKind.ADD_ON,
            first_amount(purchase),
            purchase.unit_cost,
            purchase.new_quantity - purchase.old_quantity,
        ),
        (":setup", ChargeKind.SETUP, purchase.setup_fee, purchase.setup_fee, 1),
    ):
        if amount <= NOTHING:
            continue
        is_setup = kind is ChargeKind.SETUP
        keys.append(purchase.source_key + suffix)
        add_charge(
            payer,
            NewCharge(
                source_key=keys[-1],
                kind=kind,
                description=f"{'Setup of ' if is_setup else ''}{purchase.description}"[:300],
                quantity=quantity,
                unit_cost=unit,
                net_amount=amount,
                currency=purchase.currency,
                period=None if is_setup else period,
                subscription_id=purchase.add_on_id,
                product_id=purchase.product_id,
                order_item_id=purchase.order_item_id,
                end_customer_id=purchase.end_customer_id,
                change_id=purchase.change_id,
                bill_on=period.last + ONE_DAY if waits and period is not None else None,
            ),
            at=at,
        )
    return tuple(keys)


def charge_linked(
    payer: Account,
    parent: Subscription,
    new_parent_quantity: int,
    *,
    source_key: str,
    on: date,
    at: datetime,
    order_item_id: UUID | None = None,
    change_id: UUID | None = None,
) -> tuple[str, ...]:
    """Charge what add-ons that follow their parent's quantity grow by; returns the charges' keys."""
    keys: list[str] = []
    for add_on, cost in linked_add_ons(parent.id):
        keys += charge_add_on(
            payer,
            AddOnPurchase(
                source_key=f"{source_key}:add-on:{add_on.id}",
                description=f"{add_on.friendly_name}, add-on of {parent.code}",
                parent=parent,
                add_on_id=add_on.id,
                product_id=add_on.product_id,
                old_quantity=add_on.quantity,
                new_quantity=new_parent_quantity * (add_on.quantity_per_parent or 0),
                unit_cost=cost.unit_cost,
                currency=cost.currency,
                on=on,
                order_item_id=order_item_id,
                change_id=change_id,
                end_customer_id=parent.account_id if parent.account_id != payer.id else None,
            ),
            at=at,
        )
    return tuple(keys)


def linked_add_ons(parent_id: UUID) -> list[tuple[Subscription, SubscriptionCost]]:
    """Return the live add-ons that follow their parent's quantity, with what their payer pays."""
    rows = session.execute(
        select(Subscription, SubscriptionCost)
        .join(
            SubscriptionCost,
            (SubscriptionCost.distributor_id == Subscription.distributor_id)
            & (SubscriptionCost.subscription_id == Subscription.id),
        )
        .where(
            Subscription.distributor_id == current_scope().distributor_id,
            Subscription.parent_id == parent_id,
            Subscription.role == SubscriptionRole.ADD_ON,
            Subscription.quantity_per_parent.is_not(None),
            Subscription.status.not_in((SubscriptionStatus.CANCELED, SubscriptionStatus.EXPIRED)),
        )
        .order_by(Subscription.id)
    )
    return [(add_on, cost) for add_on, cost in rows]


def _rest(purchase: AddOnPurchase) -> Period | None:
    cycle = whole_cycle(purchase.parent)
    return (
        Period(max(purchase.on, cycle.first), cycle.last) if cycle is not None and purchase.on <= cycle.last else None
    )
