"""What migrations of running systems need of columns, beside what Alembic does.

Enums are text with a CHECK (`app.core.db.Base`); Alembic neither adds that CHECK with a column nor sees a new member.
"""

from __future__ import annotations

from collections.abc import Collection

from alembic import op


def require_values(table: str, column: str, enum_name: str, values: Collection[str]) -> None:
    """Let a text column hold these values alone; takes the place of an earlier list.

    The CHECK is named after its column, as the models name it. `enum_name` is the enum's class name in lower case:
    what such a CHECK was called for a while.
    """
    name = f"ck_{table}_{column}"
    listed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    for former in (name, f"ck_{table}_{enum_name}"):
        op.execute(f'ALTER TABLE {table} DROP CONSTRAINT IF EXISTS "{former}"')
    op.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" CHECK ({column} IN ({listed}))')
