"""What a line costs: base, options, tiers, the price list's rule, what staff agreed, promotion, quantity (CB-04).

Pure arithmetic in CB-04's order of resolution; nothing is rounded before the end. Tiers price a line, so the unit price
is the line's divided by its quantity, at 4 decimals (decisions section 8).

A price list's *discount* lowers what options and tiers made of the list price. Its *fixed* and *mark-up* prices take the
place of list price and tiers; options are added to them, since they are sold beside the product. Tiers of the list's own
line take the place of the product's, whatever the rule.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from app.catalogue.charging import PriceOption, Tier, tiers_from_json
from app.catalogue.models import PriceScheme
from app.core.money import round_money, round_unit
from app.pricing.models import PriceListEntry, PriceRule

HUNDRED = Decimal(100)
ZERO = Decimal(0)


class Step(enum.Enum):
    """Where a price changed on its way."""

    BASE = "base"
    OPTIONS = "options"
    TIERS = "tiers"
    PRICE_LIST = "price_list"
    USER_PRICE = "user_price"
    USER_DISCOUNT = "user_discount"
    PROMOTION = "promotion"


@dataclass(frozen=True, slots=True)
class PriceStep:
    """A step with the unit price after it."""

    step: Step
    unit_price: Decimal


@dataclass(frozen=True, slots=True)
class ListRule:
    """What a price list says of a key: its rule, the rule's value, the price resolved from them, its own tiers."""

    rule: PriceRule
    value: Decimal | None
    price: Decimal
    scheme: PriceScheme | None = None  # None: as the product is priced
    tiers: tuple[Tier, ...] = ()

    @property
    def replaces_list_price(self) -> bool:
        """Whether its price is no reduction of the list price, and counts in its place."""
        return self.rule in (PriceRule.FIXED, PriceRule.MARKUP)


def rule_of(entry: PriceListEntry) -> ListRule:
    """Return what an entry of a price list says."""
    return ListRule(entry.rule, entry.value, entry.price, entry.price_scheme, tiers_from_json(entry.price_tiers))


def counted_from(rule: ListRule, list_price: Decimal | None) -> tuple[Decimal, ListRule]:
    """Return the base a rule's line is counted from, and the rule as it counts there.

    Without a list price the resolved price is the base: it has been reduced already, and is not reduced again.
    """
    if list_price is not None:
        return list_price, rule
    return rule.price, rule if rule.replaces_list_price else replace(rule, rule=PriceRule.SAME, value=None)


@dataclass(frozen=True, slots=True)
class Reduction:
    """What a promotion takes off: a percentage, or an amount per unit and cycle that never leads below 0."""

    percent: Decimal | None = None
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Priced:
    """A priced line: where it started, each step, the unit price at 4 decimals, the line at the minor unit."""

    list_price: Decimal
    steps: tuple[PriceStep, ...]
    unit_price: Decimal
    line: Decimal


@dataclass(frozen=True, slots=True)
class Agreed:
    """What staff agreed for a line: a unit price takes the place of all before it, and wins over a discount."""

    unit_price: Decimal | None = None
    discount_percent: Decimal = ZERO


NOTHING_AGREED = Agreed()


def line_price(
    base: Decimal,
    quantity: int,
    currency: str,
    *,
    scheme: PriceScheme = PriceScheme.PER_UNIT,
    tiers: Sequence[Tier] = (),
    options: Sequence[PriceOption] = (),
    rule: ListRule | None = None,
    agreed: Agreed = NOTHING_AGREED,
    promotion: Reduction | None = None,
) -> Priced:
    """Price `quantity` units whose list price is `base`, per billing cycle. `quantity` is at least 1."""
    is_replaced = rule is not None and rule.replaces_list_price
    start = rule.price if rule is not None and is_replaced else base
    scheme, tiers = tiers_in_force(scheme, tiers, rule)
    steps: list[PriceStep] = [PriceStep(Step.BASE, round_unit(base))]
    line = start * quantity

    def took(step: Step) -> None:
        steps.append(PriceStep(step, round_unit(line / quantity)))

    if is_replaced:
        took(Step.PRICE_LIST)
    if options:
        line = (start + sum((_added(option, start) for option in options), ZERO)) * quantity
        took(Step.OPTIONS)
    if tiers and scheme is not PriceScheme.PER_UNIT:
        line = _tiered(line / quantity, quantity, scheme, tiers)
        took(Step.TIERS)
    if rule is not None and rule.rule is PriceRule.DISCOUNT:
        line = _less(line, rule.value or ZERO)
        took(Step.PRICE_LIST)
    if agreed.unit_price is not None:
        line = agreed.unit_price * quantity
        took(Step.USER_PRICE)
    elif agreed.discount_percent:
        line = _less(line, agreed.discount_percent)
        took(Step.USER_DISCOUNT)
    if promotion is not None:
        line = _promoted(line, quantity, promotion)
        took(Step.PROMOTION)
    return Priced(base, tuple(steps), round_unit(line / quantity), round_money(line, currency))


def tiers_in_force(
    scheme: PriceScheme, tiers: Sequence[Tier], rule: ListRule | None
) -> tuple[PriceScheme, Sequence[Tier]]:
    """Return the tiers that count for a product with `tiers`: its list's own, else those, unless its list price is replaced."""
    if rule is not None and rule.scheme is not None:
        return rule.scheme, rule.tiers
    if rule is not None and rule.replaces_list_price:
        return PriceScheme.PER_UNIT, ()
    return scheme, tiers


def promoted_unit(unit_price: Decimal, promotion: Reduction) -> Decimal:
    """Return a unit price less a promotion, at 4 decimals. 20.00 less 20 % is 16.00."""
    return round_unit(_promoted(unit_price, 1, promotion))


def _added(option: PriceOption, start: Decimal) -> Decimal:
    """A percentage is of the base, not of the running total."""
    if option.amount is not None:
        return option.amount
    return start * (option.percent or ZERO) / HUNDRED


def _tiered(unit: Decimal, quantity: int, scheme: PriceScheme, tiers: Sequence[Tier]) -> Decimal:
    if scheme is PriceScheme.VOLUME:
        reached = [tier for tier in tiers if tier.from_quantity <= quantity]
        return _less(unit, reached[-1].percent if reached else ZERO) * quantity
    total, ends = ZERO, [*(tier.from_quantity for tier in tiers[1:]), quantity + 1]
    for tier, end in zip(tiers, ends, strict=True):
        within = min(end, quantity + 1) - tier.from_quantity
        total += _less(unit, tier.percent) * max(within, 0)
    return total


def _promoted(line: Decimal, quantity: int, promotion: Reduction) -> Decimal:
    if promotion.amount is not None:
        return max(line - promotion.amount * quantity, ZERO)
    return _less(line, promotion.percent or ZERO)


def _less(amount: Decimal, percent: Decimal) -> Decimal:
    return amount * (HUNDRED - percent) / HUNDRED
