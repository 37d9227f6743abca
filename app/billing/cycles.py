"""Which days the first period of a purchase has, and what they cost (CB-28, CB-32)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.accounts.models import Account, BillingDayRule
from app.billing.proration import NOTHING, days_share
from app.catalogue.models import BillingType, Product, ProductKind, UsageChargeRule
from app.subscriptions.periods import ONE_DAY, Period, add_months, next_anchor, on_anchor, period_of

LAST_DAY = 31


@dataclass(frozen=True, slots=True)
class FirstPeriod:
    """The first period of a purchase. A stub is shorter than the cycle it is charged by; `cycle` is that whole cycle."""

    period: Period
    cycle: Period
    anchor_day: int

    @property
    def is_stub(self) -> bool:
        """Whether it only leads to the billing day."""
        return self.period != self.cycle


def first_period(on: date, months: int, *, align_to: int | None) -> FirstPeriod:
    """Return the first period of a purchase on a day of the distributor.

    `align_to` is the day of the month later periods begin on, None for its own anniversary. An order on that day has
    no stub. A stub is charged by the days of the notional cycle that ends where the stub ends.
    """
    if align_to is None or on == on_anchor(on.year, on.month, align_to):
        whole = period_of(on, months, align_to)
        if whole is None:
            raise ValueError("A one-time purchase has no period")
        return FirstPeriod(whole, whole, align_to or on.day)
    return stub_until(on, next_anchor(on, align_to) - ONE_DAY, months, anchor_day=align_to)


def stub_until(on: date, last: date, months: int, *, anchor_day: int) -> FirstPeriod:
    """Return the short period that ends together with something else: a billing day, a year, another subscription.

    Yearly from 15 Sep 2026 to 31 Mar 2027: 198 days of the cycle 1 Apr 2026 to 31 Mar 2027 (CB-28, co-terming).
    """
    cycle = Period(add_months(last + ONE_DAY, -months, anchor_day), last)
    if on <= cycle.first:
        raise ValueError(f"From {on} to {last} is no part of a cycle of {months} months")
    return FirstPeriod(Period(on, last), cycle, anchor_day)


def billing_day_of(account: Account, product: Product, on: date) -> int | None:
    """Return the day of the month a product's periods begin on for an account; None: the day of purchase.

    A product's own billing day wins over the account's options, exclusion from proration over the account's day.
    """
    if product.billing_day is not None:
        return product.billing_day
    if product.excluded_from_proration or not account.prorated_billing:
        return None
    match account.billing_day_rule:
        case BillingDayRule.FIRST_DAY:
            return 1
        case BillingDayRule.LAST_DAY:
            return LAST_DAY
        case BillingDayRule.FIRST_ORDER | BillingDayRule.CHOSEN:
            return account.billing_day or on.day


def next_billing_day(account: Account, after: date) -> date:
    """Return the account's first billing day later than `after`: when partial charges are invoiced."""
    match account.billing_day_rule:
        case BillingDayRule.LAST_DAY:
            day = LAST_DAY
        case BillingDayRule.FIRST_DAY:
            day = 1
        case BillingDayRule.FIRST_ORDER | BillingDayRule.CHOSEN:
            day = account.billing_day or 1
    return next_anchor(after, day)


def is_in_arrears(product: Product, kind: ProductKind) -> bool:
    """Whether a product is charged when its period is over; pay-per-use always is (CB-03)."""
    return kind is ProductKind.PAY_PER_USE or product.billing_type is BillingType.ON_END


def first_amount(whole: Decimal, first: FirstPeriod, rule: UsageChargeRule, currency: str) -> Decimal:
    """Return what the first period of a cycle amount costs: by its days, or in full where the product's rule says so."""
    if not first.is_stub or rule is UsageChargeRule.FULL_AMOUNT or whole == NOTHING:
        return whole
    return days_share(whole, first.period.days, first.cycle.days, currency)
