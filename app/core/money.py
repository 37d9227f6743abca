"""Exact money: Decimal with its currency, rounded in one place (spec CB-00, RS-22).

Unit prices and costs keep 4 decimals; line amounts and sell prices are rounded half-up to the currency's minor unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from functools import cache

from babel.core import get_global
from babel.numbers import format_currency

UNIT = Decimal("0.0001")


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies were brought together."""


@cache
def minor_unit(currency: str) -> Decimal:
    """Return the smallest amount of an ISO 4217 currency: 0.01 for EUR, 1 for JPY. Source: Unicode CLDR."""
    digits = get_global("currency_fractions").get(currency, (2, 0, 2, 0))[0]
    return Decimal(1).scaleb(-int(digits))


def round_unit(amount: Decimal) -> Decimal:
    """Round a unit price or cost half-up to 4 decimals."""
    return amount.quantize(UNIT, ROUND_HALF_UP)


def round_money(amount: Decimal, currency: str) -> Decimal:
    """Round half-up to the currency's minor unit."""
    return amount.quantize(minor_unit(currency), ROUND_HALF_UP)


def write_money(amount: Decimal, currency: str) -> str:
    """Write an amount for mails and messages: "€1,234.50". Pages write theirs in the viewer's culture (app.web)."""
    return str(format_currency(round_money(amount, currency), currency, locale="en"))


def ceil_money(amount: Decimal, currency: str) -> Decimal:
    """Round up to the currency's minor unit: the floor below which nothing is sold (RS-20)."""
    return amount.quantize(minor_unit(currency), ROUND_CEILING)


def line_amount(unit_price: Decimal, quantity: int, currency: str) -> Decimal:
    """Return unit price x quantity, rounded once. 3 x 7.3333 EUR = 22.00."""
    return round_money(unit_price * quantity, currency)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount and its ISO 4217 currency."""

    amount: Decimal
    currency: str

    def __add__(self, other: Money) -> Money:
        """Add two amounts of one currency; raises CurrencyMismatch."""
        self._require_same(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        """Subtract an amount of the same currency; raises CurrencyMismatch."""
        self._require_same(other)
        return Money(self.amount - other.amount, self.currency)

    def rounded(self) -> Money:
        """Return the amount rounded half-up to the minor unit."""
        return Money(round_money(self.amount, self.currency), self.currency)

    def _require_same(self, other: Money) -> None:
        if self.currency != other.currency:
            message = f"{self.currency} and {other.currency}"
            raise CurrencyMismatch(message)
