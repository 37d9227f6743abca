"""Add product files, vendor catalogue runs and usage.

Why:   CB-01 to CB-32.
Locks: none yet.
Undo:  nothing to take back yet.
"""

from __future__ import annotations

revision = "0012_imports"
down_revision = "0011_catalogue"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
