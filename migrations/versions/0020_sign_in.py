"""Add second factors, devices, remembered sign-ins and changes of e-mail.

Why:   SF-12, SF-13, SF-16, BC-02, BC-28.
Locks: adds tables, indexes and columns with constant defaults; safe while the previous release is still serving.
Undo:  drops them: people sign in with their password alone.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.rls import keep_to_realm

revision = "0020_sign_in"
down_revision = "0018_billing"


def upgrade() -> None:
    """Add tables and columns, then row security and grants."""
    op.create_table(
        "authenticator_apps",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("realm_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("secret_encrypted", sa.String(length=300), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_authenticator_apps")),
        sa.UniqueConstraint(
            "distributor_id", "realm_id", "user_id", name=op.f("uq_authenticator_apps_distributor_id_realm_id_user_id")
        ),
    )
    op.create_table(
        "email_changes",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("realm_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("new_email", sa.String(length=254), nullable=False),
        sa.Column("code_digest", sa.String(length=64), nullable=False),
        sa.Column("code_sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("wrong_tries", sa.Integer(), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_email_changes")),
        sa.UniqueConstraint(
            "distributor_id", "realm_id", "user_id", name=op.f("uq_email_changes_distributor_id_realm_id_user_id")
        ),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("realm_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("code_digest", sa.String(length=64), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_recovery_codes")),
        sa.UniqueConstraint(
            "distributor_id",
            "realm_id",
            "user_id",
            "code_digest",
            name=op.f("uq_recovery_codes_distributor_id_realm_id_user_id_code_digest"),
        ),
    )
    op.create_table(
        "remembered_sign_ins",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("realm_id", sa.Uuid(), nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("earlier_digest", sa.String(length=64), nullable=True),
        sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sign_in_name_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_remembered_sign_ins")),
        sa.UniqueConstraint(
            "distributor_id",
            "realm_id",
            "token_digest",
            name=op.f("uq_remembered_sign_ins_distributor_id_realm_id_token_digest"),
        ),
    )
    op.create_index(
        op.f("ix_remembered_sign_ins_distributor_id_realm_id_earlier_digest"),
        "remembered_sign_ins",
        ["distributor_id", "realm_id", "earlier_digest"],
        unique=False,
    )
    op.create_index(
        op.f("ix_remembered_sign_ins_distributor_id_realm_id_user_id"),
        "remembered_sign_ins",
        ["distributor_id", "realm_id", "user_id"],
        unique=False,
    )
    op.create_table(
        "sign_in_challenges",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("realm_id", sa.Uuid(), nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("sign_in_name_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column(
            "step",
            sa.Enum(
                "app_code",
                "mail_code",
                "new_password",
                "set_up_app",
                name="signinstep",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("code_digest", sa.String(length=64), nullable=True),
        sa.Column("code_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("codes_sent", sa.Integer(), nullable=False),
        sa.Column("wrong_tries", sa.Integer(), nullable=False),
        sa.Column("is_remembered", sa.Boolean(), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_sign_in_challenges")),
        sa.UniqueConstraint(
            "distributor_id",
            "realm_id",
            "token_digest",
            name=op.f("uq_sign_in_challenges_distributor_id_realm_id_token_digest"),
        ),
    )
    op.create_index(
        op.f("ix_sign_in_challenges_distributor_id_realm_id_user_id"),
        "sign_in_challenges",
        ["distributor_id", "realm_id", "user_id"],
        unique=False,
    )
    op.create_table(
        "sign_in_devices",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("realm_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("browser", sa.String(length=300), nullable=True),
        sa.Column("trusted_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_sign_in_devices")),
        sa.UniqueConstraint(
            "distributor_id",
            "realm_id",
            "user_id",
            "token_digest",
            name=op.f("uq_sign_in_devices_distributor_id_realm_id_user_id_token_digest"),
        ),
    )
    keep_to_realm("authenticator_apps")
    keep_to_realm("email_changes")
    keep_to_realm("recovery_codes")
    keep_to_realm("remembered_sign_ins")
    keep_to_realm("sign_in_challenges")
    keep_to_realm("sign_in_devices")


def downgrade() -> None:
    """Take them away again."""
    op.drop_table("sign_in_devices")
    op.drop_index(op.f("ix_sign_in_challenges_distributor_id_realm_id_user_id"), table_name="sign_in_challenges")
    op.drop_table("sign_in_challenges")
    op.drop_index(op.f("ix_remembered_sign_ins_distributor_id_realm_id_user_id"), table_name="remembered_sign_ins")
    op.drop_index(
        op.f("ix_remembered_sign_ins_distributor_id_realm_id_earlier_digest"), table_name="remembered_sign_ins"
    )
    op.drop_table("remembered_sign_ins")
    op.drop_table("recovery_codes")
    op.drop_table("email_changes")
    op.drop_table("authenticator_apps")
