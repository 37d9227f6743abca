"""Let accounts that had a billing day keep it, as a chosen one.

Why:   CB-32: the rule of the billing day stands beside the day.
Locks: updates the accounts with a billing day; safe while the previous release is still serving.
Undo:  nothing to take back: the day itself never changed.
"""

from __future__ import annotations

from alembic import op

revision = "0018_billing"
down_revision = "0017_changes"


def upgrade() -> None:
    """Name the rule that the day stood for."""
    op.execute("UPDATE accounts SET billing_day_rule = 'chosen' WHERE billing_day IS NOT NULL")


def downgrade() -> None:
    """Leave the rule; it goes with its column."""
