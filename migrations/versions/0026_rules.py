"""(empty until its part is built).

Why:   (written with its part).
Locks: nothing.
Undo:  nothing.
"""

from __future__ import annotations

revision = "0026_rules"
down_revision = "0025_audit"


def upgrade() -> None:
    """Change nothing yet."""


def downgrade() -> None:
    """Undo nothing yet."""
