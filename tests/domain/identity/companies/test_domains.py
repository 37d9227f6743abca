"""Domains are looked at again by a job: found, missed, lost after three days, found again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from app.audit.services import SYSTEM
from app.core.db import session as db_session
from app.core.txt_records import DnsSilent
from app.identity.companies.checks import claim_check, due_checks
from app.identity.companies.domains import (
    LOST_AFTER,
    TxtRecord,
    add_domain,
    get_domain,
    record_of,
    remove_domain,
    take_look,
)
from app.identity.companies.errors import DomainNotFound, DomainTaken
from app.identity.companies.models import CompanyDomain, CompanyDomainCheck, DomainState
from app.identity.companies.public_domains import is_public_mailbox
from app.identity.companies.queries import Company, find_route, proven_domains
from app.identity.realms import open_realm
from tenants.context import scope
from tests.domain.identity.people import mailed
from tests.factories.world import MONDAY_NOON
from workers.jobs import company_domains

DOMAIN = "acme.example"


@pytest.fixture
def company(world):
    return Company(world.tech.storefront.id, world.tech.customers[0].id)


@pytest.fixture
def other(world):
    return Company(world.tech.storefront.id, world.tech.customers[1].id)


@dataclass(frozen=True)
class Claim:
    """What stays readable of a domain after a rollback."""

    id: UUID
    token: str
    record: TxtRecord


def add(world, company, typed=DOMAIN, *, index=0):
    """Claim a domain as the company's Admin does, in its own scope."""
    with scope(world.tech.customer_scope(index)):
        made = add_domain(company, typed, actor=SYSTEM, at=MONDAY_NOON)
        found = Claim(made.id, made.token, record_of(made))
        db_session.commit()
    return found


def look(world, company, domain, *texts, at=MONDAY_NOON, index=0):
    with scope(world.tech.customer_scope(index)):
        found = get_domain(company, domain.id)
        take_look(found, frozenset(texts), actor=SYSTEM, at=at)
        db_session.commit()
        return found.state


def state_of(world, company, domain):
    with scope(world.scope):
        found = get_domain(company, domain.id)
        return found.state, found.missing_since


class Dns:
    def __init__(self):
        self.texts, self.is_silent, self.asked = {}, False, []

    def of(self, name):
        self.asked.append(name)
        if self.is_silent:
            raise DnsSilent
        return frozenset(self.texts.get(name, ()))


@pytest.fixture
def dns(monkeypatch):
    made = Dns()
    monkeypatch.setattr(company_domains, "txt_records", lambda: made)
    return made


@pytest.fixture
def run(world, monkeypatch):
    """`run(at)`: what the scheduler and a worker do at an instant; returns how many domains were due."""

    def once(at):
        monkeypatch.setattr(company_domains, "utc_now", lambda: at)
        with scope(world.scope):
            due = due_checks(at, limit=100)
            db_session.commit()
        for check_id in due:
            company_domains.check_domain(str(check_id), distributor_id=str(world.id))
        return len(due)

    return once


def test_a_record_proves_a_domain(world, company):
    domain = add(world, company)
    assert look(world, company, domain, "v=spf1 -all", "sign-in-verification=another") is DomainState.PENDING
    assert look(world, company, domain, "v=spf1 -all", domain.record.text) is DomainState.PROVEN
    with scope(world.scope):
        assert proven_domains(company) == {DOMAIN}


def test_a_token_of_another_account_proves_nothing(world, company, other):
    """Each claim has a token of its own: a record somebody else was told to write is nobody else's."""
    ours, theirs = add(world, company), add(world, other, index=1)
    assert ours.token != theirs.token
    assert look(world, company, ours, theirs.record.text) is DomainState.PENDING


def test_of_two_who_prove_a_domain_the_first_keeps_it(world, company, other):
    ours, theirs = add(world, company), add(world, other, index=1)
    both = (ours.record.text, theirs.record.text)
    look(world, company, ours, *both)
    with pytest.raises(DomainTaken):
        look(world, other, theirs, *both, index=1)
    db_session.rollback()
    assert state_of(world, other, theirs) == (DomainState.PENDING, None)
    assert state_of(world, company, ours) == (DomainState.PROVEN, None)


def test_the_database_itself_lets_one_account_alone_prove_a_domain(world, company, other, session):
    """Two checks at once: whoever comes second is refused, however they came past the first look."""
    ours, theirs = add(world, company), add(world, other, index=1)
    look(world, company, ours, ours.record.text)
    with scope(world.scope), open_realm(company.realm_id), pytest.raises(Exception, match="uq_company_domains_proven"):
        session.execute(
            CompanyDomain.__table__.update()
            .where(CompanyDomain.__table__.c.id == theirs.id)
            .values(state=DomainState.PROVEN)
        )


