"""Credentials of the APIs that end soon: their owners are told (BC-32)."""

from __future__ import annotations

from datetime import datetime

from app.identity.api_clients.notices import tell_of_ends


def tell_of_ending_credentials(at: datetime) -> None:
    """Credentials that end within 14 days, each once."""
    tell_of_ends(at=at)
