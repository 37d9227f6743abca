"""How a cost becomes a sell price: pure arithmetic, no database (decisions section 6, RS-19, RS-20, RS-22).

A markup is a percentage on cost; its result is rounded by the storefront's rule, before quantity. A special price is
never rounded. Nothing is ever sold below the floor: the cost rounded up to the currency's minor unit.
"""

from __future__ import annotations

import enum
from decimal import ROUND_CEILING, Decimal

from app.core.money import ceil_money, minor_unit, round_money

HUNDRED = Decimal(100)


class Rounding(enum.Enum):
    """How a storefront rounds what a markup gives (RS-22); always upward, except `NONE`, which is half-up."""

    NONE = "none"
    UP_0_05 = "up_0.05"
    UP_0_10 = "up_0.10"
    UP_0_50 = "up_0.50"
    UP_1_00 = "up_1.00"
    UP_99 = "up_99"  # the next price that ends in .99


STEPS = {
    Rounding.UP_0_05: Decimal("0.05"),
    Rounding.UP_0_10: Decimal("0.10"),
    Rounding.UP_0_50: Decimal("0.50"),
    Rounding.UP_1_00: Decimal(1),
}
ENDING = Decimal("0.99")


def floor_price(cost: Decimal, currency: str) -> Decimal:
    """Return the lowest price something may be sold at: its cost rounded up to the minor unit."""
    return ceil_money(cost, currency)


def with_percent(cost: Decimal, percent: Decimal) -> Decimal:
    """Return cost plus markup, exact, before any rounding. 11.50 and 25 give 14.375."""
    return cost * (HUNDRED + percent) / HUNDRED


def rounded(amount: Decimal, rounding: Rounding, currency: str) -> Decimal:
    """Round a marked-up amount by a storefront's rule. Currencies without a minor unit round to whole units."""
    if rounding is Rounding.NONE:
        return round_money(amount, currency)
    if minor_unit(currency) == 1:
        return ceil_money(amount, currency)
    if rounding is Rounding.UP_99:
        raised = (amount - ENDING).to_integral_value(ROUND_CEILING) + ENDING
        return round_money(max(raised, ENDING), currency)
    step = STEPS[rounding]
    return round_money((amount / step).to_integral_value(ROUND_CEILING) * step, currency)


def marked_up(cost: Decimal, percent: Decimal, rounding: Rounding, currency: str) -> Decimal:
    """Return the sell price of a markup. Never below cost: where half-up would be, it is the next unit up."""
    return max(rounded(with_percent(cost, percent), rounding, currency), floor_price(cost, currency))


def special_price(amount: Decimal, cost: Decimal, currency: str) -> Decimal:
    """Return a special price as it was agreed, or the floor where the cost has climbed above it (RS-20)."""
    return max(round_money(amount, currency), floor_price(cost, currency))


def margin_percent(cost: Decimal, sell_price: Decimal) -> Decimal | None:
    """Return the margin as a share of the sell price, in percent with 2 decimals; None where nothing is paid."""
    if sell_price == 0:
        return None
    return ((sell_price - cost) / sell_price * HUNDRED).quantize(Decimal("0.01"))
