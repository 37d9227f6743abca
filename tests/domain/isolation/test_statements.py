"""What a failed statement tells."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import SQLAlchemyError

from app.core import db


def test_a_failed_statement_is_told_without_its_values(connection) -> None:
    """Values are passwords' digests, links and people's data; logs are read by others."""
    with db.engine().connect() as another, pytest.raises(SQLAlchemyError) as failed:
        another.exec_driver_sql("SELECT 1 / %(zero)s, %(secret)s::text", {"zero": 0, "secret": "argon2-digest"})
    assert "argon2-digest" not in str(failed.value)
