"""The audit trail is a chain: nothing is changed, removed or put in between without being found (GO-16)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import create_engine, func, select
from sqlalchemy.exc import ProgrammingError

from app.audit.chain import erase, expire, link_events, verify
from app.audit.models import AuditCheckpoint, AuditEvent, AuditLink
from app.audit.services import SYSTEM, record
from app.core import db
from app.core.db import session, unit_of_work
from tenants.context import distributor_scope, scope
from tests.committed import committed_database
from tests.factories.world import MONDAY_NOON

HERE = distributor_scope(UUID(int=1))
ELSEWHERE = distributor_scope(UUID(int=2))


@pytest.fixture
def chained() -> Iterator[None]:
    """Five events of one distributor and one of another, linked, with real commits."""
    with committed_database():
        happen(5)
        happen(1, ELSEWHERE)
        yield


def happen(times: int, where=HERE) -> None:
    with scope(where), unit_of_work():
        for number in range(times):
            record("account.changed", actor=SYSTEM, at=MONDAY_NOON, after={"name": f"Name {number}"})
    with scope(where), unit_of_work():
        link_events(at=MONDAY_NOON)


def as_owner(statement: str, *values: object) -> None:
    """Do what only somebody with the database's owner could."""
    assert db.BoundSession.bound_to is not None
    url = urlsplit(os.environ["DATABASE_URL"].replace("+psycopg", ""))
    place = urlunsplit(url._replace(path=f"/{db.BoundSession.bound_to.url.database}"))
    with psycopg.connect(place, autocommit=True) as owner:
        owner.execute(statement, values)


@pytest.fixture
def bulk(chained) -> Iterator[None]:
    """Work as the bulk role, which alone may erase and expire."""
    app_engine = db.BoundSession.bound_to
    assert app_engine is not None
    url = urlsplit(os.environ["DATABASE_URL_BULK"])
    engine = create_engine(str(urlunsplit(url._replace(path=f"/{app_engine.url.database}"))))
    session.remove()
    db.BoundSession.bound_to = engine
    yield
    session.remove()
    db.BoundSession.bound_to = app_engine
    engine.dispose()


def problem(where=HERE) -> str | None:
    session.remove()
    with scope(where):
        return verify().problem


def test_an_untouched_chain_is_intact(chained):
    with scope(HERE):
        found = verify()
    assert (found.first, found.last, found.waiting, found.problem) == (1, 5, 0, None)


def test_each_distributor_has_a_chain_of_its_own(chained):
    with scope(ELSEWHERE):
        assert verify().last == 1


def test_linking_again_links_nothing_twice(chained):
    with scope(HERE), unit_of_work():
        assert link_events(at=MONDAY_NOON) == 0
    happen(2)
    with scope(HERE):
        assert session.scalar(select(func.count()).select_from(AuditLink)) == 7
        assert verify().problem is None


def test_events_that_are_not_linked_yet_are_told(chained):
    with scope(HERE), unit_of_work():
        record("account.changed", actor=SYSTEM, at=MONDAY_NOON)
    with scope(HERE):
        assert verify().waiting == 1


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ('UPDATE audit_events SET after = \'{"name": "Forged"}\' WHERE id = {third}', "event of link 3 was changed"),
        ("UPDATE audit_events SET action = 'nothing.happened' WHERE id = {third}", "event of link 3 was changed"),
        ("DELETE FROM audit_events WHERE id = {third}", "event of link 3 is missing"),
        ("DELETE FROM audit_links WHERE event_id = {third}", "Link 3 is missing"),
        ("UPDATE audit_links SET payload_digest = repeat('0', 64) WHERE event_id = {third}", "was changed"),
        ("DELETE FROM audit_links WHERE position = 5", "ends at 4, its head says 5"),
        ("DELETE FROM audit_heads", "head of the chain is missing"),
        ("UPDATE audit_heads SET position = 4", "not signed by this installation"),
    ],
)
def test_what_an_owner_of_the_database_does_is_found(chained, statement, said):
    with scope(HERE):
        third = session.scalar(select(AuditLink.event_id).where(AuditLink.position == 3))
    session.remove()
    as_owner(statement.replace("{third}", f"'{third}'") + ("" if "WHERE" in statement else f" WHERE {OWN}"))
    assert said in (problem() or "")
    assert problem(ELSEWHERE) is None


OWN = f"distributor_id = '{HERE.distributor_id}'"


def test_a_chain_that_was_shortened_and_ended_anew_is_found(chained):
    """Cutting the tail off needs a head that only the installation can sign."""
    with scope(HERE):
        digest = session.scalar(select(AuditLink.digest).where(AuditLink.position == 3))
    session.remove()
    as_owner(f"DELETE FROM audit_links WHERE {OWN} AND position > 3")
    as_owner(f"UPDATE audit_heads SET position = 3, digest = '{digest}' WHERE {OWN}")
    assert "not signed" in (problem() or "")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_events SET action = 'x'",
        "UPDATE audit_events SET after = '{}'",
        "DELETE FROM audit_events",
        "UPDATE audit_links SET digest = 'x'",
        "DELETE FROM audit_links",
        "DELETE FROM audit_heads",
        "DELETE FROM audit_checkpoints",
    ],
)
def test_the_applications_role_can_neither_change_nor_delete(chained, statement):
    """BC-F78 (partly): nobody can edit the history: the role has no right to."""
    with scope(HERE), pytest.raises(ProgrammingError, match="permission denied"), unit_of_work():
        session.connection().exec_driver_sql(statement)
    assert problem() is None


def test_erasure_blanks_what_is_said_and_leaves_the_chain_whole(bulk):
    with scope(HERE):
        event_id = session.scalars(select(AuditLink.event_id).where(AuditLink.position == 2)).one()
        with unit_of_work():
            erase([event_id], at=MONDAY_NOON)
        event = session.get_one(AuditEvent, (HERE.distributor_id, event_id), populate_existing=True)
        assert (event.after, event.erased_at) == ({}, MONDAY_NOON)
        found = verify()
        assert (found.erased, found.problem) == (1, None)


def test_an_expired_part_leaves_a_signed_checkpoint(bulk):
    later = MONDAY_NOON + timedelta(days=800)
    with scope(HERE), unit_of_work():
        record("account.changed", actor=SYSTEM, at=later)
    with scope(HERE), unit_of_work():
        link_events(at=later)
    with scope(HERE), unit_of_work():
        assert expire(MONDAY_NOON + timedelta(days=730), at=later) == 5
    with scope(HERE):
        assert session.scalars(select(AuditCheckpoint.position)).all() == [5]
        found = verify()
        assert (found.first, found.last, found.problem) == (6, 6, None)
    session.remove()
    as_owner(f"UPDATE audit_checkpoints SET digest = repeat('1', 64) WHERE {OWN}")
    assert "checkpoint at 5 was not signed" in (problem() or "")
