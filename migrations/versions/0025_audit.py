"""Add the chain of the audit trail, and take from our roles what could rewrite it.

Why:   GO-16, BC-30: what was recorded can be neither changed nor deleted unnoticed.
Locks: adds tables, two columns without default and an index; safe while the previous release is still serving.
Undo:  drops the chain; the events stay.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.rls import keep_to_distributor, role

revision = "0025_audit"
down_revision = "0024_api"


def upgrade() -> None:
    """Add columns and tables, then row security and grants."""
    op.add_column("audit_events", sa.Column("chained_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("audit_events", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_audit_events_unchained",
        "audit_events",
        ["distributor_id", "id"],
        unique=False,
        postgresql_where=sa.text("chained_at IS NULL"),
    )
    op.create_table(
        "audit_links",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("payload_digest", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_audit_links")),
        sa.UniqueConstraint("distributor_id", "event_id", name=op.f("uq_audit_links_distributor_id_event_id")),
        sa.UniqueConstraint("distributor_id", "position", name=op.f("uq_audit_links_distributor_id_position")),
    )
    op.create_table(
        "audit_heads",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.String(length=64), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_audit_heads")),
        sa.UniqueConstraint("distributor_id", name=op.f("uq_audit_heads_distributor_id")),
    )
    op.create_table(
        "audit_checkpoints",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_audit_checkpoints")),
        sa.UniqueConstraint("distributor_id", "position", name=op.f("uq_audit_checkpoints_distributor_id_position")),
    )
    for table in ("audit_links", "audit_heads", "audit_checkpoints"):
        keep_to_distributor(table)
    app, bulk = role("app"), role("bulk")
    op.execute(f'REVOKE UPDATE, DELETE ON audit_events, audit_links FROM "{app}", "{bulk}"')
    op.execute(f'REVOKE DELETE ON audit_heads, audit_checkpoints FROM "{app}", "{bulk}"')
    op.execute(f'REVOKE UPDATE ON audit_checkpoints FROM "{app}", "{bulk}"')
    op.execute(f'GRANT UPDATE (chained_at) ON audit_events TO "{app}", "{bulk}"')
    # Erasure and expiry are bulk work; both leave their traces in the chain.
    op.execute(f'GRANT UPDATE (before, after, address, erased_at) ON audit_events TO "{bulk}"')
    op.execute(f'GRANT DELETE ON audit_events, audit_links TO "{bulk}"')


def downgrade() -> None:
    """Drop the chain, give the grants back."""
    app, bulk = role("app"), role("bulk")
    op.execute(f'GRANT UPDATE, DELETE ON audit_events TO "{app}", "{bulk}"')
    op.drop_table("audit_checkpoints")
    op.drop_table("audit_heads")
    op.drop_table("audit_links")
    op.drop_index("ix_audit_events_unchained", table_name="audit_events")
    op.drop_column("audit_events", "erased_at")
    op.drop_column("audit_events", "chained_at")
