"""Telling the planner that a statement is about many rows.

A table just filled has no statistics yet, so PostgreSQL expects one row of a distributor and joins thousands in nested
loops: quadratic in exactly the case that must not be, the first import. Hash joins are linear whatever it believes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from app.core.db import session

_HASH = text("SET LOCAL enable_nestloop = off")
_DEFAULT = text("SET LOCAL enable_nestloop TO DEFAULT")


@contextmanager
def many_rows() -> Iterator[None]:
    """Join by hash within the block; the rest of the transaction is planned as ever."""
    session.execute(_HASH)
    yield
    session.execute(_DEFAULT)
