"""(empty until its part is built).

Why:   (written with its part).
Locks: nothing.
Undo:  nothing.
"""

from __future__ import annotations

revision = "0031_ordering"
down_revision = "0030_vendor_ends"


def upgrade() -> None:
    """Change nothing yet."""


def downgrade() -> None:
    """Undo nothing yet."""
