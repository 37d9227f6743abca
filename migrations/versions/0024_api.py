"""Add clients of the API and their tokens.

Why:   RS-30, BC-32, BC-33.
Locks: adds two tables; safe while the previous release is still serving.
Undo:  drops them: no program can call the API.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.rls import keep_to_realm

revision = "0024_api"
down_revision = "0023_roles"


def upgrade() -> None:
    """Add tables, then row security and grants."""
    op.create_table(
        "api_clients",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("realm_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("oauth", "api_key", name="apiclientkind", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("public_id", sa.String(length=40), nullable=False),
        sa.Column("secret_digest", sa.String(length=64), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_api_clients")),
        sa.UniqueConstraint(
            "distributor_id", "realm_id", "public_id", name=op.f("uq_api_clients_distributor_id_realm_id_public_id")
        ),
    )
    op.create_table(
        "api_tokens",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("realm_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("secret_digest", sa.String(length=64), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "client_id"],
            ["api_clients.distributor_id", "api_clients.id"],
            name=op.f("fk_api_tokens_distributor_id_client_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint(
            "distributor_id",
            "realm_id",
            "token_digest",
            name=op.f("uq_api_tokens_distributor_id_realm_id_token_digest"),
        ),
    )
    op.create_index(op.f("ix_api_tokens_distributor_id_client_id"), "api_tokens", ["distributor_id", "client_id"])
    for table in ("api_clients", "api_tokens"):
        keep_to_realm(table)


def downgrade() -> None:
    """Take both tables away, and with them every credential."""
    op.drop_table("api_tokens")
    op.drop_table("api_clients")
