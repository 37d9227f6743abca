"""Nothing yet.

Why:   nothing yet.
Locks: none.
Undo:  nothing.
"""

from __future__ import annotations

revision = "0038_sales"
down_revision = "0037_billing"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
