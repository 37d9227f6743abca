"""Laying a merge patch over an account: by the services that pages use, with all their refusals."""

from __future__ import annotations

from datetime import datetime

from app.accounts.details import AccountDetails, NewEndCustomer
from app.accounts.models import Account
from app.accounts.queries import AccountKind, get_account_for_update, kind_of
from app.accounts.services import set_approval, update_account, update_end_customer
from app.api.accounts.schemas import ContactPatch
from app.api.patches import values_of
from app.audit.services import Actor
from app.core.errors import FieldError, Invalid
from app.orders.back_office import has_orders

OF_RESELLERS_CUSTOMERS = ("customer_code", "approval_required")
OF_OTHERS = ("ordering_enabled",)


def change_account(account: Account, patch: ContactPatch, *, actor: Actor, at: datetime) -> None:
    """Change an account, locked first: the services write all of it, so what is not sent is taken as it stands by then.

    Raises AccountNotFound, and Invalid, also `read_only` for what such an account does not have.
    """
    account = get_account_for_update(account.id)
    is_customer = kind_of(account) is AccountKind.END_CUSTOMER
    foreign = OF_OTHERS if is_customer else OF_RESELLERS_CUSTOMERS
    if wrong := [name for name in foreign if name in patch.sent]:
        raise Invalid(*(FieldError(name, "read_only", "This account has no such property to change") for name in wrong))
    if not patch.sent:
        return
    if not is_customer or account.reseller_id is None:
        details = AccountDetails(**values_of(account, AccountDetails, patch))
        update_account(account.id, details, has_orders=has_orders(account.id), actor=actor, at=at)
        return
    reseller_id, wanted = account.reseller_id, NewEndCustomer(**values_of(account, NewEndCustomer, patch))
    update_end_customer(reseller_id, account.id, wanted, actor=actor, at=at)
    if wanted.approval_required is not account.approval_required:
        set_approval(account.id, reseller_id=reseller_id, required=wanted.approval_required, actor=actor, at=at)
