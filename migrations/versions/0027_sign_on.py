"""Add what groups at a provider make of people, reading metadata by its address, and signing out there too.

Why:   SF-14, BC-27, docs/adr/0026-sign-on.md.
Locks: adds a table and columns with constant defaults; the index keeps writers of sessions waiting for its short build.
Undo:  drops them: roles stay as they were last given, and people sign out here alone.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.columns import require_values
from migrations.rls import keep_to_realm

revision = "0027_sign_on"
down_revision = "0026_rules"

PURPOSES = ("sign_in", "link", "test")


def upgrade() -> None:
    """Add the table and columns, then row security and grants."""
    op.create_table(
        "provider_role_rules",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("realm_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("group_name", sa.String(length=200), nullable=False),
        sa.Column("makes_admin", sa.Boolean(), nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_provider_role_rules")),
        sa.UniqueConstraint(
            "distributor_id",
            "realm_id",
            "provider_id",
            "group_name",
            name=op.f("uq_provider_role_rules_distributor_id_realm_id_provider_id_group_name"),
        ),
    )
    op.add_column(
        "identity_providers",
        sa.Column("groups_claim", sa.String(length=200), nullable=False, server_default="groups"),
    )
    op.add_column(
        "identity_providers", sa.Column("roles_follow", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("identity_providers", sa.Column("signs_out", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("identity_providers", sa.Column("metadata_read_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("identity_providers", sa.Column("metadata_error", sa.String(length=300), nullable=True))
    op.add_column("identity_providers", sa.Column("slo_answer_url", sa.String(length=500), nullable=True))
    op.add_column("identity_providers", sa.Column("expiry_told", sa.Integer(), nullable=True))
    op.add_column("registration_requests", sa.Column("provider_id", sa.Uuid(), nullable=True))
    op.add_column("registration_requests", sa.Column("identity_issuer", sa.String(length=500), nullable=True))
    op.add_column("registration_requests", sa.Column("identity_subject", sa.String(length=500), nullable=True))
    op.add_column(
        "sso_requests",
        sa.Column("groups", postgresql.ARRAY(sa.String(length=200)), nullable=False, server_default="{}"),
    )
    op.add_column("sso_requests", sa.Column("logout_hint_encrypted", sa.Text(), nullable=True))
    op.add_column("user_sessions", sa.Column("provider_subject", sa.String(length=500), nullable=True))
    op.add_column("user_sessions", sa.Column("logout_hint_encrypted", sa.Text(), nullable=True))
    op.create_index(
        op.f("ix_user_sessions_distributor_id_realm_id_provider_id"),
        "user_sessions",
        ["distributor_id", "realm_id", "provider_id"],
        unique=False,
    )
    require_values("sso_requests", "purpose", "ssopurpose", (*PURPOSES, "sign_out"))
    keep_to_realm("provider_role_rules")


def downgrade() -> None:
    """Take them away again."""
    op.execute("DELETE FROM sso_requests WHERE purpose = 'sign_out'")
    require_values("sso_requests", "purpose", "ssopurpose", PURPOSES)
    op.drop_index(op.f("ix_user_sessions_distributor_id_realm_id_provider_id"), table_name="user_sessions")
    op.drop_column("user_sessions", "logout_hint_encrypted")
    op.drop_column("user_sessions", "provider_subject")
    op.drop_column("sso_requests", "logout_hint_encrypted")
    op.drop_column("sso_requests", "groups")
    op.drop_column("registration_requests", "identity_subject")
    op.drop_column("registration_requests", "identity_issuer")
    op.drop_column("registration_requests", "provider_id")
    op.drop_column("identity_providers", "expiry_told")
    op.drop_column("identity_providers", "slo_answer_url")
    op.drop_column("identity_providers", "metadata_error")
    op.drop_column("identity_providers", "metadata_read_at")
    op.drop_column("identity_providers", "signs_out")
    op.drop_column("identity_providers", "roles_follow")
    op.drop_column("identity_providers", "groups_claim")
    op.drop_table("provider_role_rules")
