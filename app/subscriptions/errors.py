"""What can go wrong with a subscription."""

from __future__ import annotations

from app.core.errors import NotFound


class SubscriptionNotFound(NotFound):
    """There is no such subscription for this caller."""

    def __init__(self, reference: object) -> None:
        super().__init__(f"There is no subscription {reference}")
        self.reference = reference
