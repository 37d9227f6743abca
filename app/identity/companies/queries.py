"""Whom a company's provider may speak for, and which company an address leads to.

Both ask for the domain alone, in the same statements whether or not a person exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, exists, select

from app.core.db import session
from app.identity.companies.errors import CompanySignInOff, KeepsTheGlass
from app.identity.companies.models import CompanyDomain, CompanySignIn, DomainState
from app.identity.mails import settings_of_realm
from app.identity.models import SignInName, User, UserKind
from app.identity.providers.models import IdentityProvider, ProviderState
from app.identity.realms import Person, is_bss_realm, open_realm, realms_of
from tenants.context import current_scope

CUSTOMERS = frozenset({UserKind.DIRECT, UserKind.END_CUSTOMER})  # a reseller's staff opens more than one realm


@dataclass(frozen=True, slots=True)
class Company:
    """A customer company in the one realm it signs in to."""

    realm_id: UUID
    account_id: UUID


@dataclass(frozen=True, slots=True)
class Route:
    """The company whose sign-in people of a domain are led to."""

    account_id: UUID
    provider_id: UUID
    domain: str
    is_required: bool
    break_glass_user_id: UUID | None

    def takes_password_of(self, name: SignInName) -> bool:
        """Whether a password still lets somebody of the domain in: people of others', and the company's one Admin."""
        return not self._binds(name) or name.user_id == self.break_glass_user_id

    def is_kept_for(self, name: SignInName) -> bool:
        """Whether somebody's password opens what it opens to no colleague: the way in when the provider fails."""
        return self._binds(name) and name.user_id == self.break_glass_user_id

    def _binds(self, name: SignInName) -> bool:
        return self.is_required and name.account_id == self.account_id and name.kind in CUSTOMERS


def domain_of(email: str) -> str:
    """Return what stands behind the `@`, as domains are stored."""
    return email.strip().lower().rpartition("@")[2]


def is_allowed(realm_id: UUID) -> bool:
    """Whether a storefront's owner lets companies use their own sign-in; the back office has no companies."""
    return not is_bss_realm(realm_id) and settings_of_realm(realm_id).company_sign_in


def find_route(realm_id: UUID, email: str) -> Route | None:
    """Return where people with such an address sign in; None: here. One statement, whoever is asked for."""
    if not is_allowed(realm_id):
        return None
    with open_realm(realm_id):
        row = session.execute(
            select(
                CompanyDomain.account_id,
                CompanyDomain.domain,
                IdentityProvider.id,
                CompanySignIn.is_required,
                CompanySignIn.break_glass_user_id,
            )
            .join(
                IdentityProvider,
                and_(
                    IdentityProvider.distributor_id == CompanyDomain.distributor_id,
                    IdentityProvider.realm_id == CompanyDomain.realm_id,
                    IdentityProvider.account_id == CompanyDomain.account_id,
                    IdentityProvider.state == ProviderState.ENABLED,
                ),
            )
            .outerjoin(
                CompanySignIn,
                and_(
                    CompanySignIn.distributor_id == CompanyDomain.distributor_id,
                    CompanySignIn.realm_id == CompanyDomain.realm_id,
                    CompanySignIn.account_id == CompanyDomain.account_id,
                ),
            )
            .where(
                CompanyDomain.distributor_id == current_scope().distributor_id,
                CompanyDomain.realm_id == realm_id,
                CompanyDomain.domain == domain_of(email),
                CompanyDomain.state == DomainState.PROVEN,
                CompanySignIn.is_blocked.is_not(True),
            )
            .order_by(IdentityProvider.position, IdentityProvider.id)
            .limit(1)
        ).one_or_none()
    if row is None:
        return None
    return Route(row.account_id, row.id, row.domain, bool(row.is_required), row.break_glass_user_id)


def takes_password(name: SignInName) -> bool:
    """Whether a password, or what it has started, lets somebody in as far as their company goes."""
    route = find_route(name.realm_id, name.email)
    return route is None or route.takes_password_of(name)


def require_not_glass_keeper(user: User) -> None:
    """Raise KeepsTheGlass for the Admin whose password is their company's way in when its provider fails."""
    if user.kind not in CUSTOMERS or user.account_id is None:
        return
    for realm_id in realms_of(Person(user.kind, user.reseller_id, user.account_id)):
        rules = find_rules(Company(realm_id, user.account_id))
        if rules is not None and rules.is_required and rules.break_glass_user_id == user.id:
            raise KeepsTheGlass


def is_any_routed(realm_id: UUID) -> bool:
    """Whether a company of the realm signs in by its own provider: then the page of sign-in asks for the address first."""
    if not is_allowed(realm_id):
        return False
    with open_realm(realm_id):
        return bool(
            session.scalar(
                select(
                    exists().where(
                        IdentityProvider.distributor_id == current_scope().distributor_id,
                        IdentityProvider.realm_id == realm_id,
                        IdentityProvider.account_id.is_not(None),
                        IdentityProvider.state == ProviderState.ENABLED,
                    )
                )
            )
        )


def may_be_used(company: Company) -> bool:
    """Whether a company's sign-in is open at all: its storefront's owner lets it, and a domain of it is proven."""
    return is_allowed(company.realm_id) and not is_blocked(company) and bool(proven_domains(company))


def is_blocked(company: Company) -> bool:
    """Whether the storefront's owner has switched this company's sign-in off."""
    found = find_rules(company)
    return found is not None and found.is_blocked


def require_open(company: Company) -> None:
    """Raise CompanySignInOff where the storefront's owner has switched it off, for all companies or for this one."""
    if not is_allowed(company.realm_id) or is_blocked(company):
        raise CompanySignInOff


def find_rules(company: Company) -> CompanySignIn | None:
    """Return what a company has decided; None: nothing yet."""
    with open_realm(company.realm_id):
        return session.scalar(
            select(CompanySignIn).where(
                CompanySignIn.distributor_id == current_scope().distributor_id,
                CompanySignIn.realm_id == company.realm_id,
                CompanySignIn.account_id == company.account_id,
            )
        )


def proven_domains(company: Company) -> frozenset[str]:
    """Return the domains a company has proven."""
    with open_realm(company.realm_id):
        return frozenset(
            session.scalars(
                select(CompanyDomain.domain).where(
                    CompanyDomain.distributor_id == current_scope().distributor_id,
                    CompanyDomain.realm_id == company.realm_id,
                    CompanyDomain.account_id == company.account_id,
                    CompanyDomain.state == DomainState.PROVEN,
                )
            )
        )


def has_proven(company: Company, email: str) -> bool:
    """Whether an address is of a domain the company has proven: of no other does its provider know anything."""
    return domain_of(email) in proven_domains(company)


def is_of_company(name: SignInName, company: Company) -> bool:
    """Whether a company's provider may say who somebody is: one of its own people, with an address of its domains."""
    return name.account_id == company.account_id and name.kind in CUSTOMERS and has_proven(company, name.email)