def test_domains_are_looked_at_daily_and_lost_after_three_days(world, company, dns, run):
    """GO-14: pending, proven, lost, and proven again by itself when the record is back."""
    domain = add(world, company)
    record = domain.record
    assert run(MONDAY_NOON) == 0
    at = MONDAY_NOON + timedelta(hours=1)
    assert (run(at), state_of(world, company, domain)[0]) == (1, DomainState.PENDING)
    dns.texts[record.name] = {record.text}
    at += timedelta(hours=1)
    assert (run(at), state_of(world, company, domain)) == (1, (DomainState.PROVEN, None))
    assert (run(at), run(at + timedelta(hours=23))) == (0, 0)

    dns.texts.clear()
    gone = at + timedelta(days=1)
    for day in range(3):
        assert run(gone + timedelta(days=day)) == 1
        assert state_of(world, company, domain) == (DomainState.PROVEN, gone)
    assert len(mailed(world, "company_sign_in")) == 1
    run(gone + LOST_AFTER)
    assert state_of(world, company, domain) == (DomainState.LOST, None)
    assert "no longer counts as yours" in mailed(world, "company_sign_in")[-1].fields["what_changed"]

    dns.texts[record.name] = {record.text}
    run(gone + LOST_AFTER + timedelta(days=1))
    assert state_of(world, company, domain)[0] is DomainState.PROVEN


def test_a_record_that_comes_back_in_time_is_no_loss(world, company, dns, run):
    domain = add(world, company)
    record = domain.record
    look(world, company, domain, record.text)
    run(MONDAY_NOON + timedelta(days=1))
    assert state_of(world, company, domain)[1] is not None
    dns.texts[record.name] = {record.text}
    run(MONDAY_NOON + timedelta(days=2, hours=1))
    assert state_of(world, company, domain) == (DomainState.PROVEN, None)


def test_silent_name_servers_lose_nothing_and_are_asked_again_within_the_hour(world, company, dns, run):
    domain = add(world, company)
    look(world, company, domain, domain.record.text)
    dns.is_silent = True
    for hours in range(1, 100, 2):
        assert run(MONDAY_NOON + timedelta(hours=hours)) == 1
    assert state_of(world, company, domain) == (DomainState.PROVEN, None)


def test_a_second_worker_finds_nothing_to_do(world, company, dns, run):
    add(world, company)
    at = MONDAY_NOON + timedelta(hours=1)
    with scope(world.scope):
        (check_id,) = due_checks(at, limit=100)
        assert claim_check(check_id, at=at) is not None
        db_session.commit()
        assert claim_check(check_id, at=at) is None
        db_session.commit()
    assert run(at) == 0
    assert run(at + timedelta(minutes=15)) == 1  # the first one died


def test_what_was_removed_is_looked_at_no_more(world, company, dns, run):
    domain = add(world, company)
    with scope(world.tech.customer_scope()):
        remove_domain(company, domain.id, actor=SYSTEM, at=MONDAY_NOON)
        db_session.commit()
    assert run(MONDAY_NOON + timedelta(hours=1)) == 1
    with scope(world.scope):
        assert db_session.scalars(select(CompanyDomainCheck)).all() == []
        with pytest.raises(DomainNotFound):
            get_domain(company, domain.id)
    assert dns.asked == []


def test_a_domain_is_of_one_realm_alone(world, company):
    """The same company name elsewhere, the root, the back office: they know nothing of it."""
    domain = add(world, company)
    look(world, company, domain, domain.record.text)
    with scope(world.scope):
        for realm_id in (world.root.id, world.cloudia.storefront.id, world.id):
            assert find_route(realm_id, f"x@{DOMAIN}") is None
            assert proven_domains(Company(realm_id, company.account_id)) == frozenset()


@pytest.mark.parametrize("domain", ["gmail.com", "outlook.com", "mail.gmail.com", "yahoo.co.uk", "web.de", "otenet.gr"])
def test_mailboxes_of_everybody_are_nobodys_domain(domain):
    assert is_public_mailbox(domain)


@pytest.mark.parametrize("domain", ["acme.example", "notgmail.com", "gmail.com.acme.example", "co.uk"])
def test_other_domains_may_be_a_companys(domain):
    assert not is_public_mailbox(domain)
