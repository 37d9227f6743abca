"""The companies of a storefront that sign in by providers of their own, for its owner (GO-14)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select

from app.accounts.models import Account
from app.core.db import session
from app.identity.companies.models import CompanyDomain, CompanySignIn, DomainState
from app.identity.providers.models import IdentityProvider, ProviderState
from app.identity.realms import open_realm
from tenants.context import current_scope


@dataclass(frozen=True, slots=True)
class CompanySummary:
    """One company as the owner of its storefront sees it: what it has set up, and no secret of it."""

    account_id: UUID
    name: str
    domains: tuple[str, ...]  # proven ones
    provider: str | None  # the one that is on
    is_required: bool
    is_blocked: bool

    @property
    def is_in_use(self) -> bool:
        """Whether its people can sign in that way."""
        return bool(self.domains) and self.provider is not None and not self.is_blocked


def count_companies(realm_id: UUID) -> int:
    """Return how many companies have set something up."""
    with open_realm(realm_id):
        return session.scalar(select(func.count()).select_from(Account).where(_has_set_up(realm_id))) or 0


def list_companies(realm_id: UUID, *, limit: int, offset: int) -> list[CompanySummary]:
    """Return companies by name: four statements, however many there are. Needs the owner's scope."""
    with open_realm(realm_id):
        accounts = session.execute(
            select(Account.id, Account.name)
            .where(_has_set_up(realm_id))
            .order_by(func.lower(Account.name), Account.id)
            .limit(limit)
            .offset(offset)
        ).all()
        ids = [account.id for account in accounts]
        domains = session.execute(
            select(CompanyDomain.account_id, CompanyDomain.domain)
            .where(
                CompanyDomain.distributor_id == current_scope().distributor_id,
                CompanyDomain.realm_id == realm_id,
                CompanyDomain.account_id.in_(ids),
                CompanyDomain.state == DomainState.PROVEN,
            )
            .order_by(CompanyDomain.domain)
        ).all()
        providers = session.execute(
            select(IdentityProvider.account_id, IdentityProvider.name).where(
                IdentityProvider.distributor_id == current_scope().distributor_id,
                IdentityProvider.realm_id == realm_id,
                IdentityProvider.account_id.in_(ids),
                IdentityProvider.state == ProviderState.ENABLED,
            )
        ).all()
        rules = {
            row.account_id: row
            for row in session.scalars(
                select(CompanySignIn).where(
                    CompanySignIn.distributor_id == current_scope().distributor_id,
                    CompanySignIn.realm_id == realm_id,
                    CompanySignIn.account_id.in_(ids),
                )
            )
        }
    domains_of = _grouped((row.account_id, row.domain) for row in domains)
    providers_of = _grouped((row.account_id, row.name) for row in providers)
    return [
        CompanySummary(
            account_id,
            name,
            tuple(domains_of.get(account_id, ())),
            next(iter(providers_of.get(account_id, ())), None),
            is_required=account_id in rules and rules[account_id].is_required,
            is_blocked=account_id in rules and rules[account_id].is_blocked,
        )
        for account_id, name in accounts
    ]


def _has_set_up(realm_id: UUID) -> ColumnElement[bool]:
    here = current_scope().distributor_id
    return (Account.distributor_id == here) & or_(
        *(
            Account.id.in_(
                select(table.account_id).where(
                    table.distributor_id == here, table.realm_id == realm_id, table.account_id.is_not(None)
                )
            )
            for table in (CompanyDomain, IdentityProvider, CompanySignIn)
        )
    )


def _grouped(pairs: Iterable[tuple[UUID | None, str]]) -> dict[UUID, list[str]]:
    found: dict[UUID, list[str]] = {}
    for account_id, text in pairs:
        if account_id is not None:
            found.setdefault(account_id, []).append(text)
    return found
