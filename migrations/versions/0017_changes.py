"""Tell which requests of customers somebody has to decide on, and let expired subscriptions be renewed.

Why:   CB-24, CB-28, CB-29.
Locks: adds a column without default and checks a new table; safe while the previous release is still serving.
Undo:  drops the column; changes of the new kind are deleted.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.columns import require_values

revision = "0017_changes"
down_revision = "0016_prices"

KINDS = (
    "quantity", "cancellation", "suspension", "activation", "upgrade", "downgrade", "price", "add_on",
    "characteristics", "trial_conversion",
)  # fmt: skip


def upgrade() -> None:
    """Add what requests need."""
    op.add_column("subscription_changes", sa.Column("examined_at", sa.DateTime(timezone=True), nullable=True))
    require_values("subscription_changes", "kind", "changekind", (*KINDS, "renewal"))


def downgrade() -> None:
    """Take it back."""
    op.execute("DELETE FROM subscription_changes WHERE kind = 'renewal'")
    require_values("subscription_changes", "kind", "changekind", KINDS)
    op.drop_column("subscription_changes", "examined_at")
