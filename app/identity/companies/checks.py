"""Looking at domains again: rows say when, a job asks DNS in between, with no transaction open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from app.audit.services import SYSTEM
from app.core.db import session
from app.identity.companies.domains import TxtRecord, record_of, take_look
from app.identity.companies.errors import DomainTaken
from app.identity.companies.models import CompanyDomain, CompanyDomainCheck, DomainState
from app.identity.realms import open_realm
from tenants.context import current_scope

LEASE = timedelta(minutes=15)  # a worker that died leaves a domain alone for as long
EAGER_FOR = timedelta(days=3)  # after a domain was added
EAGERLY, DAILY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DueCheck:
    """A domain to be looked at now."""

    check_id: UUID
    record: TxtRecord


def due_checks(at: datetime, *, limit: int) -> Sequence[UUID]:
    """Return checks whose time has come and that nobody works on. Needs the distributor's scope, as all here."""
    return session.scalars(
        select(CompanyDomainCheck.id)
        .where(
            CompanyDomainCheck.distributor_id == current_scope().distributor_id,
            CompanyDomainCheck.next_attempt_at <= at,
        )
        .order_by(CompanyDomainCheck.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def claim_check(check_id: UUID, *, at: datetime) -> DueCheck | None:
    """Take a check for a quarter of an hour; None where it is not due, somebody else's, or its domain is gone."""
    check = _lock(check_id)
    if check is None or check.next_attempt_at > at:
        return None
    domain = _lock_domain(check)
    if domain is None:
        session.delete(check)
        return None
    check.next_attempt_at = at + LEASE
    return DueCheck(check.id, record_of(domain))


def settle_check(check_id: UUID, found: frozenset[str] | None, *, at: datetime) -> None:
    """Take over what DNS said, None where it was silent, and say when to look again."""
    check = _lock(check_id)
    domain = None if check is None else _lock_domain(check)
    if check is None or domain is None:
        return
    with open_realm(check.realm_id):
        if found is not None:
            try:
                with session.begin_nested():
                    take_look(domain, found, actor=SYSTEM, at=at)
            except DomainTaken:
                pass  # said to who asks by hand; here it stays as it is
        is_new = domain.state is DomainState.PENDING and at - domain.created_at < EAGER_FOR
    check.next_attempt_at = at + (EAGERLY if is_new or found is None else DAILY)


def _lock(check_id: UUID) -> CompanyDomainCheck | None:
    return session.scalar(
        select(CompanyDomainCheck)
        .where(
            CompanyDomainCheck.distributor_id == current_scope().distributor_id,
            CompanyDomainCheck.id == check_id,
        )
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )


def _lock_domain(check: CompanyDomainCheck) -> CompanyDomain | None:
    with open_realm(check.realm_id):
        return session.scalar(
            select(CompanyDomain)
            .where(
                CompanyDomain.distributor_id == check.distributor_id,
                CompanyDomain.realm_id == check.realm_id,
                CompanyDomain.id == check.domain_id,
            )
            .with_for_update()
            .execution_options(populate_existing=True)
        )
