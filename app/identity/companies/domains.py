"""A company's e-mail domains: claimed, proven by a TXT record, looked at again every day, lost when the record is gone.

DNS is asked outside, with no transaction open; what it said is handed in. Silence changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import idna
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.audit.services import Actor, record
from app.core.db import session
from app.core.errors import Invalid
from app.core.ids import new_id
from app.core.secrets import new_token
from app.identity.companies.errors import DomainNeeded, DomainNotFound, DomainTaken
from app.identity.companies.mails import tell_admins
from app.identity.companies.models import CompanyDomain, CompanyDomainCheck, DomainState
from app.identity.companies.public_domains import is_public_mailbox
from app.identity.companies.queries import Company, find_rules
from app.identity.realms import open_realm
from tenants.context import current_scope

LABEL = "sign-in-verification"  # no name of ours: customers know only the storefront
MOST_DOMAINS = 20  # of one company
LONGEST = 253
IN_LIST = "This domain is in your list already"
LOST_AFTER = timedelta(days=3)  # without the record


@dataclass(frozen=True, slots=True)
class TxtRecord:
    """What the company writes into its DNS."""

    name: str
    text: str


def record_of(domain: CompanyDomain) -> TxtRecord:
    """Return the record that proves a domain."""
    return TxtRecord(f"_{LABEL}.{domain.domain}", f"{LABEL}={domain.token}")


def list_domains(company: Company) -> Sequence[CompanyDomain]:
    """Return what a company has claimed, by name."""
    with open_realm(company.realm_id):
        return session.scalars(
            select(CompanyDomain)
            .where(
                CompanyDomain.distributor_id == current_scope().distributor_id,
                CompanyDomain.realm_id == company.realm_id,
                CompanyDomain.account_id == company.account_id,
            )
            .order_by(CompanyDomain.domain)
        ).all()


def get_domain(company: Company, domain_id: UUID) -> CompanyDomain:
    """Return one of a company's domains, locked until the caller commits; raises DomainNotFound for everybody else's."""
    with open_realm(company.realm_id):
        found = session.scalar(
            select(CompanyDomain)
            .where(
                CompanyDomain.distributor_id == current_scope().distributor_id,
                CompanyDomain.realm_id == company.realm_id,
                CompanyDomain.account_id == company.account_id,
                CompanyDomain.id == domain_id,
            )
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    if found is None:
        raise DomainNotFound
    return found


def add_domain(company: Company, typed: str, *, actor: Actor, at: datetime) -> CompanyDomain:
    """Claim a domain; it counts once its record is found. Raises Invalid at `domain`."""
    name = _read_domain(typed)
    known = list_domains(company)
    if any(each.domain == name for each in known):
        raise Invalid.field("domain", "in_list", IN_LIST)
    if len(known) >= MOST_DOMAINS:
        raise Invalid.field("domain", "too_many", f"A company has at most {MOST_DOMAINS} domains")
    domain = CompanyDomain(
        id=new_id(),
        realm_id=company.realm_id,
        account_id=company.account_id,
        domain=name,
        token=new_token(),
        state=DomainState.PENDING,
        created_at=at,
    )
    try:
        with open_realm(company.realm_id), session.begin_nested():
            session.add(domain)
            session.flush()
    except IntegrityError as error:  # another tab was faster
        raise Invalid.field("domain", "in_list", IN_LIST) from error
    session.add(
        CompanyDomainCheck(
            id=new_id(), realm_id=company.realm_id, domain_id=domain.id, next_attempt_at=at + timedelta(hours=1)
        )
    )
    _record("company_domain.added", domain, actor=actor, at=at)
    return domain


def _read_domain(typed: str) -> str:
    """Return a domain as DNS and addresses write it; raises Invalid."""
    name = typed.strip().strip(".").rpartition("@")[2].lower()
    try:
        name = idna.encode(name, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        name = ""
    if "." not in name or len(name) > LONGEST or name.rpartition(".")[2].isdigit():
        raise Invalid.field("domain", "domain", "Enter a domain, such as company.com")
    if is_public_mailbox(name):
        raise Invalid.field(
            "domain", "public_mailbox", "Anybody can have an address there. Enter a domain of your own."
        )
    return name


def remove_domain(company: Company, domain_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Give a domain up; raises DomainNeeded for the last proven one while passwords are off."""
    domain = get_domain(company, domain_id)
    if domain.state is DomainState.PROVEN:
        rules = find_rules(company)
        others = any(each.state is DomainState.PROVEN for each in list_domains(company) if each.id != domain.id)
        if rules is not None and rules.is_required and not others:
            raise DomainNeeded
    with open_realm(company.realm_id):
        session.delete(domain)
        session.flush()
    _record("company_domain.removed", domain, actor=actor, at=at)


