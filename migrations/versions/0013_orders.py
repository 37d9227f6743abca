"""Add order statuses, sub-orders, schedules and offers.

Why:   CB-01 to CB-32.
Locks: none yet.
Undo:  nothing to take back yet.
"""

from __future__ import annotations

revision = "0013_orders"
down_revision = "0012_imports"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
