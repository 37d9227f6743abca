"""What changed of a row, from what to what, read from the row itself: for the before and after of an event (BC-30)."""

from __future__ import annotations

import enum
from typing import Any

from sqlalchemy import inspect

SECRETS = ("password", "secret", "encrypted", "digest", "token")
CHANGED = "changed"
NOT_TOLD = frozenset({"id", "distributor_id", "reseller_id", "updated_at", "created_at", "version"})


def changes_of(row: Any) -> tuple[dict[str, object], dict[str, object]]:
    """Return the columns of a row that will be written, before and after; ask before it is flushed.

    A row that is new has no before. Of secrets only that they changed is told: they have none either.
    """
    state = inspect(row)
    before: dict[str, object] = {}
    after: dict[str, object] = {}
    for column in state.mapper.column_attrs:
        history = state.attrs[column.key].history
        if column.key in NOT_TOLD or not history.has_changes():
            continue
        if any(word in column.key for word in SECRETS):
            after[column.key] = CHANGED
            continue
        if history.deleted:
            before[column.key] = _value(history.deleted[0])
        after[column.key] = _value(history.added[0] if history.added else None)
    return before, after


def _value(value: object) -> object:
    if isinstance(value, enum.Enum):
        return value.value
    return "" if value is None else value
