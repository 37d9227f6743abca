"""Taking up again what has expired, with its parts: a new term from today, at today's price (CB-23, CB-28)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from app.accounts.models import Account
from app.accounts.queries import get_account
from app.billing.cycles import FirstPeriod, billing_day_of, first_amount, first_period
from app.billing.models import ChargeKind
from app.billing.proration import cycle_amount
from app.catalogue.models import BillingType, Product
from app.changes.charging import Amount, charge_together
from app.changes.effects import Effect, NewChange
from app.changes.errors import NotOffered
from app.changes.mails import mail_done
from app.changes.prices import price_for_period
from app.changes.queries import cost_of
from app.changes.refunding import product_and_type
from app.changes.steps import VendorStep, kind_asked
from app.changes.words import actor_of
from app.core.days import write_day
from app.core.errors import Invalid
from app.provisioning.complete_pictures import CREATE, complete_picture, component_quantity
from app.provisioning.models import TaskKind
from app.provisioning.pictures import ResourcePicture
from app.subscriptions.add_ons import fallen_with, revive
from app.subscriptions.machine import Action, Step, move
from app.subscriptions.models import ChangeTiming, Subscription, SubscriptionChange, SubscriptionRole, SyncStatus
from app.subscriptions.periods import add_months
from app.subscriptions.services import add_event
from app.subscriptions.vendor_links import stands_at_vendor
from tenants.days import distributors_day

RENEWABLE_DAYS = 30  # after its last day


class Renewal(Effect):
    """The vendor makes it anew, or is sent the whole picture again; auto-renewal is on afterwards."""

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

    def steps(self, subscription: Subscription, change: SubscriptionChange) -> Sequence[VendorStep]:
        """Ask for the whole service again: made anew where the vendor has ended it, with the add-ons that fell with it."""
        parts = fallen_with(subscription)
        components = [each for each in parts if each.role is SubscriptionRole.COMPONENT]
        add_ons = [each for each in parts if each.role is SubscriptionRole.ADD_ON]
        if not components:
            return [_again(subscription, change, complete_picture(subscription, revived=add_ons))]
        return [
            _again(each, change, replace(complete_picture(each), quantity=component_quantity(each)))
            for each in components
            if each.sync_status is not SyncStatus.NOT_REQUIRED
        ]

    def apply(self, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
        """Open a new term and charge its first period, of the subscription and of each add-on that comes back with it."""
        parts = fallen_with(subscription)
        payer, on = get_account(subscription.payer_id), change.effective_on
        product, _ = product_and_type(subscription.product_id)
        move(subscription, Step.RENEWED)
        first = first_period(on, subscription.cycle.months, align_to=billing_day_of(payer, product, on))
        subscription.anchor_day = first.anchor_day
        subscription.period_from, subscription.period_to = first.period.first, first.period.last
        subscription.renews_on = add_months(on, subscription.term.months) if subscription.term.months else None
        subscription.auto_renew = True
        for part in parts:
            revive(part, subscription)
        owed: list[tuple[Subscription, Amount]] = []
        for each in (subscription, *parts):
            add_event(
                each, "renewed", f"Renewed until {write_day(first.period.last)}", at=at,
                quantity_after=each.quantity, actor_name=actor_of(change),
            )  # fmt: skip
            amount = _first_amount(each, subscription, payer, product, first)
            owed += [(each, amount)] if amount is not None else []
        charge_together(change, owed, at=at)
        mail_done(subscription, change, at=at)


def _again(subject: Subscription, change: SubscriptionChange, picture: ResourcePicture) -> VendorStep:
    """Return the step for a service: decided once, since it stands at its vendor as soon as it was made anew."""
    kind = kind_asked(change.id, subject.id)
    if kind is None:
        kind = TaskKind.UPDATE if stands_at_vendor(subject.id) else TaskKind.CREATE
    if kind is TaskKind.CREATE:
        picture = replace(picture, add_ons=tuple(replace(each, action=CREATE) for each in picture.add_ons))
    return VendorStep(kind, subject, picture)


def _first_amount(
    subscription: Subscription, main: Subscription, payer: Account, product: Product, first: FirstPeriod
) -> Amount | None:
    """Price the new term and return what its first period costs; None in arrears, and for components."""
    cost = cost_of(subscription.id)
    if cost is None or subscription.role is SubscriptionRole.COMPONENT:
        return None
    price_for_period(subscription, cost, payer, on=first.period.first, is_new_term=True)
    if subscription.billing_type is not BillingType.ON_START:
        return None
    whole = cycle_amount(cost.unit_cost, subscription.quantity, cost.currency)
    return Amount(
        kind=ChargeKind.STUB if first.is_stub else ChargeKind.RECURRING,
        description=subscription.friendly_name,
        quantity=subscription.quantity,
        unit_cost=cost.unit_cost,
        net=first_amount(whole, first, product.usage_charge_rule, cost.currency),
        period=first.period,
        part="" if subscription is main else f"add-on:{subscription.id}",
    )
