"""Add what add-ons and bundles remember: quantity by parent, the parent of an order's item, the asset's subscription.

Why:   CB-11, CB-27: one live record per add-on and subscription, components that follow their bundle; CB-28: what an
       ordered item's first period ends with.
Locks: adds columns with constant defaults, short checks and one index on few rows; safe while the last release serves.
Undo:  drops what was added; add-ons and components stay, without the quantity they follow.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.columns import require_values

revision = "0015_add_ons"
down_revision = "0014_provisioning"


def upgrade() -> None:
    """Add columns, their foreign keys, and the rule of one live record."""
    op.add_column("assets", sa.Column("subscription_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_assets_distributor_id_subscription_id"),
        "assets",
        "subscriptions",
        ["distributor_id", "subscription_id"],
        ["distributor_id", "id"],
    )
    op.add_column("basket_items", sa.Column("parent_subscription_id", sa.Uuid(), nullable=True))
    op.add_column("order_items", sa.Column("parent_subscription_id", sa.Uuid(), nullable=True))
    op.add_column("order_items", sa.Column("parent_item_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_order_items_distributor_id_parent_item_id"),
        "order_items",
        "order_items",
        ["distributor_id", "parent_item_id"],
        ["distributor_id", "id"],
    )
    op.add_column("order_items", sa.Column("co_term", sa.String(length=40), server_default="own", nullable=False))
    require_values("order_items", "co_term", "coterm", ("own", "month_end", "subscription"))
    op.add_column("order_items", sa.Column("co_term_subscription_id", sa.Uuid(), nullable=True))
    op.create_check_constraint(
        op.f("ck_order_items_co_term_names_one"),
        "order_items",
        "(co_term = 'subscription') = (co_term_subscription_id IS NOT NULL)",
    )
    op.add_column(
        "product_relations",
        sa.Column("is_quantity_linked", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.add_column("subscriptions", sa.Column("quantity_per_parent", sa.Integer(), nullable=True))
    op.create_index(
        "uq_subscriptions_part",
        "subscriptions",
        ["distributor_id", "parent_id", "product_id"],
        unique=True,
        postgresql_where=sa.text("parent_id IS NOT NULL AND status NOT IN ('canceled', 'expired')"),
    )


def downgrade() -> None:
    """Drop them again."""
    op.drop_index("uq_subscriptions_part", table_name="subscriptions")
    op.drop_column("subscriptions", "quantity_per_parent")
    op.drop_column("product_relations", "is_quantity_linked")
    op.drop_constraint(op.f("fk_order_items_distributor_id_parent_item_id"), "order_items", type_="foreignkey")
    op.drop_constraint(op.f("ck_order_items_co_term_names_one"), "order_items", type_="check")
    op.drop_column("order_items", "co_term_subscription_id")
    op.drop_column("order_items", "co_term")
    op.drop_column("order_items", "parent_item_id")
    op.drop_column("order_items", "parent_subscription_id")
    op.drop_column("basket_items", "parent_subscription_id")
    op.drop_constraint(op.f("fk_assets_distributor_id_subscription_id"), "assets", type_="foreignkey")
    op.drop_column("assets", "subscription_id")
