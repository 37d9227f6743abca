"""What can go wrong with accounts."""

from __future__ import annotations

from uuid import UUID

from app.core.errors import Conflict, NotFound


class AccountNotFound(NotFound):
    """There is no such account in the caller's reach."""

    def __init__(self, account_id: UUID) -> None:
        super().__init__("There is no such account")
        self.account_id = account_id


class ResellerHasCustomers(Conflict):
    """Reselling cannot be switched off while customers belong to the reseller (BC-16)."""

    code = "reseller_has_customers"

    def __init__(self, name: str, customers: int) -> None:
        super().__init__(f"{name} has {customers} customers; move or close them before switching reselling off")
        self.name, self.customers = name, customers


class ResellerHasPlan(Conflict):
    """Reselling cannot be switched off while a reseller plan runs."""

    code = "reseller_has_plan"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} has a storefront; cancel its plan before switching reselling off")
        self.name = name


class ApprovalLocked(Conflict):
    """Customers of a reseller that pays by card always need approval (RS-25)."""

    code = "approval_locked"

    def __init__(self) -> None:
        super().__init__("Approval stays on for all customers while the account is paid by card")
