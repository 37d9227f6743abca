"""The capability of telling what a vendor sells (CB-15); a connector has it or not."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class DescribesServices(Protocol):
    """A connector that can be asked for the vendor's services definition."""

    def definition(self) -> object:
        """Return the feed as the vendor sent it: app.catalogue.vendor_runs.definition reads it.

        Raises ConnectorUnavailable and ConnectorRejected.
        """
        ...
