"""Reads of accounts. What the scope does not reach does not exist."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select

from app.accounts.errors import AccountNotFound
from app.accounts.models import Account, AccountStatus, PaymentMethod
from app.core.criteria import EVERYTHING, Criteria, Kind, Property, in_order, narrowed
from app.core.db import session
from tenants.context import current_scope

SHORTEST_SEARCH = 2


class AccountKind(enum.Enum):
    """What an account is to the distributor: derived, not typed (BC-16)."""

    DIRECT = "direct"
    RESELLER = "reseller"
    END_CUSTOMER = "end_customer"


class AccountOrder(enum.Enum):
    """How a list of accounts can be sorted; `-` turns it round."""

    NAME = "name"
    NAME_DOWN = "-name"
    CODE = "code"
    CODE_DOWN = "-code"
    CREATED = "created"
    CREATED_DOWN = "-created"


SORTED_BY = {
    AccountOrder.NAME: (func.lower(Account.name).asc(), Account.id),
    AccountOrder.NAME_DOWN: (func.lower(Account.name).desc(), Account.id),
    AccountOrder.CODE: (Account.code.asc(),),
    AccountOrder.CODE_DOWN: (Account.code.desc(),),
    AccountOrder.CREATED: (Account.created_at.asc(), Account.id),
    AccountOrder.CREATED_DOWN: (Account.created_at.desc(), Account.id),
}


# What programs may name (BC-32): of a reseller's customers, and what is the distributor's alone.
CUSTOMER_PROPERTIES = {
    "id": Property(Account.id, Kind.ID),
    "code": Property(Account.code),
    "name": Property(Account.name),
    "email": Property(Account.email),
    "phone": Property(Account.phone),
    "website": Property(Account.website),
    "tax_id": Property(Account.tax_id),
    "customer_code": Property(Account.customer_code),
    "city": Property(Account.city),
    "postcode": Property(Account.postcode),
    "country": Property(Account.country),
    "currency": Property(Account.currency),
    "status": Property(Account.status, choices=AccountStatus),
    "approval_required": Property(Account.approval_required, Kind.YES_NO),
    "created_at": Property(Account.created_at, Kind.INSTANT),
}
ACCOUNT_PROPERTIES = {
    **CUSTOMER_PROPERTIES,
    "reseller_id": Property(Account.reseller_id, Kind.ID),
    "is_reseller": Property(Account.is_reseller, Kind.YES_NO),
    "edition": Property(Account.edition),
    "ordering_enabled": Property(Account.ordering_enabled, Kind.YES_NO),
    "credit_limit": Property(Account.credit_limit, Kind.AMOUNT),
    "payment_method": Property(Account.payment_method, choices=PaymentMethod),
}


@dataclass(frozen=True, slots=True)
class AccountFilter:
    """What to list. `search` looks into name, code, e-mail, city and tax id; under two characters it is ignored."""

    search: str = ""
    kind: AccountKind | None = None
    edition: str | None = None
    status: AccountStatus | None = None
    reseller_id: UUID | None = None  # the customers of one reseller
    order: AccountOrder = AccountOrder.NAME


def kind_of(account: Account) -> AccountKind:
    """Return what an account is to the distributor."""
    if account.is_reseller:
        return AccountKind.RESELLER
    return AccountKind.END_CUSTOMER if account.reseller_id else AccountKind.DIRECT


def find_account(account_id: UUID) -> Account | None:
    """Return an account, or None where it is out of reach."""
    return session.scalar(_accounts().where(Account.id == account_id))


def get_account(account_id: UUID) -> Account:
    """Return an account; raises AccountNotFound."""
    found = find_account(account_id)
    if found is None:
        raise AccountNotFound(account_id)
    return found


def get_account_for_update(account_id: UUID) -> Account:
    """Return an account, locked until the caller commits; raises AccountNotFound."""
    found = session.scalar(
        _accounts().where(Account.id == account_id).with_for_update().execution_options(populate_existing=True)
    )
    if found is None:
        raise AccountNotFound(account_id)
    return found


def get_customer(reseller_id: UUID, customer_id: UUID) -> Account:
    """Return a customer of this reseller; another's, or the reseller itself, raises AccountNotFound."""
    found = session.scalar(
        _accounts().where(Account.id == customer_id, Account.reseller_id == reseller_id, Account.id != reseller_id)
    )
    if found is None:
        raise AccountNotFound(customer_id)
    return found


