"""What OpenID Connect needs of the outside world. The surfaces bring the real one, with its guard of private targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class OutsideFailed(Exception):
    """The other side did not answer, or not as it should; `reason` is for owners and logs."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Outside(Protocol):
    """Calls that leave the installation. All raise OutsideFailed; redirects are not followed."""

    def get_json(self, url: str, *, bearer: str | None = None) -> Mapping[str, Any]:
        """Fetch a JSON object."""

    def get_text(self, url: str) -> str:
        """Fetch a text."""

    def post_form(self, url: str, fields: Mapping[str, str], *, basic: tuple[str, str] | None) -> Mapping[str, Any]:
        """Send a form and return the JSON object that comes back."""
