"""Add reconciliation, adoption and connectors.

Why:   CB-01 to CB-32.
Locks: none yet.
Undo:  nothing to take back yet.
"""

from __future__ import annotations

revision = "0014_provisioning"
down_revision = "0013_orders"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