def payer_of(account: Account) -> UUID:
    """Return the id of the account that pays the distributor: the reseller for its customers, else the account itself."""
    return account.reseller_id or account.id


def list_accounts(
    wanted: AccountFilter, *, limit: int, offset: int = 0, criteria: Criteria = EVERYTHING
) -> Sequence[Account]:
    """Return one page of the accounts in reach. `criteria` are a program's, of ACCOUNT_PROPERTIES."""
    statement = narrowed(_filtered(_accounts(), wanted), criteria, ACCOUNT_PROPERTIES)
    statement = in_order(statement, criteria, ACCOUNT_PROPERTIES, otherwise=SORTED_BY[wanted.order])
    found: Sequence[Account] = session.scalars(statement.limit(limit).offset(offset)).all()
    return found


def count_accounts(wanted: AccountFilter, *, criteria: Criteria = EVERYTHING) -> int:
    """Return how many accounts the filter finds."""
    statement = (
        select(func.count()).select_from(Account).where(Account.distributor_id == current_scope().distributor_id)
    )
    return session.scalar(narrowed(_filtered(statement, wanted), criteria, ACCOUNT_PROPERTIES)) or 0


def list_customers(reseller_id: UUID, *, search: str = "", limit: int = 100, offset: int = 0) -> Sequence[Account]:
    """Return end customers of a reseller by name."""
    return list_accounts(AccountFilter(search=search, reseller_id=reseller_id), limit=limit, offset=offset)


def count_customers(reseller_id: UUID) -> int:
    """Return how many end customers belong to a reseller, active or not."""
    return count_accounts(AccountFilter(reseller_id=reseller_id))


def account_names(account_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the names of the accounts in reach, for lists that show them beside other things."""
    if not account_ids:
        return {}
    rows = session.execute(
        select(Account.id, Account.name).where(
            Account.distributor_id == current_scope().distributor_id, Account.id.in_(set(account_ids))
        )
    )
    return {row.id: row.name for row in rows}


def list_resellers() -> Sequence[Account]:
    """Return all resellers of the distributor by name, for filters and pickers."""
    return session.scalars(_accounts().where(Account.is_reseller).order_by(func.lower(Account.name))).all()


def same_name_in_country(name: str, country: str, *, apart_from: UUID | None = None) -> Sequence[Account]:
    """Return accounts with the same name and country: a warning, not a refusal (BC-16)."""
    statement = _accounts().where(func.lower(Account.name) == name.strip().lower(), Account.country == country)
    if apart_from is not None:
        statement = statement.where(Account.id != apart_from)
    return session.scalars(statement.limit(5)).all()


def _accounts() -> Select[Account]:
    return select(Account).where(Account.distributor_id == current_scope().distributor_id)


def _conditions(wanted: AccountFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    text = wanted.search.strip().lower()
    if len(text) >= SHORTEST_SEARCH:
        columns = (Account.name, Account.code, Account.email, Account.city, Account.tax_id)
        conditions.append(or_(*(func.lower(column).contains(text, autoescape=True) for column in columns)))
    if wanted.kind is AccountKind.DIRECT:
        conditions.append(Account.reseller_id.is_(None))
    elif wanted.kind is AccountKind.RESELLER:
        conditions.append(Account.is_reseller.is_(True))
    elif wanted.kind is AccountKind.END_CUSTOMER:
        conditions += [Account.reseller_id.is_not(None), Account.is_reseller.is_(False)]
    if wanted.edition is not None:
        conditions.append(Account.edition == wanted.edition)
    if wanted.status is not None:
        conditions.append(Account.status == wanted.status)
    if wanted.reseller_id is not None:
        conditions += [Account.reseller_id == wanted.reseller_id, Account.id != wanted.reseller_id]
    return conditions


def _filtered(statement: Any, wanted: AccountFilter) -> Any:
    return statement.where(*_conditions(wanted))
