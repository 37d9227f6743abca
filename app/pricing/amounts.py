"""Reading percentages, amounts and periods that people typed; every refusal has a stable code (RS-19, RS-20)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from app.core.errors import Invalid
from app.core.money import minor_unit

MAX_PERCENT = Decimal(1000)
CENT = Decimal("0.01")
MAX_AMOUNT = Decimal(10) ** 12


def _number(text: str, field: str) -> Decimal:
    cleaned = text.strip()
    if cleaned.count(",") == 1 and "." not in cleaned:
        cleaned = cleaned.replace(",", ".")
    try:
        found = Decimal(cleaned)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise Invalid.field(field, "number", "Enter a number, such as 15 or 12.50")
    return found


def checked_percent(percent: Decimal, *, field: str = "percent") -> Decimal:
    """Return a markup between 0.00 and 1000.00; raises Invalid with min_0, max_1000 or decimals_2."""
    if percent < 0:
        raise Invalid.field(field, "min_0", "A markup cannot be negative: nothing is sold below cost")
    if percent > MAX_PERCENT:
        raise Invalid.field(field, "max_1000", "A markup can be at most 1000 %")
    if percent != percent.quantize(CENT):
        raise Invalid.field(field, "decimals_2", "Use at most 2 decimals, such as 12.50")
    return percent.quantize(CENT)


def percent_of(text: str, *, field: str = "percent") -> Decimal:
    """Read a markup; raises Invalid with number, min_0, max_1000 or decimals_2."""
    return checked_percent(_number(text, field), field=field)


def optional_percent_of(text: str | None, *, field: str = "percent") -> Decimal | None:
    """Read a markup that may be left empty to inherit one."""
    return percent_of(text, field=field) if text and text.strip() else None


def checked_amount(amount: Decimal, currency: str, *, field: str = "amount") -> Decimal:
    """Return an amount in whole minor units; raises Invalid with min_0, max or decimals_2 (decimals_0 for JPY)."""
    if amount < 0:
        raise Invalid.field(field, "min_0", "A price cannot be negative")
    if amount > MAX_AMOUNT:
        raise Invalid.field(field, "max", "This price is too high")
    unit = minor_unit(currency)
    digits = max(0, -int(unit.as_tuple().exponent))
    if amount % unit != 0:
        raise Invalid.field(field, f"decimals_{digits}", f"{currency} has {digits} decimals")
    return amount.quantize(unit)


def amount_of(text: str, currency: str, *, field: str = "amount") -> Decimal:
    """Read a price; raises Invalid with number, min_0, max or decimals_2."""
    return checked_amount(_number(text, field), currency, field=field)


def cost_text(cost: Decimal, currency: str) -> str:
    """Write a cost with as many decimals as it has: 10.00, 14.375, 0.0123."""
    whole = cost.quantize(minor_unit(currency))
    return f"{whole if whole == cost else cost.normalize():f}"


@dataclass(frozen=True, slots=True)
class Period:
    """First and last day, both included, in the storefront's zone; None: open."""

    valid_from: date | None = None
    valid_to: date | None = None

    def __post_init__(self) -> None:
        """Refuse a period that ends before it begins: Invalid with date_order."""
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise Invalid.field("valid_to", "date_order", "The last day cannot be before the first")

    @property
    def is_dated(self) -> bool:
        """Whether it begins or ends at all."""
        return self.valid_from is not None or self.valid_to is not None

    def overlaps(self, other: Period) -> bool:
        """Whether a day belongs to both."""
        return (self.valid_from or date.min) <= (other.valid_to or date.max) and (other.valid_from or date.min) <= (
            self.valid_to or date.max
        )


ALWAYS = Period()
