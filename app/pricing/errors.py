"""What can be wrong with markups and special prices (RS-19, RS-20)."""

from __future__ import annotations

from app.core.errors import NotFound


class RuleNotFound(NotFound):
    """The reseller has no such markup or special price."""

    def __init__(self) -> None:
        super().__init__("There is no such price rule")


class TargetNotFound(NotFound):
    """A rule was asked for a product, category, vendor or customer that this reseller does not have."""

    def __init__(self, what: str) -> None:
        super().__init__(f"There is no such {what}")
        self.what = what
