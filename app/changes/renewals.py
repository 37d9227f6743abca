"""The billing of running subscriptions, a payer and a day at a time (CB-28, CB-32): renew, expire, invoice.

Each period is charged once, whoever ticks and however often: its first day is part of the charge's key. Missed days are
caught up oldest first, each with a paper of its own day.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select

from app.accounts.models import Account
from app.accounts.queries import get_account_for_update
from app.billing.charges import add_charges
from app.billing.documents import bill_due
from app.billing.models import Charge, ChargeKind, ChargeState, Invoice
from app.billing.proration import cycle_amount, instalment
from app.catalogue.models import BillingType
from app.changes.due import apply_due
from app.changes.expiry import expire
from app.changes.period_charges import (
    RUNNING,
    charge_arrears,
    charge_of_period,
    charge_usage,
    is_billed,
)
from app.changes.price_mails import mail_new_price, price_before
from app.changes.prices import price_for_period
from app.changes.renewal_reads import Together, read_together
from app.changes.retail import reprice_retail
from app.core.days import write_day
from app.core.db import session
from app.subscriptions.models import (
    Subscription,
    SubscriptionCost,
    SubscriptionRole,
)
from app.subscriptions.periods import ONE_DAY, Period, add_months, period_of
from app.subscriptions.services import add_event
from tenants.context import current_scope
from tenants.days import distributors_day


@dataclass(frozen=True, slots=True)
class BilledDay:
    """What one day of a payer came to."""

    day: date
    renewed: int
    expired: int
    waiting: int  # the vendor has to confirm a change, or the end, first
    papers: tuple[Invoice, ...]


def payers_with_due(on: date) -> Sequence[UUID]:
    """Return the payers with a period that is over, or a charge whose day has come, on a day of the distributor."""
    distributor_id = current_scope().distributor_id
    renewing = select(Subscription.payer_id).where(*_over(on))
    charged = select(Charge.account_id).where(
        Charge.distributor_id == distributor_id, Charge.state == ChargeState.PENDING, Charge.bill_on <= on
    )
    return session.scalars(renewing.union(charged)).all()


def next_day(payer_id: UUID, *, until: date, after: date | None = None) -> date | None:
    """Return the first day later than `after` on which something of a payer is due; None when nothing is."""
    ends = select(func.min(Subscription.period_to)).where(*_over(until), Subscription.payer_id == payer_id)
    bills = select(func.min(Charge.bill_on)).where(
        Charge.distributor_id == current_scope().distributor_id,
        Charge.account_id == payer_id,
        Charge.state == ChargeState.PENDING,
        Charge.bill_on <= until,
    )
    if after is not None:
        ends = ends.where(Subscription.period_to >= after)
        bills = bills.where(Charge.bill_on > after)
    period_end, bill_on = session.scalar(ends), session.scalar(bills)
    days = [day for day in (period_end and period_end + ONE_DAY, bill_on) if day is not None]
    return min(days, default=None)


def bill_day(payer_id: UUID, day: date, *, at: datetime) -> BilledDay:
    """Renew what is over before a day, and put on paper what is due: one invoice per payer and day (CB-32, grouping).

    Needs the distributor's scope; raises AccountNotFound. A subscription whose change waits for its vendor stays over
    until that is decided: the next tick looks again.
    """
    payer = get_account_for_update(payer_id)
    over = session.scalars(_lock_over(day).where(Subscription.payer_id == payer_id)).all()
    opened = _open_periods(payer, over, day, at=at)
    return BilledDay(day, opened.renewed, opened.expired, opened.waiting, bill_due(payer, on=day, at=at))


def catch_up(subscription_ids: Collection[UUID], *, at: datetime) -> None:
    """Open the periods of subscriptions that began up to the day of an instant and were not opened yet (CB-32).

    Whoever changes what a subscription costs, or whether it goes on, calls it first: then amounts do not depend on when
    the billing run comes. A part's are its subscription's. The papers are left to the run, each of its own day.
    Locks who pays, then the subscriptions, where there is something to do; one statement where there is not.
    Needs the distributor's scope. What waits for its vendor, and what expires, stays behind.
    """
    day = distributors_day(at)
    parents = select(Subscription.parent_id).where(
        Subscription.distributor_id == current_scope().distributor_id, Subscription.id.in_(subscription_ids)
    )
    asked = or_(Subscription.id.in_(subscription_ids), Subscription.id.in_(parents))
    behind = select(Subscription.payer_id).where(*_over(day), asked).distinct().order_by(Subscription.payer_id)
    for payer_id in session.scalars(behind).all():
        payer, stays = get_account_for_update(payer_id), set[UUID]()
        of_payer = _lock_over(day).where(Subscription.payer_id == payer_id, asked)
        while over := [each for each in session.scalars(of_payer) if each.id not in stays]:
            first = min(_next_start(each) for each in over)
            due = [each for each in over if _next_start(each) == first]
            _open_periods(payer, due, first, at=at)
            stays |= {each.id for each in due if _next_start(each) == first}


def is_behind(subscription: Subscription, on: date) -> bool:
    """Whether the period of a subscription was over before a day, and the billing run has yet to look at it."""
    return (
        subscription.status in RUNNING
        and subscription.role is SubscriptionRole.MAIN
        and subscription.trial_ends_on is None
        and subscription.period_to is not None
        and subscription.period_to < on
    )


@dataclass(slots=True)
class _Opened:
    """How many subscriptions came to what."""

    renewed: int = 0
    expired: int = 0
    waiting: int = 0


def _open_periods(payer: Account, over: Sequence[Subscription], day: date, *, at: datetime) -> _Opened:
    """Renew subscriptions of one payer whose period is over, or let them expire; both are locked.

    What it reads and writes is read and written for all together, but for what somebody wants of one of them.
    """
    opened = _Opened()
    new_terms: list[Subscription] = []
    together = read_together(over)
    for subscription in over:
        start = _next_start(subscription)
        if together.has_request(subscription) and not apply_due(subscription, on=start, at=at):
            opened.waiting += 1
        elif subscription.status not in RUNNING:
            continue
        elif _has_run_out(subscription, start):
            is_over = expire(subscription, start, at=at)
            opened.expired, opened.waiting = opened.expired + is_over, opened.waiting + (not is_over)
        else:
            new_terms += _renew(subscription, payer, start, together, at=at)
            opened.renewed += 1
    session.flush()
    add_charges(payer, together.charges, at=at)
    if payer.is_reseller:
        reprice_retail(new_terms, payer.id, on=day)
    for before in together.priced:
        mail_new_price(before, on=day, at=at)
    return opened


def _over(on: date) -> tuple[ColumnElement[bool], ...]:
    return (
        Subscription.distributor_id == current_scope().distributor_id,
        Subscription.status.in_(RUNNING),
        Subscription.role == SubscriptionRole.MAIN,
        Subscription.trial_ends_on.is_(None),
        Subscription.period_to < on,
    )


def _lock_over(on: date) -> Select[Subscription]:
    return (
        select(Subscription)
        .where(*_over(on))
        .order_by(Subscription.period_to, Subscription.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _next_start(subscription: Subscription) -> date:
    if subscription.period_to is None:
        raise ValueError(f"{subscription.code} has no period")
    return subscription.period_to + ONE_DAY


def _has_run_out(subscription: Subscription, start: date) -> bool:
    """Whether the term is over and nobody wants another one."""
    return not subscription.auto_renew and (subscription.renews_on is None or start >= subscription.renews_on)


def _renew(
    subscription: Subscription, payer: Account, start: date, together: Together, *, at: datetime
) -> list[Subscription]:
    """Open the next period of a subscription and its add-ons, and return those that begin a term.

    A new term takes today's price, a running one keeps its. What is charged for it is left to `together`.
    """
    is_new_term = subscription.renews_on is None or start >= subscription.renews_on
    if is_new_term and subscription.renews_on is not None:
        subscription.renews_on = add_months(start, subscription.term.months, subscription.anchor_day)
    period = period_of(start, subscription.cycle.months, subscription.anchor_day)
    if period is None:
        raise ValueError(f"{subscription.code} is billed once")
    renewed = [subscription, *together.add_ons_of(subscription)]
    for each in renewed:
        cost = together.cost_of(each)
        together.priced.append(price_before(each, cost, page=subscription.code))
        charge_arrears(each, at=at)
        if each.product_id in together.metered:
            charge_usage(each, at=at)
        price_for_period(each, cost, payer, on=start, is_new_term=is_new_term, rows=together.price_rows)
        each.period_from, each.period_to = period.first, period.last
        each.anchor_day = subscription.anchor_day
        if each is not subscription:
            each.renews_on = subscription.renews_on
        if each.billing_type is BillingType.ON_START and is_billed(each):
            amount = _period_amount(each, cost, period)
            together.charges.append(charge_of_period(each, cost, payer, period, amount))
        add_event(each, "renewed", f"Renewed until {write_day(period.last)}", at=at, quantity_after=each.quantity)
    return renewed if is_new_term else []


def _period_amount(subscription: Subscription, cost: SubscriptionCost, period: Period) -> Decimal:
    """Return a whole period's amount; the term's last one takes what is left of the rounded term amount (decisions 8)."""
    whole = cycle_amount(cost.unit_cost, subscription.quantity, cost.currency)
    months = subscription.cycle.months
    cycles = subscription.term.months // months if months else 1
    if cycles <= 1 or subscription.renews_on is None or period.last + ONE_DAY < subscription.renews_on:
        return whole
    term_start = add_months(subscription.renews_on, -subscription.term.months, subscription.anchor_day)
    billed = [
        (charge.quantity, charge.unit_cost, charge.net_amount)
        for charge in session.scalars(
            select(Charge).where(
                Charge.distributor_id == current_scope().distributor_id,
                Charge.subscription_id == subscription.id,
                Charge.kind == ChargeKind.RECURRING,
                Charge.period_from >= term_start,
                Charge.period_from < period.first,
            )
        )
    ]
    is_even = all((quantity, unit) == (subscription.quantity, cost.unit_cost) for quantity, unit, _ in billed)
    if len(billed) != cycles - 1 or not is_even:
        return whole
    sum_billed = sum((amount for _, _, amount in billed), Decimal(0))
    return instalment(cost.unit_cost, subscription.quantity, cycles, cycles, sum_billed, cost.currency)
