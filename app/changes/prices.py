"""What a subscription's next period costs its payer: kept within a term, found anew when a term begins (CB-05, CB-16, CB-28).

The price list it was bought by goes on pricing it, whatever is assigned since; when that list no longer prices it, today's
price for its payer does. A price by hand and a protected price stay.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import or_, select

from app.accounts.models import Account
from app.catalogue.charging import chosen_options, tiers_of
from app.catalogue.models import Product, ProductPrice
from app.core.db import session
from app.core.errors import Invalid
from app.pricing.arithmetic import with_percent
from app.pricing.models import PriceList, PriceListEntry, PriceRule, Promotion, PromotionAmount
from app.pricing.quotes import ExplainedPrice, PriceKey, explain_prices, root_buyer
from app.pricing.schemes import Agreed, ListRule, Reduction, counted_from, line_price, rule_of
from app.subscriptions.models import PriceLabel, Subscription, SubscriptionCost
from app.subscriptions.periods import ONE_DAY, add_months
from app.subscriptions.protection import locked_vendor_cost
from tenants.context import current_scope

NOTHING = Decimal(0)


class PriceRows:
    """Rows that prices are found by, read once for all subscriptions they are the same for."""

    def __init__(self) -> None:
        self._prices: dict[tuple[object, ...], ProductPrice | None] = {}
        self._rules: dict[tuple[object, ...], ListRule | None] = {}
        self._offers: dict[tuple[object, ...], ExplainedPrice | None] = {}

    def price_of(self, subscription: Subscription) -> ProductPrice | None:
        """Return the catalogue's price of a subscription's product, term, cycle and currency."""
        key = (subscription.product_id, subscription.term, subscription.cycle, subscription.currency)
        if key not in self._prices:
            self._prices[key] = _price_row(subscription)
        return self._prices[key]

    def rule_of(self, subscription: Subscription, cost: SubscriptionCost, on: date) -> ListRule | None:
        """Return what the list it was bought by says of it on a day."""
        key = (cost.price_list_id, subscription.product_id, subscription.term, subscription.cycle, on)
        if key not in self._rules:
            self._rules[key] = _rule_of_own_list(subscription, cost, on)
        return self._rules[key]

    def offer_of(self, subscription: Subscription, payer: Account, on: date) -> ExplainedPrice | None:
        """Return what a payer would pay for the same on a day; None where it is not sold any more."""
        price = PriceKey(subscription.product_id, subscription.term, subscription.cycle)
        if (payer.id, price, on) not in self._offers:
            self._offers[payer.id, price, on] = explain_prices({price}, root_buyer(payer, on)).get(price)
        return self._offers[payer.id, price, on]


def price_for_period(
    subscription: Subscription,
    cost: SubscriptionCost,
    payer: Account,
    *,
    on: date,
    is_new_term: bool,
    rows: PriceRows | None = None,
) -> None:
    """Set what the period that begins on a day costs per unit; a promotion is used up by a cycle.

    `rows`: of others that are priced in the same transaction.
    """
    rows = rows if rows is not None else PriceRows()
    promotion = _promotion_of_next_cycle(cost)
    if cost.user_price is not None:
        base = cost.user_price
    elif not is_new_term or cost.label is PriceLabel.EXTERNAL:  # the vendor has told it, or it is its last known
        base = _present(cost)
    elif is_protected(cost, on):
        base = _protected_base(subscription, cost, on, rows)
    else:
        base = _todays_base(subscription, cost, payer, on, rows)
        _protect_anew(cost, base, on, rows.price_of(subscription))
    cost.base_cost = base
    cost.unit_cost = unit_after(base, cost, promotion)
    if subscription.account_id == subscription.payer_id and subscription.unit_price is not None:
        subscription.unit_price = cost.unit_cost  # who pays owns it: its own price follows


def unit_after(base: Decimal, cost: SubscriptionCost, promotion: Reduction | None) -> Decimal:
    """Return a base price less what staff agreed and less a promotion, per unit and cycle, at 4 decimals."""
    agreed = Agreed(cost.user_price, cost.discount_percent)
    return line_price(base, 1, cost.currency, agreed=agreed, promotion=promotion).unit_price


def is_protected(cost: SubscriptionCost, on: date) -> bool:
    """Whether a price is locked on a day (CB-06)."""
    return cost.protected_until is not None and on <= cost.protected_until


def _protected_base(subscription: Subscription, cost: SubscriptionCost, on: date, rows: PriceRows) -> Decimal:
    """Return a locked price; an edited rule of its list is applied to what was locked, sell price or vendor's cost."""
    locked = cost.protected_price if cost.protected_price is not None else cost.unit_cost
    rule = rows.rule_of(subscription, cost, on)
    if rule is None or rule.rule is PriceRule.FIXED or cost.protected_list_price is None:
        return locked
    if rule.rule is PriceRule.MARKUP:
        vendors = locked_vendor_cost(subscription.id)
        if vendors is None:
            return locked
        rule = replace(rule, price=with_percent(vendors.vendor_cost, rule.value or NOTHING))
    return _line_base(subscription, cost, cost.protected_list_price, rule)


