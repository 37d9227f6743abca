"""Prices of whole lines: what a quantity of a product with chosen options costs its payer, and its buyer pays.

Most lines are unit price x quantity and need nothing more; the others are counted from where their price comes from.
No statement is made: a quote carries what its price list says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from app.catalogue.charging import PriceOption, Tier, chosen_options, tiers_of
from app.catalogue.models import PriceScheme, Product
from app.core.errors import Invalid
from app.core.money import line_amount, round_money
from app.pricing.arithmetic import floor_price, marked_up, rounded, with_percent
from app.pricing.buyers import Buyer
from app.pricing.quotes import BuyerPrice, ExplainedPrice, PriceKey, explain_products
from app.pricing.schemes import NOTHING_AGREED, Agreed, Priced, Reduction, Step, line_price, tiers_in_force


@dataclass(frozen=True, slots=True)
class Asked:
    """One line to be priced: what, how many, with which options, and what lowers it."""

    product: Product
    key: PriceKey
    quantity: int
    options: tuple[str, ...] = ()
    promotion: Reduction | None = None
    agreed: Agreed = NOTHING_AGREED

    def is_plain(self, price: ExplainedPrice) -> bool:
        """Whether it is unit price x quantity."""
        return (
            is_by_unit(self.product, price)
            and not self.options
            and self.promotion is None
            and self.agreed == NOTHING_AGREED
        )


def is_by_unit(product: Product, price: ExplainedPrice) -> bool:
    """Whether a unit of a product costs the same in every quantity."""
    return product.price_scheme is PriceScheme.PER_UNIT and (price.said is None or not price.said.tiers)


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A priced line. `price` explains one unit of it (staff and jobs only), `cost` is the payer's side."""

    price: ExplainedPrice
    cost: Priced
    line_total: Decimal  # what the buyer pays, at the minor unit


@dataclass(frozen=True, slots=True)
class TierPrice:
    """What its buyer pays for a unit and cycle in a range of quantities, both ends included; `last` None: without end."""

    first: int
    last: int | None
    unit_price: Decimal


@dataclass(frozen=True, slots=True)
class PriceByQuantity:
    """A price as its buyer may see it, with its ranges; none where a unit costs the same in every quantity.

    By volume the range of the whole quantity prices every unit, else each slice has its own price (CB-04); marked up,
    the line of a mixed quantity is rounded by its unit, so that slices add up to it but for that.
    """

    price: BuyerPrice
    is_by_volume: bool
    tiers: tuple[TierPrice, ...]


def prices_by_quantity(product: Product, buyer: Buyer) -> dict[PriceKey, PriceByQuantity]:
    """Price a product for a buyer, with what larger quantities cost; safe to show to customers. One statement."""
    return {key: by_quantity(product, price, buyer) for key, price in explain_products([product.id], buyer).items()}


def by_quantity(product: Product, price: ExplainedPrice, buyer: Buyer) -> PriceByQuantity:
    """Return a price with its ranges: list, tiers, the list's line tiers, markups and agreed prices applied."""
    base, rule = price.counted_from
    scheme, tiers = tiers_in_force(product.price_scheme, tiers_of(product), rule)
    found: list[TierPrice] = []
    for place, tier in enumerate(tiers if scheme is not PriceScheme.PER_UNIT else ()):
        alone = (Tier(1, tier.percent),)
        own = replace(rule, scheme=PriceScheme.VOLUME, tiers=alone) if rule is not None else None
        cost = line_price(base, 1, buyer.currency, scheme=PriceScheme.VOLUME, tiers=alone, rule=own)
        sold = cost.unit_price if buyer.reseller_id is None else _sold(price, cost, (), buyer).unit_price
        last = tiers[place + 1].from_quantity - 1 if place + 1 < len(tiers) else None
        found.append(TierPrice(tier.from_quantity, last, sold))
    differs = len({each.unit_price for each in found}) > 1
    return PriceByQuantity(price.for_buyer(), scheme is PriceScheme.VOLUME, tuple(found) if differs else ())


def price_lines(
    lines: Sequence[Asked], prices: Mapping[PriceKey, ExplainedPrice], buyer: Buyer
) -> list[PricedLine | None]:
    """Price lines, in their order; None for what this buyer cannot have, or not with these options.

    `prices` are today's prices of one unit (`quotes.explain_products`).
    """
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
        found.append(_priced(line, price, options, buyer))
    return found


def _priced(line: Asked, price: ExplainedPrice, options: Sequence[PriceOption], buyer: Buyer) -> PricedLine:
    base, rule = price.counted_from
    cost = line_price(
        base,
        line.quantity,
        buyer.currency,
        scheme=line.product.price_scheme,
        tiers=tiers_of(line.product),
        options=options,
        rule=rule,
        agreed=line.agreed,
        promotion=line.promotion,
    )
    if line.is_plain(price):
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
