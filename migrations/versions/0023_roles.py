"""Add roles of the distributor's own, and teams.

Why:   BC-03, docs/adr/0023-own-roles.md.
Locks: adds tables and a column with a constant default; safe while the previous release is still serving.
Undo:  drops them: who has nothing but a role of the distributor's own opens nothing until another is given.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.rls import keep_to_distributor

revision = "0023_roles"
down_revision = "0022_registration"


def upgrade() -> None:
    """Add tables and the column, then row security and grants."""
    op.create_table(
        "bss_roles",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=False),
        sa.Column("rights", postgresql.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_bss_roles")),
    )
    op.create_index("uq_bss_roles_name", "bss_roles", ["distributor_id", sa.text("lower(name)")], unique=True)
    op.create_table(
        "teams",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("leader_id", sa.Uuid(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "leader_id"],
            ["users.distributor_id", "users.id"],
            name=op.f("fk_teams_distributor_id_leader_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_teams")),
    )
    op.create_index("uq_teams_name", "teams", ["distributor_id", sa.text("lower(name)")], unique=True)
    op.create_table(
        "team_members",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "team_id"],
            ["teams.distributor_id", "teams.id"],
            name=op.f("fk_team_members_distributor_id_team_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "user_id"],
            ["users.distributor_id", "users.id"],
            name=op.f("fk_team_members_distributor_id_user_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_team_members")),
        sa.UniqueConstraint(
            "distributor_id",
            "team_id",
            "user_id",
            name=op.f("uq_team_members_distributor_id_team_id_user_id"),
        ),
    )
    op.create_index(
        op.f("ix_team_members_distributor_id_user_id"), "team_members", ["distributor_id", "user_id"], unique=False
    )
    op.add_column(
        "sign_in_names",
        sa.Column("rights", postgresql.ARRAY(sa.String(length=40)), nullable=False, server_default="{}"),
    )
    for table in ("bss_roles", "teams", "team_members"):
        keep_to_distributor(table)


def downgrade() -> None:
    """Drop what was added; policies and grants go with the tables."""
    op.drop_column("sign_in_names", "rights")
    for table in ("team_members", "teams", "bss_roles"):
        op.drop_table(table)
