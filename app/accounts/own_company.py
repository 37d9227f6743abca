"""What a company says of itself on its own pages: name, VAT number, billing address and contact (SF-10, SF-17)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from app.accounts import rules
from app.accounts.details import NewEndCustomer, customer_errors
from app.accounts.models import Account
from app.accounts.queries import get_account_for_update
from app.audit.services import Actor, record
from app.core.errors import Invalid


@dataclass(frozen=True, slots=True)
class CompanyDetails:
    """What the company's own people enter; whose customer it is and what it owes are not theirs to say."""

    name: str
    email: str
    country: str  # ISO 3166-1 alpha-2
    phone: str = ""
    tax_id: str = ""
    street: str = ""
    city: str = ""
    postcode: str = ""
    region: str = ""


def update_own_company(account_id: UUID, details: CompanyDetails, *, actor: Actor, at: datetime) -> Account:
    """Change the account of whoever asks, in its own scope. A complete billing address stays complete: orders need it.

    Raises AccountNotFound, and Invalid with every field that is wrong.
    """
    account = get_account_for_update(account_id)
    is_complete = all((account.street, account.city, account.postcode))
    if errors := tuple(customer_errors(NewEndCustomer(**asdict(details), needs_address=is_complete))):
        raise Invalid(*errors)
    typed = {field: value.strip() or None for field, value in asdict(details).items()}
    typed["email"] = rules.normal_email(details.email)
    changed = {field: value for field, value in typed.items() if getattr(account, field) != value}
    before = {field: getattr(account, field) for field in changed}
    for field, value in changed.items():
        setattr(account, field, value)
    if changed:
        record(
            "account.changed_by_company", actor=actor, at=at, target_kind="account", target_id=account_id,
            before=before, after=changed,
        )  # fmt: skip
    return account
