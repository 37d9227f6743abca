"""What can go wrong with a subscription."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.errors import Conflict, NotFound

if TYPE_CHECKING:  # models may import errors, not the other way
    from app.subscriptions.models import SubscriptionStatus, SyncStatus


class SubscriptionNotFound(NotFound):
    """There is no such subscription for this caller."""

    def __init__(self, reference: object) -> None:
        super().__init__(f"There is no subscription {reference}")
        self.reference = reference


class WrongSubscriptionState(Conflict):
    """The subscription's status does not allow what was asked."""

    code = "wrong_state"

    def __init__(self, subscription_code: str, status: SubscriptionStatus, wanted: str) -> None:
        super().__init__(f"{subscription_code} is {status.value.replace('_', ' ')}: this is not possible now")
        self.subscription_code, self.status, self.wanted = subscription_code, status, wanted


class WrongSyncState(Conflict):
    """Something is under way at the vendor, or has failed there: it comes first."""

    code = "wrong_sync_state"

    def __init__(self, subscription_code: str, status: SyncStatus, wanted: str) -> None:
        words = {
            "pending": "a change of it is under way; try again when it is done",
            "failed": "its last change failed; that has to be put right first",
        }.get(status.value, f"it is {status.value.replace('_', ' ')} at its provider")
        super().__init__(f"{subscription_code}: {words}")
        self.subscription_code, self.status, self.wanted = subscription_code, status, wanted
