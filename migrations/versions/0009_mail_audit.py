"""Add outbound mail, mail settings and audit events.

Why:   first version, docs/adr/0001-one-database-row-security.md.
Locks: creates tables only; safe while the previous release is still serving.
Undo:  drops these tables and every row in them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.rls import keep_to_reseller, take_in

revision = "0009_mail_audit"
down_revision = "0008_resellers"


def upgrade() -> None:
    """Create the tables, then their row security and grants."""
    op.create_table(
        "audit_events",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_reseller_id", sa.Uuid(), nullable=True),
        sa.Column("target_kind", sa.String(length=40), nullable=True),
        sa.Column("target_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.String(length=45), nullable=True),
        sa.Column("request_id", sa.String(length=40), nullable=True),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_audit_events")),
    )
    op.create_table(
        "mail_log",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("mail_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("template", sa.String(length=40), nullable=False),
        sa.Column("to_email", sa.String(length=254), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "sent",
                "failed",
                "not_sent",
                name="mailstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_mail_log")),
        sa.UniqueConstraint("distributor_id", "mail_id", name=op.f("uq_mail_log_distributor_id_mail_id")),
    )
    op.create_table(
        "mail_settings",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("sender_name", sa.String(length=120), nullable=False),
        sa.Column("sender_email", sa.String(length=254), nullable=False),
        sa.Column("host", sa.String(length=253), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("encryption", sa.String(length=10), nullable=False),
        sa.Column("username", sa.String(length=254), nullable=True),
        sa.Column("password_encrypted", sa.Text(), nullable=True),
        sa.Column("failures_in_a_row", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_mail_settings")),
    )
    op.create_table(
        "mail_template_settings",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("template", sa.String(length=40), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=True),
        sa.Column("body_html", sa.Text(), nullable=True),
        sa.Column("extra_recipients", postgresql.ARRAY(sa.String(length=254)), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_mail_template_settings")),
    )
    op.create_table(
        "outbound_mails",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("template", sa.String(length=40), nullable=False),
        sa.Column("sender_reseller_id", sa.Uuid(), nullable=True),
        sa.Column("storefront_id", sa.Uuid(), nullable=True),
        sa.Column("to_email", sa.String(length=254), nullable=False),
        sa.Column("to_name", sa.String(length=201), nullable=False),
        sa.Column("fields", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "sent",
                "failed",
                "not_sent",
                name="mailstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_outbound_mails")),
    )
    op.create_index(op.f("ix_audit_events_distributor_id_at"), "audit_events", ["distributor_id", "at"], unique=False)
    op.create_index(
        op.f("ix_audit_events_distributor_id_target_id"), "audit_events", ["distributor_id", "target_id"], unique=False
    )
    op.create_index(
        op.f("ix_mail_log_distributor_id_reseller_id_at"),
        "mail_log",
        ["distributor_id", "reseller_id", "at"],
        unique=False,
    )
    op.create_index(
        "uq_mail_settings_owner",
        "mail_settings",
        ["distributor_id", "reseller_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_index(
        "uq_mail_template_settings",
        "mail_template_settings",
        ["distributor_id", "reseller_id", "template"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_index(
        "ix_outbound_mails_due", "outbound_mails", ["distributor_id", "state", "next_attempt_at"], unique=False
    )
    take_in("audit_events")
    keep_to_reseller("mail_log")
    keep_to_reseller("mail_settings")
    keep_to_reseller("mail_template_settings")
    take_in("outbound_mails")


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_table("outbound_mails")
    op.drop_table("mail_template_settings")
    op.drop_table("mail_settings")
    op.drop_table("mail_log")
    op.drop_table("audit_events")
