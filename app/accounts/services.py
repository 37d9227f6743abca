"""The verbs of accounts: open one, change it, make it a reseller, give it customers (RS-02, RS-24, RS-25, BC-16, BC-18)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select, update

from app.accounts import rules
from app.accounts.details import (
    AccountDetails,
    NewAccount,
    NewEndCustomer,
    customer_errors,
    detail_errors,
    ordering_required,
)
from app.accounts.errors import ApprovalLocked, ResellerHasCustomers, ResellerHasPlan
from app.accounts.jobs import FOLLOW_ACCOUNT
from app.accounts.models import ACCOUNT_NUMBERS, Account, AccountStatus
from app.accounts.queries import count_customers, get_account, get_account_for_update, get_customer
from app.accounts.rekeying import give_rows_to_reseller
from app.audit.services import Actor, record
from app.core.db import nudge_after_commit, session
from app.core.errors import FieldError, Invalid
from app.core.queue import Nudge
from app.identity.admission import let_back_in, shut_out
from app.identity.models import UserKind
from tenants.context import current_scope
from tenants.models import Storefront

__all__ = ("AccountDetails", "NewAccount", "NewEndCustomer")  # spoken of together with the services
BASIC = "basic"
NO_EDITION = "none"


PLAIN_FIELDS = (
    "phone", "website", "tax_id", "street", "city", "postcode", "region", "credit_limit", "payment_method",
    "payment_days", "prorated_billing", "billing_day_rule", "billing_day", "partial_charges", "ordering_enabled",
    "currency", "country",
)  # fmt: skip


def create_account(details: NewAccount, *, actor: Actor, at: datetime) -> Account:
    """Open an account of the distributor; with `is_reseller` it is a Basic reseller at once.

    Raises Invalid with every field that is wrong, among them `ordering_required` and `min_0`.
    """
    _refuse(detail_errors(details))
    account = Account(
        code=_next_code(),
        name=details.name.strip(),
        email=_email(details.email),
        status=details.status,
        restrict_to_price_lists=bool(details.restrict_to_price_lists),
        created_at=at,
        **_plain_values(details),
    )
    session.add(account)
    session.flush()
    record(
        "account.created", actor=actor, at=at, target_kind="account", target_id=account.id, after={"name": account.name}
    )
    if details.is_reseller:
        enable_reselling(account.id, actor=actor, at=at, restrict=details.restrict_to_price_lists is not False)
    return account


def update_account(
    account_id: UUID, details: AccountDetails, *, has_orders: bool, actor: Actor, at: datetime
) -> Account:
    """Change an account of the distributor. `has_orders` freezes the currency: the caller asks the orders for it.

    Raises AccountNotFound, Invalid, ResellerHasCustomers and ResellerHasPlan.
    """
    account = get_account_for_update(account_id)
    errors = list(detail_errors(details))
    if has_orders and details.currency != account.currency:
        errors.append(FieldError("currency", "currency_frozen", "The currency is fixed after the first order"))
    if details.is_reseller and account.reseller_id not in (None, account.id):
        errors.append(FieldError("is_reseller", "customer_of_reseller", "A reseller's customer cannot resell itself"))
    _refuse(errors)
    before = {field: getattr(account, field) for field in ("name", "email", *PLAIN_FIELDS)}
    account.name, account.email = details.name.strip(), _email(details.email)
    for field, value in _plain_values(details).items():
        setattr(account, field, value)
    if details.restrict_to_price_lists is not None:
        account.restrict_to_price_lists = details.restrict_to_price_lists
    changed = {field: old for field, old in before.items() if old != getattr(account, field)}
    record(
        "account.changed", actor=actor, at=at, target_kind="account", target_id=account.id,
        before=changed, after={field: getattr(account, field) for field in changed},
    )  # fmt: skip
    if details.is_reseller and not account.is_reseller:
        enable_reselling(account.id, actor=actor, at=at, restrict=details.restrict_to_price_lists is not False)
    elif account.is_reseller and not details.is_reseller:
        disable_reselling(account.id, actor=actor, at=at)
    elif account.is_reseller and account.is_card_payer:
        _lock_approval(account.id)
    return account


def enable_reselling(account_id: UUID, *, actor: Actor, at: datetime, restrict: bool = True) -> Account:
    """Make a direct customer a Basic reseller: its rows and users belong to it as a reseller from now on.

    Idempotent. Raises AccountNotFound, and Invalid `ordering_required` where it may not order.
    """
    account = get_account_for_update(account_id)
    if account.is_reseller:
        return account
    if not account.ordering_enabled:
        raise Invalid(ordering_required())
    if account.reseller_id is not None:
        raise Invalid.field("is_reseller", "customer_of_reseller", "A reseller's customer cannot resell itself")
    account.is_reseller, account.reseller_id = True, account.id
    account.restrict_to_price_lists = restrict
    account.edition, account.reselling_since = BASIC, at
    session.flush()
    give_rows_to_reseller(account.id, reseller_id=account.id, kind=UserKind.RESELLER, realm_id=root_storefront_id())
    record("account.reselling_enabled", actor=actor, at=at, target_kind="account", target_id=account.id)
    return account


def disable_reselling(account_id: UUID, *, actor: Actor, at: datetime) -> Account:
    """Make a reseller a direct customer again; raises ResellerHasCustomers and ResellerHasPlan."""
    account = get_account_for_update(account_id)
    if not account.is_reseller:
        return account
    if customers := count_customers(account.id):
        raise ResellerHasCustomers(account.name, customers)
    if account.edition != BASIC:
        raise ResellerHasPlan(account.name)
    account.is_reseller, account.reseller_id, account.edition = False, None, NO_EDITION
    session.flush()
    give_rows_to_reseller(account.id, reseller_id=None, kind=UserKind.DIRECT, realm_id=root_storefront_id())
    record("account.reselling_disabled", actor=actor, at=at, target_kind="account", target_id=account.id)
    return account


def create_end_customer(reseller_id: UUID, details: NewEndCustomer, *, actor: Actor, at: datetime) -> Account:
    """Open an account for a reseller's customer; approval of its orders is on unless said otherwise (RS-25).

    It trades in the reseller's currency. Raises AccountNotFound and Invalid.
    """
    reseller = get_account(reseller_id)
    _refuse([*customer_errors(details), *_code_errors(reseller.id, details.customer_code, apart_from=None)])
    customer = Account(
        reseller_id=reseller.id,
        code=_next_code(),
        name=details.name.strip(),
        email=_email(details.email),
        country=details.country,
        currency=reseller.currency,
        credit_limit=Decimal(0),
        approval_required=details.approval_required or reseller.is_card_payer,
        created_at=at,
        **_texts(details),
    )
    session.add(customer)
    session.flush()
    record(
        "customer.created",
        actor=actor,
        at=at,
        target_kind="account",
        target_id=customer.id,
        after={"name": customer.name},
    )
    return customer


def update_end_customer(
    reseller_id: UUID, customer_id: UUID, details: NewEndCustomer, *, actor: Actor, at: datetime
) -> Account:
    """Change what a reseller knows of its customer; the approval switch has its own service."""
    customer = get_customer(reseller_id, customer_id)
    _refuse([*customer_errors(details), *_code_errors(reseller_id, details.customer_code, apart_from=customer.id)])
    after = {
        "name": details.name.strip(),
        "email": _email(details.email),
        "country": details.country,
        **_texts(details),
    }
    changed = {field: value for field, value in after.items() if getattr(customer, field) != value}
    before = {field: getattr(customer, field) for field in changed}
    for field, value in changed.items():
        setattr(customer, field, value)
    record(
        "customer.changed",
        actor=actor,
        at=at,
        target_kind="account",
        target_id=customer.id,
        before=before,
        after=changed,
    )
    return customer


def set_approval(customer_id: UUID | None, *, reseller_id: UUID, required: bool, actor: Actor, at: datetime) -> int:
    """Switch order approval for one customer, or for all of a reseller's with `customer_id` None; returns how many changed.

    Raises AccountNotFound, and ApprovalLocked where the reseller pays by card.
    """
    reseller = get_account(reseller_id)
    if reseller.is_card_payer and not required:
        raise ApprovalLocked
    statement = update(Account).where(
        Account.distributor_id == current_scope().distributor_id,
        Account.reseller_id == reseller.id,
        Account.id != reseller.id,
        Account.approval_required != required,
    )
    if customer_id is not None:
        statement = statement.where(Account.id == get_customer(reseller.id, customer_id).id)
    changed = session.scalars(
        statement.values(approval_required=required).returning(Account.id),
        execution_options={"synchronize_session": "fetch"},
    ).all()
    for found in changed:
        record(
            "customer.approval", actor=actor, at=at, target_kind="account", target_id=found,
            before={"required": not required}, after={"required": required},
        )  # fmt: skip
    return len(changed)


def set_status(account_id: UUID, status: AccountStatus, *, actor: Actor, at: datetime) -> Account:
    """Open, suspend or close an account for business: nobody of it can order while it is not Active (RS-24).

    Its subscriptions are suspended with it, and come back with it, by a job; those of a closed account run on (CB-30).
    """
    account = get_account_for_update(account_id)
    if account.status is status:
        return account
    before, account.status = account.status, status
    if status is AccountStatus.INACTIVE:
        shut_out(account.id)
    elif before is AccountStatus.INACTIVE:
        let_back_in(account.id)
    nudge_after_commit(Nudge(FOLLOW_ACCOUNT, account.id, account.distributor_id))
    record(
        "account.status", actor=actor, at=at, target_kind="account", target_id=account.id,
        before={"status": before.value}, after={"status": status.value},
    )  # fmt: skip
    return account


def deactivate_account(account_id: UUID, *, actor: Actor, at: datetime) -> Account:
    """Make an account Inactive: its people lose their sign-in, nothing new can be ordered."""
    return set_status(account_id, AccountStatus.INACTIVE, actor=actor, at=at)


def root_storefront_id() -> UUID | None:
    """Return the id of the distributor's own storefront, which is also its realm."""
    return session.scalar(
        select(Storefront.id).where(
            Storefront.distributor_id == current_scope().distributor_id, Storefront.reseller_id.is_(None)
        )
    )


