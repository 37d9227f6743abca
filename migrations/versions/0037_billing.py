"""Nothing yet.

Why:   nothing yet.
Locks: none.
Undo:  nothing.
"""

from __future__ import annotations

revision = "0037_billing"
down_revision = "0036_services"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
