"""Add the directory: distributors, storefronts, addresses, settings and the console's operators.

Why:   first version, docs/adr/0001-one-database-row-security.md.
Locks: creates tables only; safe while the previous release is still serving.
Undo:  drops these tables and every row in them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.rls import (
    create_role,
    create_sequence,
    keep_to_console,
    keep_to_reseller,
    publish_directory,
    read_by_all_written_by_distributor,
)

revision = "0001_directory"
down_revision = None


def upgrade() -> None:
    """Create the tables, then their row security and grants."""
    for name in ("app", "bulk", "platform"):
        create_role(name)
    create_sequence("directory_version")
    op.create_table(
        "distributor_settings",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("values", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_distributor_settings")),
        sa.UniqueConstraint("distributor_id", name=op.f("uq_distributor_settings_distributor_id")),
    )
    op.create_table(
        "distributors",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "active", "suspended", name="distributorstate", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("culture", sa.String(length=16), nullable=False),
        sa.Column("has_alias_subdomains", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_distributors")),
    )
    op.create_table(
        "operator_sessions",
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("operator_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token_digest", name=op.f("pk_operator_sessions")),
    )
    op.create_table(
        "operators",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("failed_tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operators")),
        sa.UniqueConstraint("email", name=op.f("uq_operators_email")),
    )
    op.create_table(
        "storefront_settings",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("storefront_id", sa.Uuid(), nullable=False),
        sa.Column("values", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_storefront_settings")),
        sa.UniqueConstraint(
            "distributor_id", "storefront_id", name=op.f("uq_storefront_settings_distributor_id_storefront_id")
        ),
    )
    op.create_table(
        "storefront_versions",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("storefront_id", sa.Uuid(), nullable=False),
        sa.Column("values", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("is_draft", sa.Boolean(), nullable=False),
        sa.Column("created_by_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_storefront_versions")),
    )
    op.create_table(
        "storefronts",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "provisioning",
                "live",
                "ending",
                "closed",
                "purged",
                "failed",
                name="storefrontstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("edition", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_storefronts")),
    )
    op.create_table(
        "addresses",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("storefront_id", sa.Uuid(), nullable=True),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("alias", sa.String(length=40), nullable=True),
        sa.Column("host", sa.String(length=253), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "live",
                "held",
                "retained",
                "pending",
                name="addressstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("is_primary", sa.Boolean(), nullable=False),
        sa.Column("held_for_item_id", sa.Uuid(), nullable=True),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("nextval('directory_version')"), nullable=False),
        sa.CheckConstraint(
            "alias ~ '^[a-z][a-z0-9]*(-[a-z0-9]+)*$' AND length(alias) BETWEEN 3 AND 40",
            name=op.f("ck_addresses_alias_syntax"),
        ),
        sa.CheckConstraint("(alias IS NULL) <> (host IS NULL)", name=op.f("ck_addresses_alias_or_host")),
        sa.CheckConstraint("host = lower(host)", name=op.f("ck_addresses_host_lower")),
        sa.ForeignKeyConstraint(
            ["distributor_id", "storefront_id"],
            ["storefronts.distributor_id", "storefronts.id"],
            name=op.f("fk_addresses_distributor_id_storefront_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_addresses")),
        sa.UniqueConstraint("distributor_id", "alias", name=op.f("uq_addresses_distributor_id_alias")),
        sa.UniqueConstraint("host", name=op.f("uq_addresses_host")),
    )
    op.create_index(op.f("ix_operator_sessions_operator_id"), "operator_sessions", ["operator_id"], unique=False)
    op.create_index(
        op.f("ix_storefront_versions_distributor_id_storefront_id_created_at"),
        "storefront_versions",
        ["distributor_id", "storefront_id", "created_at"],
        unique=False,
    )
    op.create_index(
        "uq_storefronts_reseller",
        "storefronts",
        ["distributor_id", "reseller_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_index(
        op.f("ix_addresses_distributor_id_storefront_id"),
        "addresses",
        ["distributor_id", "storefront_id"],
        unique=False,
    )
    op.create_index(op.f("ix_addresses_version"), "addresses", ["version"], unique=False)
    read_by_all_written_by_distributor("distributor_settings")
    publish_directory("distributors", column="id")
    keep_to_console("operator_sessions")
    keep_to_console("operators")
    keep_to_reseller("storefront_settings")
    keep_to_reseller("storefront_versions")
    publish_directory("storefronts")
    publish_directory("addresses", resellers_hold=True)


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_table("addresses")
    op.drop_table("storefronts")
    op.drop_table("storefront_versions")
    op.drop_table("storefront_settings")
    op.drop_table("operators")
    op.drop_table("operator_sessions")
    op.drop_table("distributors")
    op.drop_table("distributor_settings")
    op.execute("DROP SEQUENCE directory_version")
