"""Taking an expired subscription up again: a new term from today, at today's price (CB-23, CB-28)."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.accounts.queries import get_account
from app.billing.cycles import billing_day_of, first_amount, first_period
from app.billing.models import ChargeKind
from app.billing.proration import cycle_amount
from app.catalogue.models import BillingType
from app.changes.charging import Amount, charge
from app.changes.effects import Effect, NewChange
from app.changes.errors import NotOffered
from app.changes.mails import mail_done
from app.changes.prices import price_for_period
from app.changes.queries import cost_of
from app.changes.refunding import product_and_type
from app.changes.words import actor_of
from app.core.days import write_day
from app.core.errors import Invalid
from app.subscriptions.machine import Action, Step, move
from app.subscriptions.models import ChangeTiming, Subscription, SubscriptionChange, SubscriptionRole
from app.subscriptions.periods import add_months
from app.subscriptions.services import add_event
from tenants.days import distributors_day

RENEWABLE_DAYS = 30  # after its last day


class Renewal(Effect):
    """The vendor is sent the whole picture again; auto-renewal is on afterwards."""

    action = Action.RENEW

    def check(self, subscription: Subscription, new: NewChange, *, at: datetime) -> None:
        """Refuse it later than 30 days after its end, for trials and for what is only a part."""
        if new.timing is not ChangeTiming.NOW:
            raise Invalid.field("timing", "not_offered", "This is done immediately")
        if subscription.plan_edition is not None or subscription.role is not SubscriptionRole.MAIN:
            raise NotOffered("This is renewed with what it belongs to")
        if subscription.trial_ends_on is not None:
            raise NotOffered("A trial that is over is upgraded to a paid subscription")
        last = subscription.period_to
        if last is None or distributors_day(at) > last + timedelta(days=RENEWABLE_DAYS):
            raise NotOffered(f"It ended more than {RENEWABLE_DAYS} days ago; order it anew")

    def apply(self, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
        """Open a new term and charge its first period."""
        payer, cost, on = get_account(subscription.payer_id), cost_of(subscription.id), change.effective_on
        product, _ = product_and_type(subscription.product_id)
        move(subscription, Step.RENEWED)
        first = first_period(on, subscription.cycle.months, align_to=billing_day_of(payer, product, on))
        subscription.anchor_day = first.anchor_day
        subscription.period_from, subscription.period_to = first.period.first, first.period.last
        subscription.renews_on = add_months(on, subscription.term.months) if subscription.term.months else None
        subscription.auto_renew = True
        add_event(
            subscription, "renewed", f"Renewed until {write_day(first.period.last)}", at=at,
            quantity_after=subscription.quantity, actor_name=actor_of(change),
        )  # fmt: skip
        if cost is not None:
            price_for_period(subscription, cost, payer, on=on, is_new_term=True)
            if subscription.billing_type is BillingType.ON_START:
                whole = cycle_amount(cost.unit_cost, subscription.quantity, cost.currency)
                amount = Amount(
                    kind=ChargeKind.STUB if first.is_stub else ChargeKind.RECURRING,
                    description=subscription.friendly_name,
                    quantity=subscription.quantity,
                    unit_cost=cost.unit_cost,
                    net=first_amount(whole, first, product.usage_charge_rule, cost.currency),
                    period=first.period,
                )
                charge(subscription, change, amount, at=at)
        mail_done(subscription, change, at=at)
