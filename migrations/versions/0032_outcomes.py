"""(empty until its part is built).

Why:   (written with its part).
Locks: nothing.
Undo:  nothing.
"""

from __future__ import annotations

revision = "0032_outcomes"
down_revision = "0031_ordering"


def upgrade() -> None:
    """Change nothing yet."""


def downgrade() -> None:
    """Undo nothing yet."""
