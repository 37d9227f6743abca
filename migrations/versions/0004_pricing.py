"""Add price lists, markups and special prices.

Why:   first version, docs/adr/0001-one-database-row-security.md.
Locks: creates tables only; safe while the previous release is still serving.
Undo:  drops these tables and every row in them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.rls import keep_to_reseller, read_by_all_written_by_distributor

revision = "0004_pricing"
down_revision = "0003_catalogue"


def upgrade() -> None:
    """Create the tables, then their row security and grants."""
    op.create_table(
        "markup_rules",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column(
            "level",
            sa.Enum(
                "customer_product",
                "customer",
                "product",
                "category",
                "vendor",
                "default",
                name="markuplevel",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("product_id", sa.Uuid(), nullable=True),
        sa.Column("category_id", sa.Uuid(), nullable=True),
        sa.Column("vendor", sa.String(length=200), nullable=True),
        sa.Column(
            "term",
            sa.Enum("P1M", "P1Y", "P3Y", "none", name="term", native_enum=False, create_constraint=True, length=40),
            nullable=True,
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
            nullable=True,
        ),
        sa.Column("percent", sa.Numeric(precision=6, scale=2), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(term IS NULL) = (cycle IS NULL)", name=op.f("ck_markup_rules_term_with_cycle")),
        sa.CheckConstraint("percent >= 0 AND percent <= 1000", name=op.f("ck_markup_rules_percent_range")),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_from IS NULL OR valid_to >= valid_from", name=op.f("ck_markup_rules_date_order")
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_markup_rules")),
    )
    op.create_table(
        "price_lists",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name=op.f("ck_price_lists_date_order")),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_price_lists")),
        sa.UniqueConstraint("distributor_id", "name", name=op.f("uq_price_lists_distributor_id_name")),
    )
    op.create_table(
        "price_list_assignments",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payer_id", sa.Uuid(), nullable=False),
        sa.Column("price_list_id", sa.Uuid(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "payer_id"],
            ["accounts.distributor_id", "accounts.id"],
            name=op.f("fk_price_list_assignments_distributor_id_payer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "price_list_id"],
            ["price_lists.distributor_id", "price_lists.id"],
            name=op.f("fk_price_list_assignments_distributor_id_price_list_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_price_list_assignments")),
        sa.UniqueConstraint(
            "distributor_id",
            "payer_id",
            "price_list_id",
            name=op.f("uq_price_list_assignments_distributor_id_payer_id_price_list_id"),
        ),
    )
    op.create_table(
        "price_list_entries",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("price_list_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
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
        sa.Column(
            "rule",
            sa.Enum(
                "fixed",
                "discount",
                "markup",
                "same",
                name="pricerule",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("value", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("price", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.CheckConstraint("price >= 0", name=op.f("ck_price_list_entries_price_min_0")),
        sa.ForeignKeyConstraint(
            ["distributor_id", "price_list_id"],
            ["price_lists.distributor_id", "price_lists.id"],
            name=op.f("fk_price_list_entries_distributor_id_price_list_id"),
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "product_id"],
            ["products.distributor_id", "products.id"],
            name=op.f("fk_price_list_entries_distributor_id_product_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_price_list_entries")),
        sa.UniqueConstraint(
            "distributor_id", "price_list_id", "product_id", "term", "cycle", name="uq_price_list_entries_key"
        ),
    )
    op.create_table(
        "special_prices",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("product_id", sa.Uuid(), nullable=False),
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
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("amount", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_special_prices_amount_min_0")),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_from IS NULL OR valid_to >= valid_from",
            name=op.f("ck_special_prices_date_order"),
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "product_id"],
            ["products.distributor_id", "products.id"],
            name=op.f("fk_special_prices_distributor_id_product_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_special_prices")),
    )
    op.create_index(
        "ix_markup_rules_target",
        "markup_rules",
        ["distributor_id", "reseller_id", "level", "customer_id", "product_id", "category_id", "vendor"],
        unique=False,
    )
    op.create_index(
        op.f("ix_price_list_entries_distributor_id_product_id"),
        "price_list_entries",
        ["distributor_id", "product_id"],
        unique=False,
    )
    op.create_index(
        "ix_special_prices_key",
        "special_prices",
        ["distributor_id", "reseller_id", "customer_id", "product_id", "term", "cycle"],
        unique=False,
    )
    keep_to_reseller("markup_rules")
    read_by_all_written_by_distributor("price_lists")
    read_by_all_written_by_distributor("price_list_assignments")
    read_by_all_written_by_distributor("price_list_entries", only_named_lists=True)
    keep_to_reseller("special_prices")


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_table("special_prices")
    op.drop_table("price_list_entries")
    op.drop_table("price_list_assignments")
    op.drop_table("price_lists")
    op.drop_table("markup_rules")
