"""Nothing yet.

Why:   nothing yet.
Locks: none.
Undo:  nothing.
"""

from __future__ import annotations

revision = "0040_engine"
down_revision = "0039_catalogue"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
