"""Remember renewal reminders; let accounts that had a billing day keep it, as a chosen one.

Why:   CB-28: a reminder goes out once. CB-32: the rule of the billing day stands beside the day.
Locks: adds a table, updates the accounts with a billing day; safe while the previous release is still serving.
Undo:  drops the table; the billing days themselves never changed.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.rls import keep_to_distributor

revision = "0018_billing"
down_revision = "0017_changes"


def upgrade() -> None:
    """Add the table; name the rule that the day stood for."""
    op.create_table(
        "renewal_reminders",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("renews_on", sa.Date(), nullable=False),
        sa.Column("days_before", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "subscription_id"],
            ["subscriptions.distributor_id", "subscriptions.id"],
            name=op.f("fk_renewal_reminders_distributor_id_subscription_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_renewal_reminders")),
        sa.UniqueConstraint(
            "distributor_id",
            "subscription_id",
            "renews_on",
            "days_before",
            name=op.f("uq_renewal_reminders_distributor_id_subscription_id_renews_on_days_before"),
        ),
    )
    keep_to_distributor("renewal_reminders")
    op.execute("UPDATE accounts SET billing_day_rule = 'chosen' WHERE billing_day IS NOT NULL")


def downgrade() -> None:
    """Drop the table; the rule goes with its column."""
    op.drop_table("renewal_reminders")