def take_look(domain: CompanyDomain, found: frozenset[str], *, actor: Actor, at: datetime) -> None:
    """Take over what DNS says of a domain; raises DomainTaken. The row is locked by the caller.

    A proven domain without its record is lost after three days, or at once to who proves it with a record of their own.
    """
    is_there = record_of(domain).text in found
    if is_there and domain.state is not DomainState.PROVEN:
        _take_from_others(domain, found, actor=actor, at=at)
    with open_realm(domain.realm_id):
        domain.checked_at = at
        if is_there and domain.state is DomainState.PROVEN:
            domain.missing_since = None
        elif is_there:
            _prove(domain, actor=actor, at=at)
        elif domain.state is DomainState.PROVEN:
            _miss(domain, actor=actor, at=at)
        session.flush()


def _prove(domain: CompanyDomain, *, actor: Actor, at: datetime) -> None:
    try:
        with session.begin_nested():
            domain.state, domain.proven_at, domain.missing_since = DomainState.PROVEN, at, None
            session.flush()
    except IntegrityError as error:  # somebody else was faster
        raise DomainTaken(domain.domain) from error
    _record("company_domain.proven", domain, actor=actor, at=at)


def _miss(domain: CompanyDomain, *, actor: Actor, at: datetime) -> None:
    if domain.missing_since is None:
        domain.missing_since = at
        session.flush()
        name = record_of(domain).name
        _tell(domain, f"The TXT record {name} is gone. Without it {domain.domain} counts as lost in three days.", at=at)
        _record("company_domain.missing", domain, actor=actor, at=at)
    elif at - domain.missing_since >= LOST_AFTER:
        _lose(domain, actor=actor, at=at)


def _lose(domain: CompanyDomain, *, actor: Actor, at: datetime) -> None:
    domain.state, domain.missing_since = DomainState.LOST, None
    session.flush()
    told = (
        f"{domain.domain} no longer counts as yours: its TXT record is gone. Its people sign in with their passwords."
    )
    _tell(domain, told, at=at)
    _record("company_domain.lost", domain, actor=actor, at=at)


def _take_from_others(domain: CompanyDomain, found: frozenset[str], *, actor: Actor, at: datetime) -> None:
    """Let an earlier owner lose the domain whose record is gone; raises DomainTaken while it stands."""
    with open_realm(domain.realm_id):
        other = session.scalar(
            select(CompanyDomain)
            .where(
                CompanyDomain.distributor_id == domain.distributor_id,
                CompanyDomain.realm_id == domain.realm_id,
                CompanyDomain.domain == domain.domain,
                CompanyDomain.state == DomainState.PROVEN,
            )
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        if other is None:
            return
        if record_of(other).text in found:
            raise DomainTaken(domain.domain)
        _lose(other, actor=actor, at=at)


def _tell(domain: CompanyDomain, what: str, *, at: datetime) -> None:
    tell_admins(Company(domain.realm_id, domain.account_id), what, at=at)


def _record(action: str, domain: CompanyDomain, *, actor: Actor, at: datetime) -> None:
    record(
        action,
        actor=actor,
        at=at,
        target_kind="account",
        target_id=domain.account_id,
        after={"domain": domain.domain, "state": domain.state.value},
    )
