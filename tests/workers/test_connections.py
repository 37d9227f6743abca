"""Connections of the pool: tried before use only where they have rested, or where the server has ended them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import _queries as driver_queries
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DataError

from app.core import db


@pytest.fixture
def engine(database: None) -> Iterator[Engine]:
    made = db.open_engine(os.environ["DATABASE_URL_APP"], pool_size=1)
    yield made
    made.dispose()


@pytest.fixture
def pings(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every time a connection was tried before use."""
    seen: list[object] = []
    ping = engine.dialect.do_ping

    def noted(connection: object) -> bool:
        seen.append(connection)
        return bool(ping(connection))

    monkeypatch.setattr(engine.dialect, "do_ping", noted)
    return seen


def backend(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT pg_backend_pid()")) or 0)


def test_a_connection_just_returned_is_used_again_without_being_tried(engine: Engine, pings: list[object]) -> None:
    assert backend(engine) == backend(engine)
    assert pings == []


def test_a_rested_connection_is_tried_first(
    engine: Engine, pings: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = backend(engine)
    monkeypatch.setattr(db, "RESTED_SECONDS", 0.0)
    assert backend(engine) == first
    assert len(pings) == 1


def test_a_connection_the_server_has_ended_is_replaced_unnoticed(engine: Engine, pings: list[object]) -> None:
    began: list[object] = []
    event.listen(engine, "connect", lambda connection, _record: began.append(connection))
    first = backend(engine)
    with psycopg.connect(os.environ["DATABASE_URL"].replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute("SELECT pg_terminate_backend(%s, 5000)", (first,))
    assert backend(engine) != first
    assert (len(pings), len(began)) == (1, 2)


def test_what_is_prepared_outlives_transactions_that_only_read(engine: Engine) -> None:
    asked = text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%the one that is asked again%'")
    for _ in range(7):
        with engine.connect() as connection:  # ends with a rollback
            connection.scalar(text("SELECT 'the one that is asked again'"))
    with engine.connect() as connection:
        assert connection.scalar(asked) == 1


def test_a_transaction_that_failed_is_rolled_back_as_ever(engine: Engine) -> None:
    first = backend(engine)
    with engine.connect() as connection, pytest.raises(DataError):
        connection.execute(text("SELECT 1 / 0"))
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT txid_current_if_assigned()")) is None
    assert backend(engine) == first


def test_what_a_rollback_undoes_is_undone(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '77s'"))
        assert connection.scalar(text("SHOW lock_timeout")) == "77s"
    with engine.connect() as connection:
        assert connection.scalar(text("SHOW lock_timeout")) != "77s"


def test_a_long_statement_is_searched_for_parameters_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def search(*_statement: object) -> None:
        raise AssertionError("searched without keeping what was found")

    monkeypatch.setattr(driver_queries, "_query2pg_nocache", search)  # what keeps its answers holds the original
    long = text(f"SELECT CAST(:what AS text) {'/* as long as those that record many tasks */' * 150}")
    with engine.connect() as connection:
        assert connection.scalar(long, {"what": "this"}) == "this"
