"""What a failed statement tells, and what it takes back."""

from __future__ import annotations

from contextlib import suppress

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.accounts.models import Account
from app.core import db
from app.core.db import unit_of_work
from tenants.context import scope


def test_a_failed_statement_is_told_without_its_values(connection) -> None:
    """Values are passwords' digests, links and people's data; logs are read by others."""
    with db.engine().connect() as another, pytest.raises(SQLAlchemyError) as failed:
        another.exec_driver_sql("SELECT 1 / %(zero)s, %(secret)s::text", {"zero": 0, "secret": "argon2-digest"})
    assert "argon2-digest" not in str(failed.value)


def test_a_failed_savepoint_takes_nothing_back_but_itself(session, world) -> None:
    session.commit()
    direct_id, shop = world.direct.id, world.tech.scope
    with scope(world.scope):
        with unit_of_work():
            session.get_one(Account, (world.id, direct_id)).name = "Renamed"
            with pytest.raises(SQLAlchemyError), session.begin_nested(), scope(shop):
                session.execute(text("SELECT 1 / 0"))
            assert session.scalar(text("SELECT current_setting('app.reseller')")) == "all"
        assert session.get_one(Account, (world.id, direct_id), populate_existing=True).name == "Renamed"


def test_a_swallowed_failure_is_not_committed_as_if_nothing_had_happened(session, world) -> None:
    session.commit()
    shop = world.tech.scope
    with scope(world.scope), pytest.raises(SQLAlchemyError), unit_of_work(), scope(shop), suppress(SQLAlchemyError):
        session.execute(text("SELECT 1 / 0"))
