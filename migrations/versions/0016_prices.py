"""Add price edits, protection, trials and assets.

Why:   CB-06, CB-12, CB-26, CB-31: prices that are edited or locked, trials, and assets with a life of their own.
Locks: adds tables and columns with constant defaults, and renames one status of assets: seconds for a million of them.
Undo:  drops what was added and every row in it; assets that expired or were returned keep those words.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.columns import require_values
from migrations.rls import keep_to_distributor, read_by_all_written_by_distributor, share_with_distributor

revision = "0016_prices"
down_revision = "0015_add_ons"


def upgrade() -> None:
    """Add tables and columns, then row security and grants."""
    op.create_table(
        "asset_fields",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "text",
                "number",
                "date",
                "yes_no",
                "choice",
                name="assetfieldkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("group_name", sa.String(length=100), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("choices", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("default_value", sa.String(length=500), nullable=False),
        sa.Column("is_required", sa.Boolean(), nullable=False),
        sa.Column("is_searchable", sa.Boolean(), nullable=False),
        sa.Column("shows_in_storefront", sa.Boolean(), nullable=False),
        sa.Column("is_from_vendor", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_asset_fields")),
        sa.UniqueConstraint("distributor_id", "code", name=op.f("uq_asset_fields_distributor_id_code")),
    )
    op.create_table(
        "asset_field_rules",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("field_id", sa.Uuid(), nullable=False),
        sa.Column("product_type_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "field_id"],
            ["asset_fields.distributor_id", "asset_fields.id"],
            name=op.f("fk_asset_field_rules_distributor_id_field_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "product_type_id"],
            ["product_types.distributor_id", "product_types.id"],
            name=op.f("fk_asset_field_rules_distributor_id_product_type_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_asset_field_rules")),
        sa.UniqueConstraint(
            "distributor_id",
            "field_id",
            "product_type_id",
            name=op.f("uq_asset_field_rules_distributor_id_field_id_product_type_id"),
        ),
    )
    op.create_table(
        "external_prices",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "successful", "failed", name="externalpricestatus", native_enum=False, create_constraint=True, length=40
            ),
            nullable=True,
        ),
        sa.Column("failure_reason", sa.String(length=500), nullable=True),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unit_price", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("alerted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["distributor_id", "subscription_id"],
            ["subscriptions.distributor_id", "subscriptions.id"],
            name=op.f("fk_external_prices_distributor_id_subscription_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_external_prices")),
        sa.UniqueConstraint(
            "distributor_id", "subscription_id", name=op.f("uq_external_prices_distributor_id_subscription_id")
        ),
    )
    op.create_index("ix_external_prices_due", "external_prices", ["distributor_id", "next_attempt_at"], unique=False)
    op.create_table(
        "price_edits",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("price_list_id", sa.Uuid(), nullable=True),
        sa.Column("user_price", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("discount_percent", sa.Numeric(precision=5, scale=2), nullable=False),
        sa.Column(
            "cycle",
            sa.Enum(
                "monthly",
                "annual",
                "triennial",
                "one_time",
                name="billingcycle",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("unit_cost_before", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("unit_cost_after", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "subscription_id"],
            ["subscriptions.distributor_id", "subscriptions.id"],
            name=op.f("fk_price_edits_distributor_id_subscription_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_price_edits")),
    )
    op.create_index(
        op.f("ix_price_edits_distributor_id_subscription_id"),
        "price_edits",
        ["distributor_id", "subscription_id"],
        unique=False,
    )
    op.create_table(
        "protected_costs",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("vendor_cost", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "subscription_id"],
            ["subscriptions.distributor_id", "subscriptions.id"],
            name=op.f("fk_protected_costs_distributor_id_subscription_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_protected_costs")),
        sa.UniqueConstraint(
            "distributor_id", "subscription_id", name=op.f("uq_protected_costs_distributor_id_subscription_id")
        ),
    )
    op.create_table(
        "trials",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("payer_id", sa.Uuid(), nullable=False),
        sa.Column("storefront_id", sa.Uuid(), nullable=True),
        sa.Column("subscription_id", sa.Uuid(), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column(
            "term",
            sa.Enum("P1M", "P1Y", "P3Y", "none", name="term", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column(
            "cycle",
            sa.Enum(
                "monthly",
                "annual",
                "triennial",
                "one_time",
                name="billingcycle",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("friendly_name", sa.String(length=100), nullable=False),
        sa.Column("contact_email", sa.String(length=254), nullable=False),
        sa.Column("requested_by_name", sa.String(length=201), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("converted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deprovisioned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("week_reminded_for", sa.Date(), nullable=True),
        sa.Column("day_reminded_for", sa.Date(), nullable=True),
        sa.CheckConstraint("quantity >= 1", name=op.f("ck_trials_quantity_min_1")),
        sa.ForeignKeyConstraint(
            ["distributor_id", "account_id"],
            ["accounts.distributor_id", "accounts.id"],
            name=op.f("fk_trials_distributor_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "product_id"],
            ["products.distributor_id", "products.id"],
            name=op.f("fk_trials_distributor_id_product_id"),
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "subscription_id"],
            ["subscriptions.distributor_id", "subscriptions.id"],
            name=op.f("fk_trials_distributor_id_subscription_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_trials")),
        sa.UniqueConstraint(
            "distributor_id", "account_id", "product_id", name=op.f("uq_trials_distributor_id_account_id_product_id")
        ),
        sa.UniqueConstraint("distributor_id", "subscription_id", name=op.f("uq_trials_distributor_id_subscription_id")),
    )
    op.create_index(op.f("ix_trials_distributor_id_ended_at"), "trials", ["distributor_id", "ended_at"], unique=False)
    op.create_table(
        "asset_costs",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("unit_cost", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("base_cost", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("price_list_id", sa.Uuid(), nullable=True),
        sa.Column(
            "label",
            sa.Enum(
                "list",
                "user_priced",
                "user_discount",
                "protected",
                "external",
                name="pricelabel",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("user_price", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("discount_percent", sa.Numeric(precision=5, scale=2), nullable=False),
        sa.Column("edits", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "asset_id"],
            ["assets.distributor_id", "assets.id"],
            name=op.f("fk_asset_costs_distributor_id_asset_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_asset_costs")),
        sa.UniqueConstraint("distributor_id", "asset_id", name=op.f("uq_asset_costs_distributor_id_asset_id")),
    )
    op.create_table(
        "asset_field_values",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("answers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "asset_id"],
            ["assets.distributor_id", "assets.id"],
            name=op.f("fk_asset_field_values_distributor_id_asset_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_asset_field_values")),
        sa.UniqueConstraint("distributor_id", "asset_id", name=op.f("uq_asset_field_values_distributor_id_asset_id")),
    )
    op.create_index(
        op.f("ix_asset_field_values_distributor_id_account_id"),
        "asset_field_values",
        ["distributor_id", "account_id"],
        unique=False,
    )
    op.add_column(
        "assets", sa.Column("sync_status", sa.String(length=40), nullable=False, server_default="not_required")
    )
    require_values(
        "assets", "sync_status", "syncstatus", ("not_required", "unsynchronised", "pending", "synchronised", "failed")
    )
    op.add_column("assets", sa.Column("quantity_returned", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("assets", sa.Column("expires_on", sa.Date(), nullable=True))
    op.add_column("assets", sa.Column("expiry_reminded_for", sa.Date(), nullable=True))
    op.alter_column(
        "assets", "status", existing_type=sa.VARCHAR(length=20), type_=sa.String(length=40), existing_nullable=False
    )
    _rename_status("pending", "pending_activation")
    require_values(
        "assets", "status", "assetstatus", ("pending_activation", "active", "expired", "returned", "canceled")
    )
    op.add_column(
        "subscription_costs", sa.Column("protected_list_price", sa.Numeric(precision=18, scale=4), nullable=True)
    )
    op.add_column("subscription_costs", sa.Column("protection_reminded_for", sa.Date(), nullable=True))
    op.add_column("subscription_costs", sa.Column("base_cost", sa.Numeric(precision=18, scale=4), nullable=True))
    read_by_all_written_by_distributor("asset_fields")
    read_by_all_written_by_distributor("asset_field_rules")
    keep_to_distributor("external_prices")
    share_with_distributor("price_edits")
    keep_to_distributor("protected_costs")
    share_with_distributor("trials")
    share_with_distributor("asset_costs")
    share_with_distributor("asset_field_values")


def downgrade() -> None:
    """Take them away again."""
    for column in ("base_cost", "protection_reminded_for", "protected_list_price"):
        op.drop_column("subscription_costs", column)
    op.execute('ALTER TABLE assets DROP CONSTRAINT "ck_assets_status"')
    _rename_status("pending_activation", "pending")
    op.alter_column(
        "assets", "status", existing_type=sa.String(length=40), type_=sa.VARCHAR(length=20), existing_nullable=False
    )
    for column in ("expiry_reminded_for", "expires_on", "quantity_returned", "sync_status"):
        op.drop_column("assets", column)
    op.drop_index(op.f("ix_asset_field_values_distributor_id_account_id"), table_name="asset_field_values")
    op.drop_table("asset_field_values")
    op.drop_table("asset_costs")
    op.drop_index(op.f("ix_trials_distributor_id_ended_at"), table_name="trials")
    op.drop_table("trials")
    op.drop_table("protected_costs")
    op.drop_index(op.f("ix_price_edits_distributor_id_subscription_id"), table_name="price_edits")
    op.drop_table("price_edits")
    op.drop_index("ix_external_prices_due", table_name="external_prices")
    op.drop_table("external_prices")
    op.drop_table("asset_field_rules")
    op.drop_table("asset_fields")


def _rename_status(old: str, new: str) -> None:
    """Rename a status of every tenant's assets: the owner steps outside row security for one statement."""
    op.execute("ALTER TABLE assets NO FORCE ROW LEVEL SECURITY")
    op.execute(f"UPDATE assets SET status = '{new}' WHERE status = '{old}'")
    op.execute("ALTER TABLE assets FORCE ROW LEVEL SECURITY")
