"""What a purchase charges, and the periods it begins: first period or stub, setup fee, one-time price (CB-03, CB-32)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from app.accounts.models import Account, BillingDayRule, PartialCharges
from app.billing.add_ons import whole_cycle
from app.billing.charges import NewCharge, add_charge
from app.billing.cycles import FirstPeriod, billing_day_of, first_amount, first_period, is_in_arrears
from app.billing.models import ChargeKind
from app.billing.proration import cycle_amount, increase_amount
from app.catalogue.models import BillingType, Product, ProductKind
from app.subscriptions.models import Subscription
from app.subscriptions.periods import ONE_DAY, Period, add_months

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """One order item as it is charged. Amounts are net, per cycle, in the payer's currency."""

    item_id: UUID
    description: str
    product: Product
    kind: ProductKind
    months: int  # of the billing cycle; 0: one-time
    quantity: int
    unit_cost: Decimal
    line_cost: Decimal  # of a whole cycle
    setup_fee: Decimal = NOTHING
    currency: str
    on: date  # the distributor's day charging starts
    end_customer_id: UUID | None
    first: FirstPeriod | None = None  # co-terming: a first period that ends with something else (CB-28)


def due_now(
    purchase_cost: Decimal, product: Product, kind: ProductKind, months: int, payer: Account, on: date
) -> Decimal:
    """Return what a purchase charges at once, net, of its cycle amount: what the available credit must cover (CB-39)."""
    if months == 0:
        return purchase_cost
    if is_in_arrears(product, kind):
        return NOTHING
    first = first_period(on, months, align_to=billing_day_of(payer, product, on))
    return first_amount(purchase_cost, first, product.usage_charge_rule, payer.currency)


def charge_purchase(payer: Account, purchase: Purchase, subscription: Subscription | None, *, at: datetime) -> None:
    """Charge an order item and open its subscription's first period; a second call charges nothing more.

    A product in arrears is charged when its period is over; its setup fee at once. The caller holds a lock on the payer.
    """
    if purchase.setup_fee > 0:
        _charge(payer, purchase, subscription, ChargeKind.SETUP, purchase.setup_fee, None, at=at)
    if purchase.months == 0 or subscription is None:
        _charge(payer, purchase, subscription, ChargeKind.ONE_TIME, purchase.line_cost, None, at=at)
        return
    if payer.billing_day_rule is BillingDayRule.FIRST_ORDER and payer.billing_day is None:
        payer.billing_day = purchase.on.day
    first = purchase.first or first_period(
        purchase.on, purchase.months, align_to=billing_day_of(payer, purchase.product, purchase.on)
    )
    subscription.anchor_day = first.anchor_day
    subscription.period_from, subscription.period_to = first.period.first, first.period.last
    if first.is_stub:
        subscription.renews_on = _after_stub(first, subscription.term.months)
    if is_in_arrears(purchase.product, purchase.kind):
        subscription.billing_type = BillingType.ON_END
        return
    amount = first_amount(purchase.line_cost, first, purchase.product.usage_charge_rule, purchase.currency)
    kind = ChargeKind.STUB if first.is_stub else ChargeKind.RECURRING
    _charge(payer, purchase, subscription, kind, amount, first.period, at=at)


def charge_more(payer: Account, purchase: Purchase, subscription: Subscription, *, old: int, at: datetime) -> None:
    """Charge added licences for the rest of the current period, at the subscription's price (CB-24, decisions 8).

    By the days of the whole cycle, also where the period is a short first one.
    """
    cycle = whole_cycle(subscription)
    if cycle is None or subscription.period_from is None or subscription.billing_type is BillingType.ON_END:
        return
    before = cycle_amount(purchase.unit_cost, old, purchase.currency)
    after = cycle_amount(purchase.unit_cost, old + purchase.quantity, purchase.currency)
    amount = increase_amount(before, after, cycle, purchase.on, purchase.currency)
    rest = Period(max(purchase.on, subscription.period_from), cycle.last)
    _charge(payer, purchase, subscription, ChargeKind.QUANTITY, amount, rest, at=at)


def _after_stub(first: FirstPeriod, term_months: int) -> date:
    """Return when an aligned subscription's term is over: a month's renews each period, a longer one follows the stub."""
    following = first.period.last + ONE_DAY
    return following if term_months <= 1 else add_months(following, term_months, first.anchor_day)


def _charge(
    payer: Account,
    purchase: Purchase,
    subscription: Subscription | None,
    kind: ChargeKind,
    amount: Decimal,
    period: Period | None,
    *,
    at: datetime,
) -> None:
    is_setup = kind is ChargeKind.SETUP
    waits = kind in (ChargeKind.STUB, ChargeKind.QUANTITY) and payer.partial_charges is PartialCharges.BILLING_DAY
    add_charge(
        payer,
        NewCharge(
            source_key=f"order-item:{purchase.item_id}{':setup' if is_setup else ''}",
            kind=kind,
            description=f"Setup of {purchase.description}"[:300] if is_setup else purchase.description[:300],
            quantity=1 if is_setup else purchase.quantity,
            unit_cost=purchase.setup_fee if is_setup else purchase.unit_cost,
            net_amount=amount,
            currency=purchase.currency,
            period=period,
            subscription_id=subscription.id if subscription else None,
            product_id=purchase.product.id,
            order_item_id=purchase.item_id,
            end_customer_id=purchase.end_customer_id,
            bill_on=period.last + ONE_DAY if waits and period else None,
        ),
        at=at,
    )
