"""Counting statements: what a page or a service asks of the database."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event

LOCKED = re.compile(r"FROM (\w+).* FOR (?:NO KEY )?UPDATE", re.DOTALL)
NOT_COUNTED = ("SET LOCAL", "SAVEPOINT", "RELEASE", "ROLLBACK TO")


@contextmanager
def statements_of(connection: Connection) -> Iterator[list[str]]:
    """Collect the SQL of a block, without what tells PostgreSQL the scope and without savepoints."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, sql: str, *_rest: Any) -> None:
        if not sql.startswith(NOT_COUNTED):
            seen.append(sql)

    event.listen(connection, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(connection, "before_cursor_execute", note)


def locked_tables(statements: Sequence[str]) -> list[str]:
    """Return which tables' rows some statements lock, in their order, each once."""
    found = [match.group(1) for each in statements if (match := LOCKED.search(each))]
    return list(dict.fromkeys(found))
