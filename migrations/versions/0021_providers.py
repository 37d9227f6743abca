"""Add identity providers.

Why:   SF-04 to SF-17, RS-13, BC-02 to BC-04, BC-27 to BC-30.
Locks: none yet.
Undo:  nothing to take back yet.
"""

from __future__ import annotations

revision = "0021_providers"
down_revision = "0020_sign_in"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
