"""Add roles, teams and permission rules.

Why:   SF-04 to SF-17, RS-13, BC-02 to BC-04, BC-27 to BC-30.
Locks: none yet.
Undo:  nothing to take back yet.
"""

from __future__ import annotations

revision = "0023_roles"
down_revision = "0022_registration"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
