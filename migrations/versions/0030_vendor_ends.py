"""Tell vendors of later days, end there what has expired, and know which failures people were told of.

Why:   CB-22, CB-24, CB-28 and CB-18: future requests sent at once, expired subscriptions ended at their vendors, drafts
       of programs. docs/adr/0029-future-requests-and-ends.md.
Locks: adds columns that are empty or have a constant default, and checks lists of values again (a scan of orders,
       provisioning_tasks and subscription_changes); safe while the previous release is still serving.
Undo:  drops the columns; tasks and changes of the new kinds are deleted, drafts become a storefront's.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.columns import require_values

revision = "0030_vendor_ends"
down_revision = "0029_api_orders"

TASKS = ("create", "update", "cancel", "suspend", "activate", "open_storefront")
KINDS = (
    "quantity", "cancellation", "suspension", "activation", "upgrade", "downgrade", "price", "add_on",
    "characteristics", "trial_conversion", "renewal",
)  # fmt: skip
STATES = ("submitted", "scheduled", "processing", "completed", "failed", "rejected", "withdrawn", "void")
CHANNELS = ("root", "alias", "bss")


def upgrade() -> None:
    """Add what is new."""
    no = sa.false()
    op.add_column(
        "service_managers", sa.Column("takes_future_requests", sa.Boolean(), nullable=False, server_default=no)
    )
    op.add_column("provisioning_tasks", sa.Column("failure_told_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("subscription_changes", sa.Column("is_at_vendor", sa.Boolean(), nullable=False, server_default=no))
    op.add_column("subscription_vendor_links", sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True))
    require_values("provisioning_tasks", "kind", "taskkind", (*TASKS, "schedule", "withdraw"))
    require_values("subscription_changes", "kind", "changekind", (*KINDS, "expiry"))
    require_values("subscription_changes", "status", "changestatus", (*STATES, "withdrawing"))
    require_values("orders", "channel", "orderchannel", (*CHANNELS, "api"))


def downgrade() -> None:
    """Take it back."""
    op.execute("DELETE FROM provisioning_tasks WHERE kind IN ('schedule', 'withdraw')")
    op.execute("DELETE FROM subscription_changes WHERE kind = 'expiry'")
    op.execute("UPDATE subscription_changes SET status = 'scheduled' WHERE status = 'withdrawing'")
    op.execute("UPDATE orders SET channel = 'root' WHERE channel = 'api'")
    require_values("orders", "channel", "orderchannel", CHANNELS)
    require_values("subscription_changes", "status", "changestatus", STATES)
    require_values("subscription_changes", "kind", "changekind", KINDS)
    require_values("provisioning_tasks", "kind", "taskkind", TASKS)
    op.drop_column("subscription_vendor_links", "ended_at")
    op.drop_column("subscription_changes", "is_at_vendor")
    op.drop_column("provisioning_tasks", "failure_told_at")
    op.drop_column("service_managers", "takes_future_requests")
