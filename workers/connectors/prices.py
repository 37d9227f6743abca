"""What a connector may offer beside provisioning: to tell what a service costs at its vendor now (CB-26)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceQuestion:
    """A running service whose price is wanted, per unit and billing cycle."""

    product_code: str
    quantity: int
    term: str  # ISO 8601 duration
    billing_cycle: str
    currency: str  # ISO 4217
    vendor_reference: str | None


@runtime_checkable
class TellsPrices(Protocol):
    """A connector whose vendor can be asked for prices. Raises what every method of a connector raises."""

    def price_of(self, asked: PriceQuestion) -> Decimal:
        """Return the net price of one unit per billing cycle, in the currency that was asked for."""
        ...
