"""Prices of whole lines: what a quantity of a product with chosen options costs its payer, and its buyer pays.

Most lines are unit price x quantity and need nothing more; only where tiers, options or a promotion play a part is the
price list's rule looked up, in one statement for all lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from app.catalogue.charging import PriceOption, chosen_options, tiers_of
from app.catalogue.models import PriceScheme, Product
from app.core.db import session
from app.core.errors import Invalid
from app.core.money import line_amount, round_money
from app.pricing.arithmetic import floor_price, marked_up, rounded, with_percent
from app.pricing.buyers import Buyer
from app.pricing.models import PriceListEntry
from app.pricing.quotes import ExplainedPrice, PriceKey
from app.pricing.schemes import NOTHING_AGREED, Agreed, ListRule, Priced, Reduction, Step, line_price
from tenants.context import current_scope


@dataclass(frozen=True, slots=True)
class Asked:
    """One line to be priced: what, how many, with which options, and what lowers it."""

    product: Product
    key: PriceKey
    quantity: int
    options: tuple[str, ...] = ()
    promotion: Reduction | None = None
    agreed: Agreed = NOTHING_AGREED

    @property
    def is_plain(self) -> bool:
        """Whether it is unit price x quantity."""
        return (
            self.product.price_scheme is PriceScheme.PER_UNIT
            and not self.options
            and self.promotion is None
            and self.agreed == NOTHING_AGREED
        )


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A priced line. `price` explains one unit of it (staff and jobs only), `cost` is the payer's side."""

    price: ExplainedPrice
    cost: Priced
    line_total: Decimal  # what the buyer pays, at the minor unit


def price_lines(
    lines: Sequence[Asked], prices: Mapping[PriceKey, ExplainedPrice], buyer: Buyer
) -> list[PricedLine | None]:
    """Price lines, in their order; None for what this buyer cannot have, or not with these options.

    `prices` are today's prices of one unit (`quotes.explain_products`). At most one statement, none for plain lines.
    """
    rules = _rules_of([line for line in lines if not line.is_plain], prices)
    found: list[PricedLine | None] = []
    for line in lines:
        price = prices.get(line.key)
        if price is None:
            found.append(None)
            continue
        try:
            options = chosen_options(line.product, line.options, buyer.currency)
        except Invalid:
            found.append(None)
            continue
        found.append(_priced(line, price, options, rules.get(_entry_key(line.key, price)), buyer))
    return found


def _priced(
    line: Asked, price: ExplainedPrice, options: Sequence[PriceOption], rule: ListRule | None, buyer: Buyer
) -> PricedLine:
    is_by_list = rule is not None and price.list_price is not None
    cost = line_price(
        price.list_price if is_by_list and price.list_price is not None else price.cost,
        line.quantity,
        buyer.currency,
        scheme=line.product.price_scheme,
        tiers=tiers_of(line.product),
        options=options,
        rule=rule if is_by_list else None,
        agreed=line.agreed,
        promotion=line.promotion,
    )
    if line.is_plain:
        return PricedLine(price, cost, line_amount(price.unit_price, line.quantity, buyer.currency))
    if buyer.reseller_id is None:
        own = replace(price, cost=cost.unit_price, before_rounding=cost.unit_price, unit_price=cost.unit_price)
        return PricedLine(_without_idle_retail(own), cost, cost.line)
    sold = _sold(price, cost, options, buyer)
    return PricedLine(sold, cost, line_amount(sold.unit_price, line.quantity, buyer.currency))


def _sold(price: ExplainedPrice, cost: Priced, options: Sequence[PriceOption], buyer: Buyer) -> ExplainedPrice:
    """Mark the unit cost of this quantity up; an agreed price stays, with its options at cost (decisions section 8)."""
    unit = cost.unit_price
    if price.is_special:
        before = price.before_rounding + (_options_cost(cost) if options else Decimal(0))
        unfloored = round_money(before, buyer.currency)
        amount = max(unfloored, floor_price(unit, buyer.currency))
    else:
        percent = price.percent if price.percent is not None else buyer.default_markup
        before = with_percent(unit, percent)
        unfloored = rounded(before, buyer.rounding, buyer.currency)
        amount = marked_up(unit, percent, buyer.rounding, buyer.currency)
    return _without_idle_retail(
        replace(price, cost=unit, before_rounding=before, unit_price=amount, floor_applied=amount > unfloored)
    )


def _options_cost(cost: Priced) -> Decimal:
    before = cost.list_price
    for step in cost.steps:
        if step.step is Step.OPTIONS:
            return step.unit_price - before
        before = step.unit_price
    return Decimal(0)


def _without_idle_retail(price: ExplainedPrice) -> ExplainedPrice:
    """A retail price that is not above the price says nothing."""
    if price.retail_price is not None and price.retail_price <= price.unit_price:
        return replace(price, retail_price=None)
    return price


_EntryKey = tuple[UUID | None, PriceKey]


def _entry_key(key: PriceKey, price: ExplainedPrice) -> _EntryKey:
    return price.price_list_id, key


def _rules_of(lines: Sequence[Asked], prices: Mapping[PriceKey, ExplainedPrice]) -> Mapping[_EntryKey, ListRule]:
    by_list = {
        _entry_key(line.key, prices[line.key])
        for line in lines
        if line.key in prices and prices[line.key].price_list_id is not None
    }
    if not by_list:
        return {}
    entries = session.scalars(
        select(PriceListEntry).where(
            PriceListEntry.distributor_id == current_scope().distributor_id,
            PriceListEntry.price_list_id.in_({list_id for list_id, _ in by_list}),
            PriceListEntry.product_id.in_({key.product_id for _, key in by_list}),
        )
    )
    return {
        (entry.price_list_id, PriceKey(entry.product_id, entry.term, entry.cycle)): ListRule(
            entry.rule, entry.value, entry.price
        )
        for entry in entries
    }