def _refuse(errors: Iterator[FieldError] | list[FieldError]) -> None:
    if found := tuple(errors):
        raise Invalid(*found)


def _code_errors(reseller_id: UUID, code: str | None, *, apart_from: UUID | None) -> Iterator[FieldError]:
    text = (code or "").strip()
    yield from rules.text_errors("customer_code", "a code", text, at_most=40)
    if not text:
        return
    holder = session.scalar(
        select(Account.id).where(
            Account.distributor_id == current_scope().distributor_id,
            Account.reseller_id == reseller_id,
            func.lower(Account.customer_code) == text.lower(),
        )
    )
    if holder is not None and holder != apart_from:
        yield FieldError("customer_code", "code_in_use", "Another customer has this code")


def _plain_values(details: AccountDetails) -> dict[str, object]:
    values = {field: getattr(details, field) for field in PLAIN_FIELDS}
    return {field: _tidy(value) if isinstance(value, str) else value for field, value in values.items()}


def _texts(details: NewEndCustomer) -> dict[str, str | None]:
    names = ("phone", "website", "tax_id", "customer_code", "street", "city", "postcode", "region")
    return {name: _tidy(getattr(details, name) or "") for name in names}


def _tidy(text: str) -> str | None:
    return text.strip() or None


def _email(text: str) -> str:
    found = rules.normal_email(text)
    assert found is not None, "checked before"
    return found


def _lock_approval(reseller_id: UUID) -> None:
    session.execute(
        update(Account)
        .where(
            Account.distributor_id == current_scope().distributor_id,
            Account.reseller_id == reseller_id,
            Account.id != reseller_id,
        )
        .values(approval_required=True)
        .execution_options(synchronize_session="fetch")
    )


def _next_code() -> str:
    number = session.scalar(select(ACCOUNT_NUMBERS.next_value()))
    return f"AC-{number:06d}"
