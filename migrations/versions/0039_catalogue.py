"""Nothing yet.

Why:   nothing yet.
Locks: none.
Undo:  nothing.
"""

from __future__ import annotations

revision = "0039_catalogue"
down_revision = "0038_sales"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
