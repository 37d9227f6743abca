"""Add requests and their policies.

Why:   CB-01 to CB-32.
Locks: none yet.
Undo:  nothing to take back yet.
"""

from __future__ import annotations

revision = "0017_changes"
down_revision = "0016_prices"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
