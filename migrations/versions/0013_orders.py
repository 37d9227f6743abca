"""Add order statuses, sub-orders, schedules, agreed prices and offers.

Why:   CB-17 to CB-21: quotes, statuses of a distributor's own, partial and scheduled execution, prices agreed by hand.
Locks: adds tables, indexes and columns with constant defaults; safe while the previous release is still serving.
Undo:  drops offers, statuses and what was added to orders.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.rls import create_sequence, keep_to_distributor, read_by_all_written_by_distributor

revision = "0013_orders"
down_revision = "0012_imports"


def upgrade() -> None:
    """Add tables and columns, then row security and grants."""
    create_sequence("offer_numbers")
    op.create_table(
        "offer_statuses",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column(
            "type",
            sa.Enum(
                "in_progress",
                "accepted",
                "canceled",
                name="offertype",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_offer_statuses")),
        sa.UniqueConstraint("distributor_id", "key", name=op.f("uq_offer_statuses_distributor_id_key")),
    )
    op.create_table(
        "order_statuses",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("description", sa.String(length=300), nullable=False),
        sa.Column(
            "type",
            sa.Enum(
                "in_progress",
                "automatic_execute",
                "canceled",
                name="statustype",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "storefront_type",
            sa.Enum(
                "draft",
                "viewable",
                "submitted",
                "hidden",
                name="storefronttype",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_order_statuses")),
        sa.UniqueConstraint("distributor_id", "key", name=op.f("uq_order_statuses_distributor_id_key")),
    )
    op.create_table(
        "offers",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("payer_id", sa.Uuid(), nullable=False),
        sa.Column("contact_name", sa.String(length=201), nullable=False),
        sa.Column("contact_email", sa.String(length=254), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column(
            "type",
            sa.Enum(
                "in_progress",
                "accepted",
                "canceled",
                name="offertype",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("status_id", sa.Uuid(), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.Column("introduction", sa.Text(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("token", sa.String(length=400), nullable=True),
        sa.Column("token_digest", sa.String(length=64), nullable=True),
        sa.Column("approved_by_id", sa.Uuid(), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_name", sa.String(length=201), nullable=True),
        sa.Column("decision_reason", sa.String(length=500), nullable=True),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "account_id"],
            ["accounts.distributor_id", "accounts.id"],
            name=op.f("fk_offers_distributor_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "order_id"],
            ["orders.distributor_id", "orders.id"],
            name=op.f("fk_offers_distributor_id_order_id"),
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "owner_id"],
            ["users.distributor_id", "users.id"],
            name=op.f("fk_offers_distributor_id_owner_id"),
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "payer_id"],
            ["accounts.distributor_id", "accounts.id"],
            name=op.f("fk_offers_distributor_id_payer_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_offers")),
        sa.UniqueConstraint("distributor_id", "number", name=op.f("uq_offers_distributor_id_number")),
    )
    op.create_index(
        op.f("ix_offers_distributor_id_account_id"), "offers", ["distributor_id", "account_id"], unique=False
    )
    op.create_index(
        op.f("ix_offers_distributor_id_type_valid_until"),
        "offers",
        ["distributor_id", "type", "valid_until"],
        unique=False,
    )
    op.create_index("uq_offers_token", "offers", ["distributor_id", "token_digest"], unique=True)
    op.create_table(
        "offer_events",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.String(length=300), nullable=False),
        sa.Column("actor_name", sa.String(length=201), nullable=True),
        sa.ForeignKeyConstraint(
            ["distributor_id", "offer_id"],
            ["offers.distributor_id", "offers.id"],
            name=op.f("fk_offer_events_distributor_id_offer_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_offer_events")),
    )
    op.create_index(
        op.f("ix_offer_events_distributor_id_offer_id_at"),
        "offer_events",
        ["distributor_id", "offer_id", "at"],
        unique=False,
    )
    op.create_table(
        "offer_items",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("product_name", sa.String(length=255), nullable=False),
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
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("friendly_name", sa.String(length=100), nullable=True),
        sa.Column("characteristics", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("price_list_id", sa.Uuid(), nullable=True),
        sa.Column("base_price", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("user_price", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("discount_percent", sa.Numeric(precision=5, scale=2), nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("line_total", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("unit_vendor_cost", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.CheckConstraint("quantity >= 1", name=op.f("ck_offer_items_quantity_min_1")),
        sa.ForeignKeyConstraint(
            ["distributor_id", "offer_id"],
            ["offers.distributor_id", "offers.id"],
            name=op.f("fk_offer_items_distributor_id_offer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "product_id"],
            ["products.distributor_id", "products.id"],
            name=op.f("fk_offer_items_distributor_id_product_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_offer_items")),
    )
    op.create_index(
        op.f("ix_offer_items_distributor_id_offer_id"), "offer_items", ["distributor_id", "offer_id"], unique=False
    )
    op.add_column("baskets", sa.Column("execute_on", sa.Date(), nullable=True))
    op.add_column("order_item_costs", sa.Column("base_cost", sa.Numeric(precision=18, scale=4), nullable=True))
    op.add_column("order_item_costs", sa.Column("user_price", sa.Numeric(precision=18, scale=4), nullable=True))
    op.add_column(
        "order_item_costs",
        sa.Column("discount_percent", sa.Numeric(precision=5, scale=2), nullable=False, server_default="0"),
    )
    op.add_column(
        "order_items", sa.Column("is_price_agreed", sa.Boolean(), nullable=False, server_default=sa.text("false"))
    )
    op.add_column("orders", sa.Column("parent_id", sa.Uuid(), nullable=True))
    op.add_column("orders", sa.Column("custom_status_id", sa.Uuid(), nullable=True))
    op.add_column("orders", sa.Column("offer_id", sa.Uuid(), nullable=True))
    op.add_column("orders", sa.Column("starts_on", sa.Date(), nullable=True))
    op.add_column("orders", sa.Column("run_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("orders", sa.Column("run_attempts", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("orders", sa.Column("run_failed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_orders_parent",
        "orders",
        ["distributor_id", "parent_id"],
        unique=False,
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )
    op.create_index(
        "ix_orders_run_at",
        "orders",
        ["distributor_id", "run_at"],
        unique=False,
        postgresql_where=sa.text("run_at IS NOT NULL"),
    )
    op.create_foreign_key(
        op.f("fk_orders_distributor_id_parent_id"),
        "orders",
        "orders",
        ["distributor_id", "parent_id"],
        ["distributor_id", "id"],
    )
    read_by_all_written_by_distributor("order_statuses")
    for table in ("offer_statuses", "offers", "offer_items", "offer_events"):
        keep_to_distributor(table)


def downgrade() -> None:
    """Take them away again."""
    op.drop_constraint(op.f("fk_orders_distributor_id_parent_id"), "orders", type_="foreignkey")
    op.drop_index("ix_orders_run_at", table_name="orders")
    op.drop_index("ix_orders_parent", table_name="orders")
    op.drop_column("orders", "run_failed_at")
    op.drop_column("orders", "run_attempts")
    op.drop_column("orders", "run_at")
    op.drop_column("orders", "starts_on")
    op.drop_column("orders", "offer_id")
    op.drop_column("orders", "custom_status_id")
    op.drop_column("orders", "parent_id")
    op.drop_column("order_items", "is_price_agreed")
    op.drop_column("order_item_costs", "discount_percent")
    op.drop_column("order_item_costs", "user_price")
    op.drop_column("order_item_costs", "base_cost")
    op.drop_column("baskets", "execute_on")
    op.drop_index(op.f("ix_offer_items_distributor_id_offer_id"), table_name="offer_items")
    op.drop_table("offer_items")
    op.drop_index(op.f("ix_offer_events_distributor_id_offer_id_at"), table_name="offer_events")
    op.drop_table("offer_events")
    op.drop_index("uq_offers_token", table_name="offers")
    op.drop_index(op.f("ix_offers_distributor_id_type_valid_until"), table_name="offers")
    op.drop_index(op.f("ix_offers_distributor_id_account_id"), table_name="offers")
    op.drop_table("offers")
    op.drop_table("order_statuses")
    op.drop_table("offer_statuses")
    op.execute("DROP SEQUENCE offer_numbers")
