"""Add upgrades, add-ons and bundles of subscriptions.

Why:   CB-01 to CB-32.
Locks: none yet.
Undo:  nothing to take back yet.
"""

from __future__ import annotations

revision = "0015_add_ons"
down_revision = "0014_provisioning"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
