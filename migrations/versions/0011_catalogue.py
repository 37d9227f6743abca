"""Add tiers, relations, bundles, promotions and currencies of the catalogue.

Why:   CB-01 to CB-32.
Locks: none yet.
Undo:  nothing to take back yet.
"""

from __future__ import annotations

revision = "0011_catalogue"
down_revision = "0010_engine"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
