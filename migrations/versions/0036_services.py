"""Room for a migration of its own.

Why:   the chain stands before its content.
Locks: none.
Undo:  nothing.
"""

from __future__ import annotations

revision = "0036_services"
down_revision = "0035_prices"


def upgrade() -> None:
    """Change nothing yet."""


def downgrade() -> None:
    """Change nothing back."""
