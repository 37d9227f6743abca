"""(empty until its part is built).

Why:   (written with its part).
Locks: nothing.
Undo:  nothing.
"""

from __future__ import annotations

revision = "0027_sign_on"
down_revision = "0026_rules"


def upgrade() -> None:
    """Change nothing yet."""


def downgrade() -> None:
    """Undo nothing yet."""
