"""People of a reseller's customers, managed by the reseller: invited to its storefront, given roles, let go (RS-24)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.accounts import rules
from app.accounts.models import Account, AccountStatus
from app.accounts.queries import get_customer
from app.accounts.services import NewEndCustomer, create_end_customer
from app.audit.services import Actor
from app.core.errors import FieldError, Invalid
from app.identity.errors import UserNotFound
from app.identity.models import User, UserKind, UserType
from app.identity.permissions import StorefrontRole
from app.identity.queries import get_user, list_users
from app.identity.services import NewUser, create_user, resend_activation


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A person of a customer to invite."""

    first_name: str
    last_name: str
    email: str
    type: UserType = UserType.ADMIN
    roles: Collection[StorefrontRole] = ()


@dataclass(frozen=True, slots=True)
class Invited:
    """Somebody who has been invited, and the link of the mail: to hand over where no mail leaves (RS-17)."""

    user: User
    link: str


def add_customer_user(
    reseller_id: UUID, customer_id: UUID, person: NewPerson, *, storefront_id: UUID, actor: Actor, at: datetime
) -> Invited:
    """Invite a person of a customer to the reseller's storefront.

    Raises AccountNotFound, Invalid (required, email), EmailInUse, RoleRequired, RoleNotAvailable.
    """
    customer = get_customer(reseller_id, customer_id)
    if customer.status is AccountStatus.INACTIVE:
        raise Invalid.field("email", "account_inactive", "This customer is inactive; activate it first")
    if errors := tuple(_errors(person)):
        raise Invalid(*errors)
    user = create_user(
        NewUser(
            kind=UserKind.END_CUSTOMER,
            first_name=person.first_name,
            last_name=person.last_name,
            email=person.email,
            account_id=customer.id,
            reseller_id=reseller_id,
            type=person.type,
            roles=tuple(person.roles),
            is_primary_contact=not list_users(customer.id, limit=1),
        ),
        realms=(storefront_id,),
        invite_from=None,
        actor=actor,
        at=at,
    )
    return Invited(user, resend_activation(user.id, invite_from=storefront_id, actor=actor, at=at))


def create_customer_with_user(
    reseller_id: UUID,
    details: NewEndCustomer,
    person: NewPerson,
    *,
    storefront_id: UUID,
    actor: Actor,
    at: datetime,
) -> tuple[Account, Invited]:
    """Open a customer together with its first user: both, or neither. What is wrong with the person is at `user_…`."""
    customer = create_end_customer(reseller_id, details, actor=actor, at=at)
    try:
        invited = add_customer_user(reseller_id, customer.id, person, storefront_id=storefront_id, actor=actor, at=at)
    except Invalid as refusal:
        raise Invalid(
            *(FieldError(f"user_{error.field}", error.code, error.message) for error in refusal.errors)
        ) from refusal
    return customer, invited


def get_customer_user(reseller_id: UUID, customer_id: UUID, user_id: UUID) -> User:
    """Return a person of a reseller's customer; another's raises UserNotFound."""
    customer = get_customer(reseller_id, customer_id)
    found = get_user(user_id)
    if found.account_id != customer.id:
        raise UserNotFound(user_id)
    return found


def _errors(person: NewPerson) -> Iterator[FieldError]:
    yield from rules.text_errors("first_name", "a first name", person.first_name, at_least=1, at_most=100)
    yield from rules.text_errors("last_name", "a last name", person.last_name, at_least=1, at_most=100)
    yield from rules.email_errors("email", person.email)
