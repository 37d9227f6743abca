"""Add accounts, users and what they sign in with.

Why:   first version, docs/adr/0001-one-database-row-security.md.
Locks: creates tables only; safe while the previous release is still serving.
Undo:  drops these tables and every row in them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.rls import create_sequence, keep_to_realm, share_with_distributor

revision = "0002_accounts_identity"
down_revision = "0001_directory"


def upgrade() -> None:
    """Create the tables, then their row security and grants."""
    create_sequence("account_numbers")
    op.create_table(
        "accounts",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("phone", sa.String(length=30), nullable=True),
        sa.Column("website", sa.String(length=200), nullable=True),
        sa.Column("tax_id", sa.String(length=40), nullable=True),
        sa.Column("customer_code", sa.String(length=40), nullable=True),
        sa.Column("street", sa.String(length=200), nullable=True),
        sa.Column("city", sa.String(length=100), nullable=True),
        sa.Column("postcode", sa.String(length=12), nullable=True),
        sa.Column("region", sa.String(length=100), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "pending_approval",
                "active",
                "suspended",
                "inactive",
                name="accountstatus",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("is_reseller", sa.Boolean(), nullable=False),
        sa.Column("ordering_enabled", sa.Boolean(), nullable=False),
        sa.Column("credit_limit", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column(
            "payment_method",
            sa.Enum(
                "cash", "deposit", "card", name="paymentmethod", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("payment_days", sa.Integer(), nullable=False),
        sa.Column("has_card_token", sa.Boolean(), nullable=False),
        sa.Column("prorated_billing", sa.Boolean(), nullable=False),
        sa.Column("billing_day", sa.Integer(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("restrict_to_price_lists", sa.Boolean(), nullable=False),
        sa.Column("approval_required", sa.Boolean(), nullable=False),
        sa.Column("edition", sa.String(length=20), nullable=False),
        sa.Column("reselling_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("storefront_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("NOT is_reseller OR reseller_id = id", name=op.f("ck_accounts_reseller_belongs_to_itself")),
        sa.CheckConstraint("credit_limit IS NULL OR credit_limit >= 0", name=op.f("ck_accounts_credit_limit_min_0")),
        sa.ForeignKeyConstraint(
            ["distributor_id", "reseller_id"],
            ["accounts.distributor_id", "accounts.id"],
            name=op.f("fk_accounts_distributor_id_reseller_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("distributor_id", "code", name=op.f("uq_accounts_distributor_id_code")),
    )
    op.create_table(
        "credentials",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("realm_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("earlier_hashes", postgresql.ARRAY(sa.String(length=200)), nullable=False),
        sa.Column("failed_tries", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_credentials")),
        sa.UniqueConstraint(
            "distributor_id", "realm_id", "user_id", name=op.f("uq_credentials_distributor_id_realm_id_user_id")
        ),
    )
    op.create_table(
        "sign_in_names",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("realm_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("credential_realm_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "bss",
                "direct",
                "reseller",
                "end_customer",
                name="userkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "type",
            sa.Enum("admin", "user", name="usertype", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column(
            "status",
            sa.Enum(
                "pending_activation",
                "active",
                "inactive",
                name="userstatus",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("roles", postgresql.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("full_name", sa.String(length=201), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_sign_in_names")),
        sa.UniqueConstraint(
            "distributor_id", "realm_id", "email", name=op.f("uq_sign_in_names_distributor_id_realm_id_email")
        ),
    )
    op.create_table(
        "single_use_tokens",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("realm_id", sa.Uuid(), nullable=False),
        sa.Column(
            "purpose",
            sa.Enum(
                "activation", "reset", "hop", name="tokenpurpose", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("acting_account_id", sa.Uuid(), nullable=True),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_single_use_tokens")),
        sa.UniqueConstraint(
            "distributor_id",
            "realm_id",
            "token_digest",
            name=op.f("uq_single_use_tokens_distributor_id_realm_id_token_digest"),
        ),
    )
    op.create_table(
        "user_sessions",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("realm_id", sa.Uuid(), nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("sign_in_name_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("acting_account_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("notices_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("address", sa.String(length=45), nullable=True),
        sa.Column("browser", sa.String(length=300), nullable=True),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_user_sessions")),
        sa.UniqueConstraint(
            "distributor_id",
            "realm_id",
            "token_digest",
            name=op.f("uq_user_sessions_distributor_id_realm_id_token_digest"),
        ),
    )
    op.create_table(
        "users",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "bss",
                "direct",
                "reseller",
                "end_customer",
                name="userkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "type",
            sa.Enum("admin", "user", name="usertype", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column(
            "status",
            sa.Enum(
                "pending_activation",
                "active",
                "inactive",
                name="userstatus",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("roles", postgresql.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column("first_name", sa.String(length=100), nullable=False),
        sa.Column("last_name", sa.String(length=100), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("phone", sa.String(length=30), nullable=True),
        sa.Column("is_primary_contact", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["distributor_id", "account_id"],
            ["accounts.distributor_id", "accounts.id"],
            name=op.f("fk_users_distributor_id_account_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_users")),
    )
    op.create_index(
        op.f("ix_accounts_distributor_id_reseller_id_name"),
        "accounts",
        ["distributor_id", "reseller_id", "name"],
        unique=False,
    )
    op.create_index(
        "ix_accounts_name_lower", "accounts", ["distributor_id", sa.literal_column("lower(name)")], unique=False
    )
    op.create_index(
        op.f("ix_sign_in_names_distributor_id_realm_id_user_id"),
        "sign_in_names",
        ["distributor_id", "realm_id", "user_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_single_use_tokens_distributor_id_realm_id_user_id"),
        "single_use_tokens",
        ["distributor_id", "realm_id", "user_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_user_sessions_distributor_id_realm_id_user_id"),
        "user_sessions",
        ["distributor_id", "realm_id", "user_id"],
        unique=False,
    )
    op.create_index(op.f("ix_users_distributor_id_account_id"), "users", ["distributor_id", "account_id"], unique=False)
    share_with_distributor("accounts", account_column="id")
    keep_to_realm("credentials")
    keep_to_realm("sign_in_names")
    keep_to_realm("single_use_tokens")
    keep_to_realm("user_sessions")
    share_with_distributor("users")


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_table("users")
    op.drop_table("user_sessions")
    op.drop_table("single_use_tokens")
    op.drop_table("sign_in_names")
    op.drop_table("credentials")
    op.drop_table("accounts")
    op.execute("DROP SEQUENCE account_numbers")
