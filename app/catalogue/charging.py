"""How a product is charged beyond its list price: tiers by quantity and options buyers choose (CB-03, CB-04).

Both stand as JSON on the product; this module is the only one that reads and writes that JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

from app.catalogue.models import Product
from app.core.errors import FieldError, Invalid

HUNDRED = Decimal(100)
CENT = Decimal("0.01")
MOST_TIERS = 20
MOST_OPTIONS = 50
MAX_QUANTITY = 1_000_000
MAX_AMOUNT = Decimal("99999999.9999")
OPTION_CODE_LENGTH, OPTION_NAME_LENGTH = 40, 100


@dataclass(frozen=True, slots=True)
class Tier:
    """A discount on the unit price from a quantity on. `to_quantity` is only what a person wrote beside it."""

    from_quantity: int
    percent: Decimal
    to_quantity: int | None = None


@dataclass(frozen=True, slots=True)
class PriceOption:
    """Something a buyer may choose that adds to the unit price of a cycle: an amount, or a percentage of the base."""

    code: str
    name: str
    amount: Decimal | None = None  # in `currency`, per unit and billing cycle
    percent: Decimal | None = None
    currency: str | None = None  # of the amount

    def fits(self, currency: str) -> bool:
        """Whether it can be sold in a currency."""
        return self.amount is None or self.currency == currency


def tiers_of(product: Product) -> tuple[Tier, ...]:
    """Return a product's tiers, the first from 1."""
    return tiers_from_json(product.price_tiers)


def tiers_from_json(rows: Sequence[Mapping[str, Any]] | None) -> tuple[Tier, ...]:
    """Return tiers as they were stored by `tiers_as_json`; none for None."""
    return tuple(Tier(int(row["from"]), Decimal(str(row["percent"]))) for row in rows or ())


def options_of(product: Product) -> tuple[PriceOption, ...]:
    """Return what can be chosen with a product."""
    return tuple(
        PriceOption(
            code=row["code"],
            name=row["name"],
            amount=Decimal(str(row["amount"])) if row.get("amount") is not None else None,
            percent=Decimal(str(row["percent"])) if row.get("percent") is not None else None,
            currency=row.get("currency"),
        )
        for row in product.price_options
    )


def chosen_options(product: Product, codes: Sequence[str], currency: str) -> tuple[PriceOption, ...]:
    """Return the options of some codes; raises Invalid `option_unknown` for one the product does not have."""
    if not codes:
        return ()
    known = {option.code: option for option in options_of(product)}
    chosen = dict.fromkeys(codes)
    for code in chosen:
        if code not in known or not known[code].fits(currency):
            raise Invalid.field("options", "option_unknown", f"{product.name} has no option “{code[:40]}”")
    return tuple(known[code] for code in chosen)


def tiers_as_json(tiers: Sequence[Tier]) -> list[dict[str, Any]]:
    """Return tiers as they are stored."""
    return [{"from": tier.from_quantity, "percent": str(tier.percent)} for tier in tiers]


def options_as_json(options: Sequence[PriceOption]) -> list[dict[str, Any]]:
    """Return options as they are stored."""
    return [
        {
            "code": option.code,
            "name": option.name,
            "amount": str(option.amount) if option.amount is not None else None,
            "percent": str(option.percent) if option.percent is not None else None,
            "currency": option.currency if option.amount is not None else None,
        }
        for option in options
    ]


def tier_errors(tiers: Sequence[Tier]) -> Iterator[FieldError]:
    """Say what is wrong with tiers in the order they are written: first from 1, increasing, no gap and no overlap."""
    if len(tiers) > MOST_TIERS:
        yield FieldError("tiers", "tiers_many", f"Use at most {MOST_TIERS} tiers")
    if tiers and tiers[0].from_quantity != 1:
        yield FieldError("tiers", "tiers_first", "The first tier begins at quantity 1")
    for tier in tiers:
        if not 1 <= tier.from_quantity <= MAX_QUANTITY:
            yield FieldError("tiers", "quantity_range", "A tier begins at a whole number from 1 to 1,000,000")
        if not 0 <= tier.percent <= HUNDRED or tier.percent != tier.percent.quantize(CENT):
            yield FieldError("tiers", "percent_range", "A discount is 0 to 100 %, with at most 2 decimals")
        if tier.to_quantity is not None and tier.to_quantity < tier.from_quantity:
            yield FieldError("tiers", "tiers_order", "A tier ends before it begins")
    yield from _ladder_errors(tiers)


def _ladder_errors(tiers: Sequence[Tier]) -> Iterator[FieldError]:
    for before, after in pairwise(tiers):
        if after.from_quantity <= before.from_quantity:
            yield FieldError("tiers", "tiers_order", "Each tier begins above the one before it")
        elif before.to_quantity is not None and after.from_quantity <= before.to_quantity:
            message = f"The tiers from {before.from_quantity} and from {after.from_quantity} overlap"
            yield FieldError("tiers", "tiers_overlap", message)
        elif before.to_quantity is not None and after.from_quantity > before.to_quantity + 1:
            message = f"No tier holds the quantities {before.to_quantity + 1} to {after.from_quantity - 1}"
            yield FieldError("tiers", "tiers_gap", message)
    if tiers and tiers[-1].to_quantity is not None:
        yield FieldError("tiers", "tiers_gap", "The last tier has no end: leave its “to” empty")


def option_errors(options: Sequence[PriceOption]) -> Iterator[FieldError]:
    """Say what is wrong with a product's options."""
    if len(options) > MOST_OPTIONS:
        yield FieldError("options", "options_many", f"Use at most {MOST_OPTIONS} options")
    codes = [option.code.lower() for option in options]
    if len(set(codes)) < len(codes):
        yield FieldError("options", "option_twice", "Two options have the same code")
    for option in options:
        if not option.code or len(option.code) > OPTION_CODE_LENGTH or not option.code.replace("-", "").isalnum():
            yield FieldError("options", "option_code", "A code is 1 to 40 letters, digits or dashes")
        if not option.name or len(option.name) > OPTION_NAME_LENGTH:
            yield FieldError("options", "option_name", "A name is 1 to 100 characters")
        if (option.amount is None) == (option.percent is None):
            yield FieldError(
                "options", "option_value", f"Give “{option.code[:40]}” an amount or a percentage, not both"
            )
        if option.amount is not None and not 0 <= option.amount <= MAX_AMOUNT:
            yield FieldError("options", "amount_range", "An amount is 0 or more")
        if option.percent is not None and not 0 <= option.percent <= 1000:  # noqa: PLR2004 - as a markup
            yield FieldError("options", "percent_range", "A percentage is 0 to 1000")
