"""What another product costs in the place of what runs: for its payer, and for who uses it (CB-25, CB-27, SF-41).

In the distributor's scope. A reseller's markups are its own, so its customer's price is found in the reseller's scope.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from app.accounts.models import Account
from app.catalogue.models import BillingCycle, Product, Term
from app.core.db import session
from app.pricing.lines import Asked, PricedLine, price_lines
from app.pricing.queries import price_list_ids_of
from app.pricing.quotes import PriceKey, alias_buyer, explain_products, root_buyer
from app.subscriptions.models import Subscription
from tenants.context import current_scope, reseller_scope, scope


@dataclass(frozen=True, slots=True)
class TargetPrice:
    """One way to have a product. `unit_price` None: its customer sees "-"."""

    term: Term
    cycle: BillingCycle
    unit_cost: Decimal
    price_list_id: UUID | None
    rule: str
    markup_percent: Decimal | None
    unit_price: Decimal | None


def target_prices(
    subscription: Subscription, product: Product, quantity: int, *, on: date, is_wholesale: bool = False
) -> Sequence[TargetPrice]:
    """Return all ways the payer of a subscription can have a product, the subscription's own term and cycle first.

    `is_wholesale`: what a reseller's customer pays is not looked at (back office, decisions section 8).
    """
    payer = _account(subscription.payer_id)
    buyer = root_buyer(payer, on)
    found = explain_products([product.id], buyer)
    keys = sorted(found, key=lambda key: _distance(key, subscription))
    lines = price_lines([Asked(product, key, quantity) for key in keys], found, buyer)
    sold = {} if is_wholesale else _sold(subscription, product, quantity, keys, on)
    return [
        TargetPrice(
            term=key.term,
            cycle=key.cycle,
            unit_cost=line.cost.unit_price,
            price_list_id=line.price.price_list_id,
            rule=sold[key].price.rule.value if key in sold else line.price.rule.value,
            markup_percent=sold[key].price.percent if key in sold else None,
            unit_price=_shown(subscription, line, sold.get(key)),
        )
        for key, line in zip(keys, lines, strict=True)
        if line is not None and key.cycle is not BillingCycle.ONE_TIME
    ]


def target_price(
    subscription: Subscription,
    product: Product,
    quantity: int,
    *,
    on: date,
    term: Term | None = None,
    cycle: BillingCycle | None = None,
) -> TargetPrice | None:
    """Return a product's price at a term and cycle, by default the subscription's own; None: not sold that way."""
    wanted = (term or subscription.term, cycle or subscription.cycle)
    found = target_prices(subscription, product, quantity, on=on)
    return next((each for each in found if (each.term, each.cycle) == wanted), None)


def is_resold(subscription: Subscription) -> bool:
    """Whether it is used by a customer of the reseller that pays for it."""
    return subscription.reseller_id is not None and subscription.account_id != subscription.payer_id


def _sold(
    subscription: Subscription, product: Product, quantity: int, keys: Sequence[PriceKey], on: date
) -> dict[PriceKey, PricedLine]:
    """Return what the reseller's customer pays; nothing where the payer uses it itself."""
    if subscription.reseller_id is None or not is_resold(subscription):
        return {}
    own = reseller_scope(current_scope().distributor_id, subscription.reseller_id)
    with scope(own.with_price_lists(price_list_ids_of(subscription.payer_id))):
        buyer = alias_buyer(subscription.reseller_id, subscription.account_id, on)
        prices = explain_products([product.id], buyer)
        lines = price_lines([Asked(product, key, quantity) for key in keys], prices, buyer)
    return {key: line for key, line in zip(keys, lines, strict=True) if line is not None}


def _shown(subscription: Subscription, line: PricedLine, sold: PricedLine | None) -> Decimal | None:
    if subscription.bought_by_reseller:
        return None
    if not is_resold(subscription):
        return line.cost.unit_price
    return sold.price.unit_price if sold is not None else None


def _distance(key: PriceKey, subscription: Subscription) -> tuple[bool, bool, int, int]:
    return (
        (key.term, key.cycle) != (subscription.term, subscription.cycle),
        key.cycle is not subscription.cycle,
        key.term.months,
        key.cycle.months,
    )


def _account(account_id: UUID) -> Account:
    return session.get_one(Account, (current_scope().distributor_id, account_id))
