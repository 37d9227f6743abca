"""People of an account: contacts, and those who may sign in to its storefront (BC-19, RS-02)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update

from app.accounts import rules
from app.accounts.models import Account, AccountStatus
from app.accounts.queries import get_account
from app.accounts.services import root_storefront_id
from app.audit.services import Actor, record
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.identity.models import User, UserKind, UserType
from app.identity.services import NewUser, create_user
from tenants.context import current_scope
from tenants.models import Storefront


@dataclass(frozen=True, slots=True)
class NewContact:
    """A person to add to an account."""

    first_name: str
    last_name: str
    email: str
    phone: str | None = None
    is_primary_contact: bool = False
    may_sign_in: bool = True
    is_vouched_for: bool = False  # by a provider: no activation mail


def home_storefront(account: Account) -> UUID | None:
    """Return the storefront an account's people sign in to: the root, or for a customer its reseller's, if it is open."""
    if account.reseller_id is None or account.is_reseller:
        return root_storefront_id()
    found = session.scalar(
        select(Storefront).where(
            Storefront.distributor_id == current_scope().distributor_id, Storefront.reseller_id == account.reseller_id
        )
    )
    return found.id if found is not None and found.state.is_open else None


def add_contact(account_id: UUID, contact: NewContact, *, actor: Actor, at: datetime) -> User:
    """Add a person to an account; one who may sign in is an Admin and gets the activation mail (RS-F5).

    Exactly one person is the primary contact; the first one is it in any case. Raises AccountNotFound, EmailInUse and
    Invalid, among them `no_storefront` for a customer whose reseller has none.
    """
    account = get_account(account_id)
    if contact.may_sign_in and account.status is AccountStatus.INACTIVE:
        raise Invalid.field("may_sign_in", "account_inactive", "The account is inactive; activate it first")
    if errors := tuple(_errors(contact)):
        raise Invalid(*errors)
    realm_id = home_storefront(account) if contact.may_sign_in else None
    if contact.may_sign_in and realm_id is None:
        raise Invalid.field("may_sign_in", "no_storefront", "The account's reseller has no storefront to sign in to")
    is_primary = contact.is_primary_contact or not any(person.is_primary_contact for person in list_people(account.id))
    if is_primary:
        _unmark_primary(account.id)
    return create_user(
        NewUser(
            kind=kind_of_people(account),
            first_name=contact.first_name,
            last_name=contact.last_name,
            email=contact.email,
            account_id=account.id,
            reseller_id=account.reseller_id,
            type=UserType.ADMIN,
            phone=(contact.phone or "").strip() or None,
            is_primary_contact=is_primary,
        ),
        realms=(realm_id,) if realm_id is not None else (),
        invite_from=None if contact.is_vouched_for else realm_id,
        actor=actor,
        at=at,
    )


def make_primary(account_id: UUID, user_id: UUID, *, actor: Actor, at: datetime) -> User:
    """Make a person the account's primary contact: mails about the account go there. Raises Invalid `choice`."""
    chosen = next((person for person in list_people(account_id) if person.id == user_id), None)
    if chosen is None:
        raise Invalid.field("user", "choice", "Choose a person of this account")
    _unmark_primary(account_id)
    chosen.is_primary_contact = True
    record("account.primary_contact", actor=actor, at=at, target_kind="account", target_id=account_id,
           after={"email": chosen.email})  # fmt: skip
    return chosen


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """A person of an account, for the search box."""

    full_name: str
    email: str
    account_id: UUID
    account_name: str


def search_people(words: str, *, limit: int) -> Sequence[FoundPerson]:
    """Return people of accounts whose name or address holds the words, an address that fits exactly first."""
    wanted = words.lower()
    name = func.lower(User.first_name + " " + User.last_name)
    rows = session.execute(
        select(User.first_name, User.last_name, User.email, Account.id, Account.name)
        .join(Account, (Account.distributor_id == User.distributor_id) & (Account.id == User.account_id))
        .where(
            User.distributor_id == current_scope().distributor_id,
            name.contains(wanted, autoescape=True) | func.lower(User.email).contains(wanted, autoescape=True),
        )
        .order_by(func.lower(User.email) != wanted, name, User.id)
        .limit(limit)
    )
    return [
        FoundPerson(f"{first} {last}", email, account_id, account) for first, last, email, account_id, account in rows
    ]


def list_people(account_id: UUID) -> Sequence[User]:
    """Return the people of an account, the primary contact first."""
    return session.scalars(
        select(User)
        .where(User.distributor_id == current_scope().distributor_id, User.account_id == account_id)
        .order_by(User.is_primary_contact.desc(), User.last_name, User.first_name, User.id)
    ).all()


def kind_of_people(account: Account) -> UserKind:
    """Return what the people of an account are."""
    if account.is_reseller:
        return UserKind.RESELLER
    return UserKind.DIRECT if account.reseller_id is None else UserKind.END_CUSTOMER


def _unmark_primary(account_id: UUID) -> None:
    session.execute(
        update(User)
        .where(
            User.distributor_id == current_scope().distributor_id,
            User.account_id == account_id,
            User.is_primary_contact,
        )
        .values(is_primary_contact=False)
        .execution_options(synchronize_session="fetch")
    )


def _errors(contact: NewContact) -> Iterator[FieldError]:
    yield from rules.text_errors("first_name", "a first name", contact.first_name, at_least=1, at_most=100)
    yield from rules.text_errors("last_name", "a last name", contact.last_name, at_least=1, at_most=100)
    yield from rules.email_errors("email", contact.email)
    yield from rules.text_errors("phone", "a phone number", contact.phone, at_most=30)
