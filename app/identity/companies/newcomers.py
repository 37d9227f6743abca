"""What somebody becomes whom a company's provider brings for the first time."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from app.core.db import session
from app.identity.companies.queries import CUSTOMERS, Company, find_rules
from app.identity.models import SignInName, UserStatus
from app.identity.permissions import StorefrontRole
from app.identity.realms import Person, open_realm
from tenants.context import current_scope


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Whose rows a new person of a company will see, and the roles of those for whose groups there is no rule."""

    person: Person
    roles: tuple[StorefrontRole, ...]  # none: without a rule nobody is taken in


def newcomer_of(company: Company) -> Newcomer | None:
    """Return what a company makes of somebody new, None where it takes nobody in.

    A visitor cannot read accounts: a company counts as long as somebody of it may sign in here. Nobody may of one that
    has closed, moved to another storefront or become a reseller.
    """
    rules = find_rules(company)
    if rules is None or not rules.creates_users:
        return None
    with open_realm(company.realm_id):
        colleague = session.scalars(
            select(SignInName)
            .where(
                SignInName.distributor_id == current_scope().distributor_id,
                SignInName.realm_id == company.realm_id,
                SignInName.account_id == company.account_id,
                SignInName.kind.in_(CUSTOMERS),
                SignInName.status == UserStatus.ACTIVE,
            )
            .limit(1)
        ).first()
    if colleague is None:
        return None
    person = Person(colleague.kind, colleague.reseller_id, company.account_id)
    return Newcomer(person, tuple(StorefrontRole(each) for each in rules.default_roles))
