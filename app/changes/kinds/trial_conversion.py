"""A trial that goes on as something paid: same vendor's reference, charged from its day like a new order (CB-12).

In a storefront an order does the same (`app.orders.execution_trials`); this is how staff do it. `details` hold the term,
the billing cycle and the name it goes on with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from app.accounts.models import Account, BillingDayRule
from app.accounts.queries import get_account_for_update
from app.billing.charges import NOTHING
from app.billing.cycles import billing_day_of, first_amount, first_period, is_in_arrears
from app.billing.models import ChargeKind
from app.catalogue.models import BillingCycle, BillingType, Product, Term
from app.catalogue.quantities import require_quantity
from app.changes.charging import Amount, charge
from app.changes.effects import Effect, NewChange
from app.changes.errors import NotOffered
from app.changes.price_quotes import list_price_of
from app.changes.refunding import product_and_type
from app.changes.trials import ask_for_access, convert
from app.changes.words import actor_of
from app.core.errors import Invalid
from app.pricing.lines import Asked, price_lines
from app.pricing.quotes import ExplainedPrice, PriceKey, explain_prices, root_buyer
from app.provisioning.complete_pictures import complete_picture
from app.provisioning.pictures import ResourcePicture
from app.provisioning.services import nudge_tasks
from app.subscriptions.machine import Action
from app.subscriptions.models import ChangeTiming, Subscription, SubscriptionChange
from app.subscriptions.services import change_quantity
from app.subscriptions.trials import NoTrial, PaidTerms, is_convertible
from tenants.days import distributors_day

TERM, CYCLE, NAME = "term", "cycle", "friendly_name"


class TrialConversion(Effect):
    """Upgrade to paid."""

    action = Action.TRIAL

    def check(self, subscription: Subscription, new: NewChange, *, at: datetime) -> None:
        """Refuse what is no trial, or ended more than 14 days ago, a wrong quantity, a term it is not sold by."""
        if new.timing is not ChangeTiming.NOW:
            raise Invalid.field("timing", "not_offered", "A trial is upgraded at once")
        if not is_convertible(subscription, distributors_day(at)):
            raise NoTrial(subscription.code)
        if new.quantity_to is None:
            raise Invalid.field("quantity", "required", "Enter how many are wanted")
        product, product_type = product_and_type(subscription.product_id)
        require_quantity(product, product_type, new.quantity_to)
        if new.is_from_storefront:
            raise NotOffered("A trial is upgraded with an order")
        payer = get_account_for_update(subscription.payer_id)
        _price(product, payer, _key(subscription, new.details), new.quantity_to, distributors_day(at))

    def picture(self, subscription: Subscription, change: SubscriptionChange) -> ResourcePicture:
        """Ask for the paid service: its quantity, term and cycle."""
        key = _key(subscription, change.details)
        return replace(
            complete_picture(subscription, quantity=change.quantity_to),
            term=key.term.value,
            billing_cycle=key.cycle.value,
        )

    def apply(self, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
        """Turn it into a paid subscription, and charge its first period like a new order's (CB-F34)."""
        payer = get_account_for_update(subscription.payer_id)
        product, product_type = product_and_type(subscription.product_id)
        quantity, on = change.quantity_to or subscription.quantity, change.effective_on
        key = _key(subscription, change.details)
        found = _price(product, payer, key, quantity, on)
        paid = PaidTerms(
            quantity=quantity,
            friendly_name=str(change.details.get(NAME) or ""),
            term=key.term,
            cycle=key.cycle,
            unit_price=found.unit_cost if subscription.account_id == payer.id else None,
            unit_cost=found.unit_cost,
            price_list_id=found.price.price_list_id,
            rule=found.price.rule.value,
        )
        had_expired = convert(subscription, paid, on=on, at=at, actor_name=actor_of(change))
        change_quantity(subscription.id, quantity, at=at)
        if payer.billing_day_rule is BillingDayRule.FIRST_ORDER and payer.billing_day is None:
            payer.billing_day = on.day
        first = first_period(on, key.cycle.months, align_to=billing_day_of(payer, product, on))
        subscription.anchor_day = first.anchor_day
        subscription.period_from, subscription.period_to = first.period.first, first.period.last
        amounts = [_setup_fee(subscription, key.cycle)]
        if is_in_arrears(product, product_type.kind):
            subscription.billing_type = BillingType.ON_END
        else:
            amounts.append(
                Amount(
                    kind=ChargeKind.STUB if first.is_stub else ChargeKind.RECURRING,
                    description=subscription.friendly_name,
                    quantity=quantity,
                    unit_cost=found.unit_cost,
                    net=first_amount(found.line, first, product.usage_charge_rule, payer.currency),
                    period=first.period,
                )
            )
        charge(subscription, change, *amounts, at=at)
        task = ask_for_access(subscription, at=at) if had_expired else None
        nudge_tasks([task] if task is not None else [])


@dataclass(frozen=True, slots=True)
class _Priced:
    """Today's price of a conversion for its payer: of one unit, and of the line per cycle."""

    price: ExplainedPrice
    unit_cost: Decimal
    line: Decimal


def _price(product: Product, payer: Account, key: PriceKey, quantity: int, on: date) -> _Priced:
    buyer = root_buyer(payer, on)
    (priced,) = price_lines([Asked(product, key, quantity)], explain_prices({key}, buyer), buyer)
    if priced is None:
        raise Invalid.field("offer", "not_priced", "The product is not sold by this term and billing cycle")
    return _Priced(priced.price, priced.cost.unit_price, priced.cost.line)


def _key(subscription: Subscription, chosen: Mapping[str, Any]) -> PriceKey:
    """Return what the trial goes on by; its own term and cycle where nothing else was chosen."""
    try:
        term = Term(chosen.get(TERM) or subscription.term.value)
        cycle = BillingCycle(chosen.get(CYCLE) or subscription.cycle.value)
    except ValueError:
        raise Invalid.field("offer", "choice", "Choose a term and billing cycle") from None
    return PriceKey(subscription.product_id, term, cycle)


def _setup_fee(subscription: Subscription, cycle: BillingCycle) -> Amount:
    row = list_price_of(subscription, cycle)
    fee = row.setup_fee if row is not None else NOTHING
    return Amount(
        kind=ChargeKind.SETUP,
        description=f"Setup of {subscription.friendly_name}",
        quantity=1,
        unit_cost=fee,
        net=fee,
        period=None,
        part="setup",
    )
