"""The tiers a line of a price list may carry: as a person types them, as a file holds them, as they stand (CB-04, CB-05).

Written `1 = 10 %; 11 = 30 %`: from which quantity, how much off the line's price. In a file the scheme stands before
them, `volume: 1 = 10 %; 11 = 30 %`; `none` is a line without tiers, and an empty cell leaves it to the product.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.catalogue.charging import Tier, tier_errors, tiers_as_json, tiers_from_json
from app.catalogue.models import PriceScheme
from app.core.errors import FieldError, Invalid

NO_TIERS = "none"
EXAMPLE = "1 = 10 %; 11 = 30 %"
_TIER = re.compile(r"(?P<first>\d{1,7})\s*=\s*(?P<percent>\d{1,3}(?:[.,]\d{1,4})?)\s*%?")
_BETWEEN = re.compile(r"[;\n]")


@dataclass(frozen=True, slots=True)
class Ladder:
    """Tiers of a line. Scheme None: as the product is priced; PER_UNIT: no tiers, whatever the product has."""

    scheme: PriceScheme | None = None
    tiers: tuple[Tier, ...] = ()

    @property
    def is_tiered(self) -> bool:
        """Whether the price depends on the quantity by this line."""
        return self.scheme not in (None, PriceScheme.PER_UNIT)

    def require_valid(self) -> None:
        """Raise Invalid at field `tiers`: none where there should be some, and what `charging.tier_errors` says."""
        errors = list(tier_errors(self.tiers)) if self.is_tiered else []
        if self.is_tiered and not self.tiers:
            errors = [FieldError("tiers", "tiers_required", f"Enter at least one tier, such as {EXAMPLE}")]
        elif not self.is_tiered and self.tiers:
            errors = [FieldError("tiers", "tiers_not_wanted", "Choose volume or tiered, or leave the tiers empty")]
        if errors:
            raise Invalid(*errors)

    def as_json(self) -> list[dict[str, Any]] | None:
        """Return the tiers as they are stored beside the scheme."""
        return tiers_as_json(self.tiers) if self.is_tiered else None


BY_PRODUCT = Ladder()


def ladder_of(scheme: PriceScheme | None, rows: list[dict[str, Any]] | None) -> Ladder:
    """Return the tiers of a stored line."""
    return Ladder(scheme, tiers_from_json(rows))


def tiers_text(tiers: tuple[Tier, ...]) -> str:
    """Write tiers: `1 = 10 %; 11 = 30 %`."""
    return "; ".join(f"{tier.from_quantity} = {_short(tier.percent)} %" for tier in tiers)


def tiers_from_text(text: str) -> tuple[Tier, ...]:
    """Read tiers; raises Invalid `tiers_unreadable` at field `tiers`. What they say is judged by `Ladder`."""
    found: list[Tier] = []
    for part in filter(None, map(str.strip, _BETWEEN.split(text))):
        tier = _TIER.fullmatch(part)
        if tier is None:
            raise Invalid.field("tiers", "tiers_unreadable", f"Write tiers as {EXAMPLE}")
        found.append(Tier(int(tier["first"]), Decimal(tier["percent"].replace(",", "."))))
    return tuple(found)


def ladder_text(ladder: Ladder) -> str:
    """Write a line's tiers as a cell of a file; empty: as the product."""
    if ladder.scheme is None:
        return ""
    return f"{ladder.scheme.value}: {tiers_text(ladder.tiers)}" if ladder.is_tiered else NO_TIERS


def ladder_from_text(text: str) -> Ladder:
    """Read a cell; raises Invalid at field `tiers`."""
    written = text.strip()
    if not written:
        return BY_PRODUCT
    if written.casefold() == NO_TIERS:
        return Ladder(PriceScheme.PER_UNIT)
    kind, colon, rest = written.partition(":")
    schemes = {each.value: each for each in (PriceScheme.VOLUME, PriceScheme.TIERED)}
    scheme = schemes.get(kind.strip().casefold())
    if scheme is None or not colon:
        raise Invalid.field("tiers", "tiers_unreadable", f"Write tiers as volume: {EXAMPLE}, or none")
    found = Ladder(scheme, tiers_from_text(rest))
    found.require_valid()
    return found


def _short(percent: Decimal) -> str:
    return f"{percent.normalize():f}"
