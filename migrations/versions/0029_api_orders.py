"""(empty until its part is built).

Why:   (written with its part).
Locks: nothing.
Undo:  nothing.
"""

from __future__ import annotations

revision = "0029_api_orders"
down_revision = "0028_companies"


def upgrade() -> None:
    """Change nothing yet."""


def downgrade() -> None:
    """Undo nothing yet."""
