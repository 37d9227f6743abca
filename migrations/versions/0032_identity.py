"""Keep who has forgotten a password until a job looks, and codes that prove a first sign-in through a provider.

Why:   SF-13 (nobody learns from the time an answer takes), SF-14 (a mailed code where passwords are off).
       docs/adr/0032-groups-of-companies.md.
Locks: creates a table and adds columns with constant defaults; no rewrite.
Undo:  drops both; requests that no job has looked at are lost, and people ask again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.rls import take_in

revision = "0032_identity"
down_revision = "0031_ordering"


def upgrade() -> None:
    """Add the table and the columns."""
    op.create_table(
        "password_requests",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("realm_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_password_requests")),
    )
    op.create_index(
        op.f("ix_password_requests_distributor_id_asked_at"), "password_requests", ["distributor_id", "asked_at"]
    )
    take_in("password_requests")
    op.add_column("sso_requests", sa.Column("code_digest", sa.String(length=64), nullable=True))
    op.add_column("sso_requests", sa.Column("code_sent_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("sso_requests", sa.Column("codes_sent", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    """Drop them."""
    for column in ("codes_sent", "code_sent_at", "code_digest"):
        op.drop_column("sso_requests", column)
    op.drop_index(op.f("ix_password_requests_distributor_id_asked_at"), table_name="password_requests")
    op.drop_table("password_requests")