def _todays_base(
    subscription: Subscription, cost: SubscriptionCost, payer: Account, on: date, rows: PriceRows
) -> Decimal:
    price, rule = rows.price_of(subscription), rows.rule_of(subscription, cost, on)
    list_price = None if price is None else price.list_price
    if rule is not None:
        return _line_base(subscription, cost, *counted_from(rule, list_price))
    if cost.price_list_id is None and list_price is not None:
        return _line_base(subscription, cost, list_price, None)
    found = rows.offer_of(subscription, payer, on)
    if found is None:  # not sold any more: what runs goes on at its price (CB-02)
        return _present(cost)
    cost.price_list_id = found.price_list_id
    return _line_base(subscription, cost, *found.counted_from)


def _line_base(subscription: Subscription, cost: SubscriptionCost, start: Decimal, rule: ListRule | None) -> Decimal:
    product = session.get_one(Product, (subscription.distributor_id, subscription.product_id))
    try:
        options = chosen_options(product, tuple(subscription.price_options), cost.currency)
    except Invalid:  # an option is not sold any more: what runs goes on at its price, and holds no other's billing up
        return _present(cost)
    return line_price(
        start,
        max(subscription.quantity, 1),
        cost.currency,
        scheme=product.price_scheme,
        tiers=tiers_of(product),
        options=options,
        rule=rule,
    ).unit_price


def _present(cost: SubscriptionCost) -> Decimal:
    """Return what a unit costs before hand and promotion."""
    return cost.base_cost if cost.base_cost is not None else cost.unit_cost


def _price_row(subscription: Subscription) -> ProductPrice | None:
    return session.scalar(
        select(ProductPrice).where(
            ProductPrice.distributor_id == current_scope().distributor_id,
            ProductPrice.product_id == subscription.product_id,
            ProductPrice.term == subscription.term,
            ProductPrice.cycle == subscription.cycle,
            ProductPrice.currency == subscription.currency,
        )
    )


def _rule_of_own_list(subscription: Subscription, cost: SubscriptionCost, on: date) -> ListRule | None:
    if cost.price_list_id is None:
        return None
    entry = session.scalar(
        select(PriceListEntry)
        .join(
            PriceList,
            (PriceList.distributor_id == PriceListEntry.distributor_id)
            & (PriceList.id == PriceListEntry.price_list_id),
        )
        .where(
            PriceListEntry.distributor_id == current_scope().distributor_id,
            PriceListEntry.price_list_id == cost.price_list_id,
            PriceListEntry.product_id == subscription.product_id,
            PriceListEntry.term == subscription.term,
            PriceListEntry.cycle == subscription.cycle,
            PriceList.is_active,
            or_(PriceList.valid_to.is_(None), PriceList.valid_to >= on),
        )
    )
    return None if entry is None else rule_of(entry)


def _promotion_of_next_cycle(cost: SubscriptionCost) -> Reduction | None:
    """Use up a cycle of a promotion; None once it is over."""
    if cost.promotion_id is None:
        return None
    if cost.promotion_cycles_left is not None:
        if cost.promotion_cycles_left == 0:
            cost.promotion_id = cost.promotion_cycles_left = None
            return None
        cost.promotion_cycles_left -= 1
    return reduction_of(cost.promotion_id)


def reduction_of(promotion_id: UUID) -> Reduction | None:
    """Return what a promotion takes off."""
    promotion = session.get(Promotion, (current_scope().distributor_id, promotion_id))
    if promotion is None:
        return None
    if promotion.amount_kind is PromotionAmount.PERCENT:
        return Reduction(percent=promotion.value)
    return Reduction(amount=promotion.value)


def _protect_anew(cost: SubscriptionCost, base: Decimal, on: date, price: ProductPrice | None) -> None:
    """Lock the then-current price for the next protected term, where the old one was locked (CB-06)."""
    if cost.label is not PriceLabel.PROTECTED:
        return
    if price is None or not price.protection_months:
        cost.label, cost.protected_price, cost.protected_until = PriceLabel.LIST, None, None
        return
    cost.protected_price, cost.protected_list_price = base, price.list_price
    cost.protected_until = add_months(on, price.protection_months) - ONE_DAY
