"""Add industries, price groups, promotions and currencies, and what buyers answer and choose with a product.

Why:   CB-01 to CB-16: characteristics asked at order time, priced options, promotions with codes, currencies.
Locks: adds tables and columns with constant defaults; safe while the previous release is still serving.
Undo:  drops what was added and every row in it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.rls import read_by_all_written_by_distributor

revision = "0011_catalogue"
down_revision = "0010_engine"


def upgrade() -> None:
    """Add tables and columns, then row security and grants."""
    op.create_table(
        "currencies",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=3), nullable=False),
        sa.Column("rate_to_home", sa.Numeric(precision=18, scale=8), nullable=False),
        sa.Column("culture", sa.String(length=10), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("rate_to_home > 0", name=op.f("ck_currencies_rate_above_0")),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_currencies")),
        sa.UniqueConstraint("distributor_id", "code", name=op.f("uq_currencies_distributor_id_code")),
    )
    op.create_table(
        "industries",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("slug", sa.String(length=100), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_industries")),
        sa.UniqueConstraint("distributor_id", "name", name=op.f("uq_industries_distributor_id_name")),
        sa.UniqueConstraint("distributor_id", "slug", name=op.f("uq_industries_distributor_id_slug")),
    )
    op.create_table(
        "price_groups",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_price_groups")),
        sa.UniqueConstraint("distributor_id", "name", name=op.f("uq_price_groups_distributor_id_name")),
    )
    op.create_table(
        "promotions",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("is_published", sa.Boolean(), nullable=False),
        sa.Column(
            "amount_kind",
            sa.Enum("percent", "amount", name="promotionamount", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("value", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column(
            "duration",
            sa.Enum(
                "one_time",
                "limited",
                "lifetime",
                name="promotionduration",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("cycles", sa.Integer(), nullable=True),
        sa.Column("product_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("billing_cycles", postgresql.ARRAY(sa.String(length=20)), nullable=False),
        sa.Column("required_product_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("new_customers_only", sa.Boolean(), nullable=False),
        sa.Column("includes_resellers", sa.Boolean(), nullable=False),
        sa.Column("max_redemptions", sa.Integer(), nullable=True),
        sa.Column("max_per_account", sa.Integer(), nullable=True),
        sa.Column("redeemed", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(duration = 'limited') = (cycles IS NOT NULL)", name=op.f("ck_promotions_cycles_of_limited")
        ),
        sa.CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name=op.f("ck_promotions_date_order")),
        sa.CheckConstraint("value >= 0", name=op.f("ck_promotions_value_min_0")),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_promotions")),
        sa.UniqueConstraint("distributor_id", "name", name=op.f("uq_promotions_distributor_id_name")),
    )
    op.create_index("uq_promotions_code", "promotions", ["distributor_id", "code"], unique=True)
    op.add_column(
        "basket_items",
        sa.Column(
            "characteristics",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            server_default=sa.text("'{}'::jsonb"),
        ),
    )
    op.add_column(
        "basket_items",
        sa.Column(
            "price_options",
            postgresql.ARRAY(sa.String(length=40)),
            nullable=False,
            server_default=sa.text("'{}'::varchar[]"),
        ),
    )
    op.add_column("baskets", sa.Column("promotion_code", sa.String(length=32), nullable=True))
    op.add_column(
        "order_items",
        sa.Column(
            "characteristics",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            server_default=sa.text("'{}'::jsonb"),
        ),
    )
    op.add_column(
        "order_items",
        sa.Column(
            "price_options",
            postgresql.ARRAY(sa.String(length=40)),
            nullable=False,
            server_default=sa.text("'{}'::varchar[]"),
        ),
    )
    op.add_column("order_items", sa.Column("promotion_id", sa.Uuid(), nullable=True))
    op.add_column(
        "product_groups",
        sa.Column(
            "comparison", postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default=sa.text("'[]'::jsonb")
        ),
    )
    op.add_column("product_types", sa.Column("min_quantity", sa.Integer(), nullable=True))
    op.add_column("product_types", sa.Column("max_quantity", sa.Integer(), nullable=True))
    op.add_column("product_types", sa.Column("terms_url", sa.String(length=500), nullable=True))
    op.add_column("product_types", sa.Column("tax_code", sa.String(length=40), nullable=True))
    op.add_column("products", sa.Column("industry_id", sa.Uuid(), nullable=True))
    op.add_column("products", sa.Column("price_group_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_products_distributor_id_price_group_id"),
        "products",
        "price_groups",
        ["distributor_id", "price_group_id"],
        ["distributor_id", "id"],
    )
    op.create_foreign_key(
        op.f("fk_products_distributor_id_industry_id"),
        "products",
        "industries",
        ["distributor_id", "industry_id"],
        ["distributor_id", "id"],
    )
    op.add_column("subscription_costs", sa.Column("promotion_id", sa.Uuid(), nullable=True))
    op.add_column("subscription_costs", sa.Column("promotion_cycles_left", sa.Integer(), nullable=True))
    op.add_column(
        "subscriptions",
        sa.Column(
            "price_options",
            postgresql.ARRAY(sa.String(length=40)),
            nullable=False,
            server_default=sa.text("'{}'::varchar[]"),
        ),
    )
    read_by_all_written_by_distributor("currencies")
    read_by_all_written_by_distributor("industries")
    read_by_all_written_by_distributor("price_groups")
    read_by_all_written_by_distributor("promotions")


def downgrade() -> None:
    """Take them away again."""
    op.drop_column("subscriptions", "price_options")
    op.drop_column("subscription_costs", "promotion_cycles_left")
    op.drop_column("subscription_costs", "promotion_id")
    op.drop_constraint(op.f("fk_products_distributor_id_industry_id"), "products", type_="foreignkey")
    op.drop_constraint(op.f("fk_products_distributor_id_price_group_id"), "products", type_="foreignkey")
    op.drop_column("products", "price_group_id")
    op.drop_column("products", "industry_id")
    op.drop_column("product_types", "tax_code")
    op.drop_column("product_types", "terms_url")
    op.drop_column("product_types", "max_quantity")
    op.drop_column("product_types", "min_quantity")
    op.drop_column("product_groups", "comparison")
    op.drop_column("order_items", "promotion_id")
    op.drop_column("order_items", "price_options")
    op.drop_column("order_items", "characteristics")
    op.drop_column("baskets", "promotion_code")
    op.drop_column("basket_items", "price_options")
    op.drop_column("basket_items", "characteristics")
    op.drop_index("uq_promotions_code", table_name="promotions")
    op.drop_table("promotions")
    op.drop_table("price_groups")
    op.drop_table("industries")
    op.drop_table("currencies")
