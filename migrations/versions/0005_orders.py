"""Add baskets, orders and their work rows.

Why:   first version, docs/adr/0001-one-database-row-security.md.
Locks: creates tables only; safe while the previous release is still serving.
Undo:  drops these tables and every row in them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.rls import create_sequence, keep_to_distributor, share_with_distributor, take_in

revision = "0005_orders"
down_revision = "0004_pricing"


def upgrade() -> None:
    """Create the tables, then their row security and grants."""
    create_sequence("order_numbers")
    op.create_table(
        "baskets",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("storefront_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("end_customer_id", sa.Uuid(), nullable=True),
        sa.Column("is_own_use", sa.Boolean(), nullable=True),
        sa.Column("po_number", sa.String(length=50), nullable=True),
        sa.Column("comment", sa.String(length=500), nullable=True),
        sa.Column("checkout_key", sa.Uuid(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_baskets")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("client", sa.String(length=80), nullable=False),
        sa.Column("route", sa.String(length=80), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("request_digest", sa.String(length=64), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_idempotency_keys")),
        sa.UniqueConstraint(
            "distributor_id", "client", "route", "key", name=op.f("uq_idempotency_keys_distributor_id_client_route_key")
        ),
    )
    op.create_table(
        "order_works",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending", "done", "failed", name="workstate", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("message", sa.String(length=500), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_order_works")),
    )
    op.create_table(
        "basket_items",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("basket_id", sa.Uuid(), nullable=False),
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
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("friendly_name", sa.String(length=100), nullable=True),
        sa.Column("alias", sa.String(length=40), nullable=True),
        sa.Column("subscription_id", sa.Uuid(), nullable=True),
        sa.Column("seen_unit_price", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity >= 1", name=op.f("ck_basket_items_quantity_min_1")),
        sa.ForeignKeyConstraint(
            ["distributor_id", "basket_id"],
            ["baskets.distributor_id", "baskets.id"],
            name=op.f("fk_basket_items_distributor_id_basket_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "product_id"],
            ["products.distributor_id", "products.id"],
            name=op.f("fk_basket_items_distributor_id_product_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_basket_items")),
    )
    op.create_table(
        "orders",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "draft",
                "submitted",
                "pending_reseller_approval",
                "scheduled",
                "in_progress",
                "executing",
                "partially_executed",
                "executed",
                "canceled",
                name="orderstatus",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "channel",
            sa.Enum("root", "alias", "bss", name="orderchannel", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("storefront_id", sa.Uuid(), nullable=True),
        sa.Column("payer_id", sa.Uuid(), nullable=False),
        sa.Column("net_total", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("contact_email", sa.String(length=254), nullable=False),
        sa.Column("placed_by_id", sa.Uuid(), nullable=False),
        sa.Column("placed_by_reseller", sa.Boolean(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("execute_on", sa.Date(), nullable=True),
        sa.Column("decided_by_id", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_reason", sa.String(length=500), nullable=True),
        sa.Column("executed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivery_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("po_number", sa.String(length=50), nullable=True),
        sa.Column("comment", sa.String(length=500), nullable=True),
        sa.Column("checkout_key", sa.Uuid(), nullable=True),
        sa.CheckConstraint("net_total >= 0", name=op.f("ck_orders_net_total_not_negative")),
        sa.ForeignKeyConstraint(
            ["distributor_id", "account_id"],
            ["accounts.distributor_id", "accounts.id"],
            name=op.f("fk_orders_distributor_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "payer_id"],
            ["accounts.distributor_id", "accounts.id"],
            name=op.f("fk_orders_distributor_id_payer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "placed_by_id"],
            ["users.distributor_id", "users.id"],
            name=op.f("fk_orders_distributor_id_placed_by_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_orders")),
        sa.UniqueConstraint("distributor_id", "number", name=op.f("uq_orders_distributor_id_number")),
    )
    op.create_table(
        "order_events",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("text", sa.String(length=300), nullable=False),
        sa.Column("actor_name", sa.String(length=201), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["distributor_id", "order_id"],
            ["orders.distributor_id", "orders.id"],
            name=op.f("fk_order_events_distributor_id_order_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_order_events")),
    )
    op.create_table(
        "order_items",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("order_id", sa.Uuid(), nullable=False),
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
        sa.Column("unit_price", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("discount_percent", sa.Numeric(precision=5, scale=2), nullable=False),
        sa.Column("line_total", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("friendly_name", sa.String(length=100), nullable=True),
        sa.Column("alias", sa.String(length=40), nullable=True),
        sa.Column("subscription_id", sa.Uuid(), nullable=True),
        sa.Column(
            "delivery_status",
            sa.Enum(
                "pending",
                "provisioning",
                "delivered",
                "failed",
                "canceled",
                name="deliverystatus",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("delivery_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure_reason", sa.String(length=500), nullable=True),
        sa.CheckConstraint("quantity >= 1", name=op.f("ck_order_items_quantity_min_1")),
        sa.ForeignKeyConstraint(
            ["distributor_id", "order_id"],
            ["orders.distributor_id", "orders.id"],
            name=op.f("fk_order_items_distributor_id_order_id"),
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "product_id"],
            ["products.distributor_id", "products.id"],
            name=op.f("fk_order_items_distributor_id_product_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_order_items")),
    )
    op.create_table(
        "terms_acceptances",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("order_number", sa.String(length=20), nullable=False),
        sa.Column("product_name", sa.String(length=255), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("document_version", sa.Integer(), nullable=False),
        sa.Column("document_digest", sa.String(length=64), nullable=False),
        sa.Column("account_name", sa.String(length=200), nullable=False),
        sa.Column("first_name", sa.String(length=100), nullable=False),
        sa.Column("last_name", sa.String(length=100), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("browser", sa.String(length=300), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "order_id"],
            ["orders.distributor_id", "orders.id"],
            name=op.f("fk_terms_acceptances_distributor_id_order_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_terms_acceptances")),
    )
    op.create_table(
        "order_item_costs",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("unit_cost", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("line_cost", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("list_price", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("price_list_id", sa.Uuid(), nullable=True),
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("rule_id", sa.Uuid(), nullable=True),
        sa.Column("markup_percent", sa.Numeric(precision=6, scale=2), nullable=True),
        sa.ForeignKeyConstraint(
            ["distributor_id", "item_id"],
            ["order_items.distributor_id", "order_items.id"],
            name=op.f("fk_order_item_costs_distributor_id_item_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_order_item_costs")),
        sa.UniqueConstraint("distributor_id", "item_id", name=op.f("uq_order_item_costs_distributor_id_item_id")),
    )
    op.create_table(
        "order_item_vendor_costs",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("unit_vendor_cost", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "item_id"],
            ["order_items.distributor_id", "order_items.id"],
            name=op.f("fk_order_item_vendor_costs_distributor_id_item_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_order_item_vendor_costs")),
        sa.UniqueConstraint(
            "distributor_id", "item_id", name=op.f("uq_order_item_vendor_costs_distributor_id_item_id")
        ),
    )
    op.create_index("uq_baskets_user", "baskets", ["distributor_id", "storefront_id", "user_id"], unique=True)
    op.create_index("ix_order_works_due", "order_works", ["distributor_id", "state", "next_attempt_at"], unique=False)
    op.create_index(
        op.f("ix_basket_items_distributor_id_basket_id"), "basket_items", ["distributor_id", "basket_id"], unique=False
    )
    op.create_index(
        op.f("ix_orders_distributor_id_account_id_placed_at"),
        "orders",
        ["distributor_id", "account_id", "placed_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_orders_distributor_id_placed_by_id_delivery_changed_at"),
        "orders",
        ["distributor_id", "placed_by_id", "delivery_changed_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_orders_distributor_id_reseller_id_placed_at"),
        "orders",
        ["distributor_id", "reseller_id", "placed_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_orders_distributor_id_status_placed_at"),
        "orders",
        ["distributor_id", "status", "placed_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_order_events_distributor_id_order_id_at"),
        "order_events",
        ["distributor_id", "order_id", "at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_order_items_distributor_id_order_id"), "order_items", ["distributor_id", "order_id"], unique=False
    )
    op.create_index(
        op.f("ix_terms_acceptances_distributor_id_order_id"),
        "terms_acceptances",
        ["distributor_id", "order_id"],
        unique=False,
    )
    share_with_distributor("baskets")
    share_with_distributor("idempotency_keys")
    take_in("order_works")
    share_with_distributor("basket_items")
    share_with_distributor("orders")
    share_with_distributor("order_events")
    share_with_distributor("order_items")
    share_with_distributor("terms_acceptances")
    share_with_distributor("order_item_costs")
    keep_to_distributor("order_item_vendor_costs")


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_table("order_item_vendor_costs")
    op.drop_table("order_item_costs")
    op.drop_table("terms_acceptances")
    op.drop_table("order_items")
    op.drop_table("order_events")
    op.drop_table("orders")
    op.drop_table("basket_items")
    op.drop_table("order_works")
    op.drop_table("idempotency_keys")
    op.drop_table("baskets")
    op.execute("DROP SEQUENCE order_numbers")
