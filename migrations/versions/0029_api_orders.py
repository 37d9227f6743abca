"""Let programs place orders: an order names the client of the API that made it, instead of a person.

Why:   RS-30, BC-32, CB-18: drafts and orders by API; BC-32: the owner of credentials is told that they end soon;
       BC-F10: a program of the back office may do no more than the person it acts for.
Locks: adds nullable columns and drops a NOT NULL; the check is added unvalidated, then validated without a long lock.
Undo:  drops them; orders placed by programs must be gone before.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029_api_orders"
down_revision = "0028_companies"

PLACED_BY_ONE = "ck_orders_placed_by_one"


def upgrade() -> None:
    """Add the columns, and the check that a person or a program has placed an order."""
    op.add_column("orders", sa.Column("api_client_id", sa.Uuid(), nullable=True))
    op.add_column("orders", sa.Column("api_client_name", sa.String(length=80), nullable=True))
    op.alter_column("orders", "placed_by_id", nullable=True)
    op.execute(
        f"ALTER TABLE orders ADD CONSTRAINT {PLACED_BY_ONE} "
        "CHECK (num_nonnulls(placed_by_id, api_client_id) = 1) NOT VALID"
    )
    op.execute(f"ALTER TABLE orders VALIDATE CONSTRAINT {PLACED_BY_ONE}")
    op.add_column("api_clients", sa.Column("acts_for_id", sa.Uuid(), nullable=True))
    op.add_column("api_clients", sa.Column("end_told_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Take them away; only people place orders again."""
    op.drop_column("api_clients", "end_told_at")
    op.drop_column("api_clients", "acts_for_id")
    op.drop_constraint(PLACED_BY_ONE, "orders")
    op.alter_column("orders", "placed_by_id", nullable=False)
    op.drop_column("orders", "api_client_name")
    op.drop_column("orders", "api_client_id")
