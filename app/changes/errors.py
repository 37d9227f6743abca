"""What can go wrong with a wanted change of a subscription."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from app.core.errors import Conflict, DomainError, NotFound

if TYPE_CHECKING:  # models may import errors, not the other way
    from app.subscriptions.models import ChangeStatus


class ChangeNotFound(NotFound):
    """There is no such request for this caller."""

    def __init__(self, change_id: UUID) -> None:
        super().__init__("There is no such request")
        self.change_id = change_id


class WrongChangeState(Conflict):
    """The request's status does not allow what was asked."""

    code = "wrong_state"

    def __init__(self, status: ChangeStatus, wanted: str) -> None:
        super().__init__(f"This request is {status.value}: this is not possible now")
        self.status, self.wanted = status, wanted


class ChangePending(Conflict):
    """Another request for the subscription has to be done, or withdrawn, first (CB-24)."""

    code = "change_pending"

    def __init__(self, subscription_code: str, status: ChangeStatus) -> None:
        super().__init__(
            f"{subscription_code} has a request that is {status.value}; withdraw it, or wait until it is done"
        )
        self.subscription_code, self.status = subscription_code, status


class InvoicePending(Conflict):
    """The last change of this cycle stands on no invoice yet (CB-23, same-day rule)."""

    code = "invoice_pending"
    softened = "It was changed already in this billing period; ask again once the next one has begun."

    def __init__(self, subscription_code: str) -> None:
        super().__init__(
            f"The last change of {subscription_code} is not invoiced yet; it can be changed again once its pending "
            "invoices are generated"
        )
        self.subscription_code = subscription_code


class RenewalDue(Conflict):
    """What was to happen with the end of a period cannot be taken back once that day has come (CB-24, CB-28)."""

    code = "renewal_due"

    def __init__(self, subscription_code: str) -> None:
        super().__init__(f"The period of {subscription_code} has ended and is being billed; try again in an hour")
        self.subscription_code = subscription_code


class RequestKeyUsed(Conflict):
    """The key of a request was used for another subscription."""

    code = "request_key_used"

    def __init__(self) -> None:
        super().__init__("This request was already used for another subscription")


class NotOffered(Conflict):
    """Subscriptions of this kind are not changed this way."""

    code = "not_offered"


def words_for_customers(refusal: DomainError) -> str:
    """Return what a customer may read of a refusal: a reseller's customers know of no invoices (RS-27)."""
    return refusal.softened if isinstance(refusal, InvoicePending) else str(refusal)
