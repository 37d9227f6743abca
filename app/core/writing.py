"""Writing all that a unit of work has made, changed and deleted in one statement, where the ORM takes one per table.

Each kind of row becomes a part of one WITH; PostgreSQL looks at foreign keys at its end, so that their order does not
matter, and row security holds for each part as for a statement of its own. Rows travel as JSON: the statement is the
same text whatever their number, and is prepared.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import Column, Table, TextClause, inspect, text
from sqlalchemy.orm import make_transient_to_detached
from sqlalchemy.orm.attributes import instance_dict, set_committed_value
from sqlalchemy.orm.exc import StaleDataError

from app.core.db import Base, session

KEY = ("distributor_id", "id")


class Verb(enum.Enum):
    """What is done to rows."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of the statement: rows of one table, and which of their columns are written."""

    verb: Verb
    table: str
    columns: tuple[str, ...]

    def sql(self, number: int) -> str:
        """Return the part; the ids of changed rows are named as well, so that it stays a walk by key."""
        rows = f'jsonb_populate_recordset(CAST(NULL AS "{self.table}"), CAST(:rows_{number} AS jsonb)) AS r'
        names = ", ".join(f'"{name}"' for name in self.columns)
        values = ", ".join(f'"{name}" = r."{name}"' for name in self.columns)
        here = f"t.distributor_id = :here_{number} AND t.id = ANY (CAST(:ids_{number} AS uuid[]))"
        return {
            Verb.INSERT: f'INSERT INTO "{self.table}" ({names}) SELECT {names} FROM {rows}',  # noqa: S608 - names of models
            Verb.UPDATE: (
                f'UPDATE "{self.table}" AS t SET {values} FROM {rows} '  # noqa: S608 - as above
                f"WHERE {here} AND t.id = r.id RETURNING 1"
            ),
            Verb.DELETE: f'DELETE FROM "{self.table}" AS t WHERE {here} RETURNING 1',  # noqa: S608 - as above
        }[self.verb]


def flush_together() -> None:
    """Write what waits in the session, as `session.flush()` does, in one statement.

    Raises StaleDataError where a changed or deleted row is not there, or not ours, any more, and what the database
    refuses. For models of one table without relationships, keyed by distributor and id.
    """
    new, changed = list(session.new), [each for each in session.dirty if session.is_modified(each)]
    deleted = list(session.deleted)
    written = {each: _values(each) for each in new}
    work = [
        *_parts(Verb.INSERT, new, lambda each: tuple(written[each])),
        *_parts(Verb.UPDATE, changed, _changed_columns),
        *_parts(Verb.DELETE, deleted, lambda _: ()),
    ]
    if not work:
        return
    given: dict[str, Any] = {}
    for number, (part, rows) in enumerate(work):
        if part.verb is not Verb.INSERT:
            given[f"here_{number}"], given[f"ids_{number}"] = _here(rows), [each.id for each in rows]
        if part.verb is not Verb.DELETE:
            values = (written[each] if each in written else _current(each, part.columns) for each in rows)
            given[f"rows_{number}"] = Jsonb([{name: as_json(value) for name, value in each.items()} for each in values])
    counted = session.connection().execute(_statement(tuple(part for part, _ in work)), given).one()
    if sum(counted) != len(changed) + len(deleted):
        raise StaleDataError("What was to be changed is not there any more")
    for each in deleted:
        session.expunge(each)
    for each in changed:
        for name in _changed_columns(each):
            set_committed_value(each, name, getattr(each, name))
    for each in new:
        session.expunge(each)
        instance_dict(each).update(written[each])
        make_transient_to_detached(each)
    session.add_all(new)


@cache
def _statement(parts: tuple[_Part, ...]) -> TextClause:
    named = [(f"part_{number}", part, part.sql(number)) for number, part in enumerate(parts)]
    counted = [f"(SELECT count(*) FROM {name})" for name, part, _ in named if part.verb is not Verb.INSERT]  # noqa: S608
    every = ", ".join(f"{name} AS ({sql})" for name, _, sql in named)
    return text(f"WITH {every} SELECT {', '.join(counted) or '0'}")


def _parts(
    verb: Verb, rows: Iterable[Base], columns: Callable[[Base], tuple[str, ...]]
) -> Iterator[tuple[_Part, list[Any]]]:
    found: dict[_Part, list[Any]] = {}
    for each in rows:
        found.setdefault(_Part(verb, _table(type(each)).name, columns(each)), []).append(each)
    yield from found.items()


@cache
def _table(model: type[Base]) -> Table:
    """Return a model's table. Raises TypeError for one whose rows only the ORM can write."""
    table = inspect(model).local_table
    if not isinstance(table, Table) or tuple(column.name for column in table.primary_key) != KEY:
        raise TypeError(model)
    if any(column.server_default is not None or column.onupdate is not None for column in table.columns):
        raise TypeError(model)
    return table


def _here(rows: Iterable[Any]) -> UUID:
    (found,) = {each.distributor_id for each in rows}
    return UUID(str(found))


def _values(row: Base) -> Mapping[str, Any]:
    """Return all columns of a new row; what nobody said is as its column says."""
    said = instance_dict(row)
    return {
        column.key: said[column.key] if column.key in said else _default(column) for column in _table(type(row)).columns
    }


def _default(column: Column[Any]) -> Any:
    made = column.default
    if made is None:
        return None
    return made.arg(None) if made.is_callable else made.arg  # type: ignore[attr-defined]


def _changed_columns(row: Base) -> tuple[str, ...]:
    state = inspect(row)
    return tuple(name for name in _table(type(row)).columns.keys() if state.attrs[name].history.has_changes())  # noqa: SIM118


def _current(row: Any, columns: Sequence[str]) -> Mapping[str, Any]:
    return {"id": row.id} | {name: getattr(row, name) for name in columns}


def as_json(value: Any) -> Any:
    """Return a value as JSON says it; PostgreSQL reads it by the type of its column."""
    match value:
        case enum.Enum():
            return value.value
        case UUID() | Decimal():
            return str(value)
        case datetime() | date():
            return value.isoformat()
        case dict() | list() | str() | int() | float() | None:
            return value
        case tuple():
            return [as_json(each) for each in value]
        case _:
            raise TypeError(type(value))
