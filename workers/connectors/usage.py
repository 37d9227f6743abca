"""The capability of telling what was used (CB-13); a connector has it or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Protocol, runtime_checkable

from workers.connectors.base import InvalidVendorResponse
from workers.connectors.line import short_text

MOST_QUANTITY = Decimal("99999999999.9999")
LARGEST_STEP = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class UsageSeen:
    """What one service used of one resource, first and last day included."""

    reference: str  # of the service at the vendor
    resource: str
    quantity: Decimal
    first_day: date
    last_day: date


@runtime_checkable
class ReportsUsage(Protocol):
    """A connector that can be asked what was used."""

    def usage(self, first: date, last: date) -> tuple[UsageSeen, ...]:
        """Return what was used on some days; asked again, the same days have the same rows.

        Raises ConnectorUnavailable and ConnectorRejected.
        """
        ...


def usage_of(listed: object) -> tuple[UsageSeen, ...]:
    """Read rows of `externalId`, `resource`, `quantity`, `from`, `to`; InvalidVendorResponse for any other shape."""
    if not isinstance(listed, list):
        raise InvalidVendorResponse("usage is no list")
    return tuple(_row(each) for each in listed)


def _row(fields: object) -> UsageSeen:
    if not isinstance(fields, Mapping):
        raise InvalidVendorResponse("a row of usage is no object")
    reference, resource = (
        short_text(fields.get("externalId"), "externalId"),
        short_text(fields.get("resource"), "resource"),
    )
    if reference is None or resource is None:
        raise InvalidVendorResponse("a row of usage names no service or no resource")
    try:
        quantity = Decimal(str(fields.get("quantity")))
        first, last = (date.fromisoformat(str(fields.get(name))) for name in ("from", "to"))
    except (InvalidOperation, ValueError) as error:
        raise InvalidVendorResponse("a row of usage has no quantity or no days") from error
    if not quantity.is_finite() or not 0 <= quantity <= MOST_QUANTITY or last < first:
        raise InvalidVendorResponse("a row of usage has an impossible quantity or days")
    return UsageSeen(reference, resource, quantity.quantize(LARGEST_STEP), first, last)
