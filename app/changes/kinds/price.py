"""A price edited by hand: for the current cycle with a credit and a new charge, or for the next one (CB-26).

What it says stands in `PriceEdit`, in the payer's reach; the change that a customer may read names it only.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from app.accounts.queries import get_account_for_update
from app.billing.charges import charge_to_credit, charged_net, has_pending
from app.billing.models import ChargeKind
from app.billing.proration import cycle_amount, days_share
from app.catalogue.models import BillingCycle, BillingType
from app.changes.add_on_units import bill_longer_cycle, take_unit, unsold_add_ons
from app.changes.charging import Amount, charge_together, current_period, following_period_day, whole_cycle
from app.changes.effects import Effect, NewChange
from app.changes.errors import InvoicePending, NotOffered
from app.changes.period_charges import charge_arrears, running_add_ons
from app.changes.price_mails import mail_new_price, price_before
from app.changes.price_quotes import new_unit_cost, take_over, wanted_of
from app.changes.prices import is_protected
from app.changes.queries import cost_of
from app.core.db import session
from app.core.errors import Invalid
from app.core.money import round_money
from app.provisioning.complete_pictures import complete_picture
from app.provisioning.pictures import ResourcePicture
from app.subscriptions.add_ons import list_add_ons
from app.subscriptions.external_prices import stop_following
from app.subscriptions.machine import Action
from app.subscriptions.models import (
    ChangeTiming,
    Subscription,
    SubscriptionChange,
    SubscriptionCost,
    SubscriptionRole,
    SyncStatus,
)
from app.subscriptions.periods import Period, period_of
from app.subscriptions.price_models import PriceEdit
from app.subscriptions.services import add_event
from tenants.context import current_scope
from tenants.days import distributors_day

EDIT_ID = "price_edit_id"
NOTHING = Decimal(0)


class Price(Effect):
    """Another price, and perhaps another cycle."""

    action = Action.PRICE
    is_told_ahead = True

    def check(self, subscription: Subscription, new: NewChange, *, at: datetime) -> None:
        """Refuse trials, components, shorter cycles now, and a cycle whose last change is not invoiced yet (CB-F82)."""
        if subscription.trial_ends_on is not None:
            raise Invalid.field("user_price", "trial", "A trial is free; upgrade it to paid first")
        if subscription.role is SubscriptionRole.COMPONENT:
            raise NotOffered("A component has no price of its own; edit its bundle's")
        edit, cost, today = edit_of(new.details.get(EDIT_ID)), cost_of(subscription.id), distributors_day(at)
        if edit is None or cost is None or edit.subscription_id != subscription.id:
            raise NotOffered("There is no price to edit")
        if new.timing is ChangeTiming.ON_DATE:
            raise Invalid.field("timing", "not_offered", "Choose the current or the next cycle")
        if edit.cycle is not None and edit.cycle is not subscription.cycle:
            is_now = new.timing is ChangeTiming.NOW
            if is_now and is_protected(cost, new.effective_on or today):
                raise Invalid.field(
                    "cycle", "protected", "Its price is protected: the cycle can change with the next one"
                )
            _require_possible_cycle(subscription, edit.cycle, is_now=is_now)
            _require_sold_add_ons(subscription, edit.cycle, on=new.effective_on or today)
            waiting = (each for each in list_add_ons(subscription.id) if has_pending(each.id, on=today))
            if is_now and (found := next(waiting, None)):
                raise InvoicePending(found.code)
        if new.timing is ChangeTiming.NOW and has_pending(subscription.id, on=today):
            raise InvoicePending(subscription.code)

    def needs_vendor(self, subscription: Subscription, change: SubscriptionChange) -> bool:
        """A vendor is told of another cycle, and of no price."""
        edit = edit_of(change.details.get(EDIT_ID))
        is_other_cycle = edit is not None and edit.cycle not in (None, subscription.cycle)
        return is_other_cycle and subscription.sync_status is not SyncStatus.NOT_REQUIRED

    def picture(self, subscription: Subscription, change: SubscriptionChange) -> ResourcePicture:
        """Ask for the other cycle."""
        edit = edit_of(change.details.get(EDIT_ID))
        cycle = edit.cycle if edit is not None and edit.cycle is not None else subscription.cycle
        return replace(complete_picture(subscription), billing_cycle=cycle.value)

    def apply(self, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
        """Take the price over; within a paid cycle credit what it was charged, and charge it anew (CB-F83)."""
        edit, cost = edit_of(change.details.get(EDIT_ID)), cost_of(subscription.id)
        if edit is None or cost is None:
            raise NotOffered("There is no price to edit")
        payer = get_account_for_update(subscription.payer_id)
        wanted = wanted_of(edit)
        found = new_unit_cost(subscription, cost, payer, wanted, on=change.effective_on)
        before = price_before(subscription, cost, page=subscription.code)
        amounts: tuple[Amount, ...] = ()
        if change.timing is ChangeTiming.NOW:
            amounts = _rebilled(subscription, cost, found.unit_cost, found.cycle.months)
        else:
            _charge_last_period(subscription, change, at=at)
        is_other_cycle = found.cycle is not subscription.cycle
        take_over(subscription, cost, wanted, found)
        if wanted.user_price is not None:
            stop_following(subscription.id)
        subscription.cycle = found.cycle
        edit.unit_cost_after = found.unit_cost
        add_event(
            subscription, "price", "Price changed", at=at, quantity_after=subscription.quantity,
            actor_name=None,
        )  # fmt: skip
        owed = [(subscription, amount) for amount in amounts]
        if is_other_cycle and change.timing is ChangeTiming.NOW:
            owed += bill_longer_cycle(subscription, change)
        elif is_other_cycle:
            for add_on in list_add_ons(subscription.id):
                take_unit(add_on, subscription, on=change.effective_on)
        charge_together(change, owed, at=at)
        mail_new_price(before, on=change.effective_on, at=at)


def _require_possible_cycle(subscription: Subscription, cycle: BillingCycle, *, is_now: bool) -> None:
    """Refuse a cycle of its own for an add-on, one for a one-time price, and a shorter one at once (CB-F82)."""
    if subscription.role is not SubscriptionRole.MAIN:
        raise Invalid.field("cycle", "follows_parent", "An add-on is billed with its subscription")
    if not subscription.cycle.months or not cycle.months:
        raise Invalid.field("cycle", "one_time", "A one-time price has no cycle")
    if is_now and cycle.months < subscription.cycle.months:
        raise Invalid.field("cycle", "shorter_cycle", "Within the current cycle it can only become longer")
    start = subscription.period_from if is_now else following_period_day(subscription)
    if start is not None and not _fits_into_term(subscription, cycle, start):
        raise Invalid.field(
            "cycle", "cycle_does_not_fit", "It does not fit into what is left of the term; choose another"
        )


def _fits_into_term(subscription: Subscription, cycle: BillingCycle, start: date) -> bool:
    """Whether periods from a day on end with the term; a term that is no longer than a cycle goes on with each one."""
    end = subscription.renews_on
    if end is None or start >= end or subscription.term.months <= subscription.cycle.months:
        return True
    return ((end.year - start.year) * 12 + end.month - start.month) % cycle.months == 0


def _require_sold_add_ons(subscription: Subscription, cycle: BillingCycle, *, on: date) -> None:
    """Refuse a cycle that an add-on is not sold for: it is billed with its subscription (CB-27)."""
    if unsold := unsold_add_ons(subscription, subscription.term, cycle, on=on):
        names = ", ".join(each.friendly_name for each in unsold)
        raise Invalid.field(
            "cycle", "add_ons_not_sold", f"{names} has no price for this billing cycle; cancel it first"
        )


def _charge_last_period(subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
    """Charge what is charged on its end at the price and by the cycle it was used at."""
    if subscription.period_to is None or change.effective_on <= subscription.period_to:
        return
    charge_arrears(subscription, at=at)
    for add_on in running_add_ons(subscription):
        charge_arrears(add_on, at=at)


def edit_of(edit_id: object) -> PriceEdit | None:
    """Return what a change of price names."""
    if not isinstance(edit_id, str):
        return None
    return session.get(PriceEdit, (current_scope().distributor_id, UUID(edit_id)))


def _rebilled(
    subscription: Subscription, cost: SubscriptionCost, unit_cost: Decimal, months: int
) -> tuple[Amount, ...]:
    """Credit the current cycle and charge it at the new price, from its first day; nothing where amount and days are the same.

    What was charged counts as it was: a short first period, licences added on the way. A longer cycle begins on the
    current one's first day.
    """
    period = current_period(subscription)
    if period is None or subscription.billing_type is BillingType.ON_END:
        return ()
    charged, new_period = charged_net(subscription.id, period), period
    if months != subscription.cycle.months:
        longer = period_of(period.first, months, subscription.anchor_day)
        new_period = longer if longer is not None else period
        debit = cycle_amount(unit_cost, subscription.quantity, cost.currency)
        subscription.period_to = new_period.last
        if subscription.renews_on is not None and subscription.renews_on <= new_period.last:
            subscription.renews_on = None
    else:
        debit = _at_new_price(subscription, cost, unit_cost, charged, period)
    if (debit, new_period) == (charged, period):
        return ()
    credited = charge_to_credit(subscription.id, period)
    return (
        Amount(
            kind=ChargeKind.PRICE,
            description=f"{subscription.friendly_name}: price before the change",
            quantity=subscription.quantity,
            unit_cost=cost.unit_cost,
            net=-charged,
            period=period,
            credits_id=credited.id if credited is not None else None,
            part="credit",
        ),
        Amount(
            kind=ChargeKind.PRICE,
            description=f"{subscription.friendly_name}: new price",
            quantity=subscription.quantity,
            unit_cost=unit_cost,
            net=debit,
            period=new_period,
            part="debit",
        ),
    )


def _at_new_price(
    subscription: Subscription, cost: SubscriptionCost, unit_cost: Decimal, charged: Decimal, period: Period
) -> Decimal:
    whole = cycle_amount(unit_cost, subscription.quantity, cost.currency)
    if charged == cycle_amount(cost.unit_cost, subscription.quantity, cost.currency):
        return whole
    if cost.unit_cost > NOTHING:
        return round_money(charged * unit_cost / cost.unit_cost, cost.currency)
    cycle = whole_cycle(subscription) or period
    return days_share(whole, min(period.days, cycle.days), cycle.days, cost.currency)
