"""Add subscriptions, assets, provisioning tasks and vendor links.

Why:   first version, docs/adr/0001-one-database-row-security.md.
Locks: creates tables only; safe while the previous release is still serving.
Undo:  drops these tables and every row in them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.rls import create_sequence, keep_to_distributor, share_with_distributor, take_in

revision = "0006_subscriptions"
down_revision = "0005_orders"


def upgrade() -> None:
    """Create the tables, then their row security and grants."""
    create_sequence("subscription_numbers")
    create_sequence("asset_numbers")
    op.create_table(
        "provisioning_tasks",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "create",
                "update",
                "cancel",
                "open_storefront",
                name="taskkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("order_item_id", sa.Uuid(), nullable=True),
        sa.Column("service_manager_id", sa.Uuid(), nullable=True),
        sa.Column("request", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "pending",
                "running",
                "waiting",
                "succeeded",
                "failed",
                "canceled",
                name="taskstatus",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("vendor_reference", sa.String(length=200), nullable=True),
        sa.Column("message", sa.String(length=500), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_provisioning_tasks")),
        sa.UniqueConstraint(
            "distributor_id",
            "subject_id",
            "sequence",
            name=op.f("uq_provisioning_tasks_distributor_id_subject_id_sequence"),
        ),
    )
    op.create_table(
        "service_managers",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("base_url", sa.String(length=500), nullable=True),
        sa.Column("application_id", sa.String(length=100), nullable=True),
        sa.Column("api_key_encrypted", sa.Text(), nullable=True),
        sa.Column("timeout_seconds", sa.Integer(), nullable=False),
        sa.Column("has_precheck", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_service_managers")),
        sa.UniqueConstraint("distributor_id", "name", name=op.f("uq_service_managers_distributor_id_name")),
    )
    op.create_table(
        "vendor_calls",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column("service_manager_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("operation", sa.String(length=60), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("request_body", sa.Text(), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("response_body", sa.Text(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_vendor_calls")),
    )
    op.create_table(
        "vendor_account_links",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("service_manager_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("vendor_reference", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "service_manager_id"],
            ["service_managers.distributor_id", "service_managers.id"],
            name=op.f("fk_vendor_account_links_distributor_id_service_manager_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_vendor_account_links")),
        sa.UniqueConstraint(
            "distributor_id",
            "service_manager_id",
            "account_id",
            name=op.f("uq_vendor_account_links_distributor_id_service_manager_id_account_id"),
        ),
    )
    op.create_table(
        "assets",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("order_item_id", sa.Uuid(), nullable=True),
        sa.Column("payer_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("bought_by_reseller", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "account_id"],
            ["accounts.distributor_id", "accounts.id"],
            name=op.f("fk_assets_distributor_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "order_item_id"],
            ["order_items.distributor_id", "order_items.id"],
            name=op.f("fk_assets_distributor_id_order_item_id"),
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "product_id"],
            ["products.distributor_id", "products.id"],
            name=op.f("fk_assets_distributor_id_product_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_assets")),
        sa.UniqueConstraint("distributor_id", "code", name=op.f("uq_assets_distributor_id_code")),
        sa.UniqueConstraint("distributor_id", "order_item_id", name=op.f("uq_assets_distributor_id_order_item_id")),
    )
    op.create_table(
        "subscriptions",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("order_item_id", sa.Uuid(), nullable=True),
        sa.Column("payer_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("friendly_name", sa.String(length=100), nullable=False),
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
        sa.Column("unit_price", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("bought_by_reseller", sa.Boolean(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "pending_activation",
                "active",
                "suspended",
                "pending_cancellation",
                "canceled",
                "expired",
                name="subscriptionstatus",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "sync_status",
            sa.Enum(
                "not_required",
                "unsynchronised",
                "pending",
                "synchronised",
                "failed",
                name="syncstatus",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("sync_message", sa.String(length=500), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("renews_on", sa.Date(), nullable=True),
        sa.Column("auto_renew", sa.Boolean(), nullable=False),
        sa.Column("plan_edition", sa.String(length=20), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("canceled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_subscriptions_quantity_min_0")),
        sa.ForeignKeyConstraint(
            ["distributor_id", "account_id"],
            ["accounts.distributor_id", "accounts.id"],
            name=op.f("fk_subscriptions_distributor_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "order_item_id"],
            ["order_items.distributor_id", "order_items.id"],
            name=op.f("fk_subscriptions_distributor_id_order_item_id"),
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "product_id"],
            ["products.distributor_id", "products.id"],
            name=op.f("fk_subscriptions_distributor_id_product_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_subscriptions")),
        sa.UniqueConstraint("distributor_id", "code", name=op.f("uq_subscriptions_distributor_id_code")),
        sa.UniqueConstraint(
            "distributor_id", "order_item_id", name=op.f("uq_subscriptions_distributor_id_order_item_id")
        ),
    )
    op.create_table(
        "subscription_costs",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("unit_cost", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("price_list_id", sa.Uuid(), nullable=True),
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("markup_percent", sa.Numeric(precision=6, scale=2), nullable=True),
        sa.ForeignKeyConstraint(
            ["distributor_id", "subscription_id"],
            ["subscriptions.distributor_id", "subscriptions.id"],
            name=op.f("fk_subscription_costs_distributor_id_subscription_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_subscription_costs")),
        sa.UniqueConstraint(
            "distributor_id", "subscription_id", name=op.f("uq_subscription_costs_distributor_id_subscription_id")
        ),
    )
    op.create_table(
        "subscription_events",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("text", sa.String(length=300), nullable=False),
        sa.Column("quantity_change", sa.Integer(), nullable=True),
        sa.Column("quantity_after", sa.Integer(), nullable=True),
        sa.Column("actor_name", sa.String(length=201), nullable=True),
        sa.ForeignKeyConstraint(
            ["distributor_id", "subscription_id"],
            ["subscriptions.distributor_id", "subscriptions.id"],
            name=op.f("fk_subscription_events_distributor_id_subscription_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_subscription_events")),
    )
    op.create_table(
        "subscription_vendor_links",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("service_manager_id", sa.Uuid(), nullable=True),
        sa.Column("vendor_reference", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "subscription_id"],
            ["subscriptions.distributor_id", "subscriptions.id"],
            name=op.f("fk_subscription_vendor_links_distributor_id_subscription_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_subscription_vendor_links")),
        sa.UniqueConstraint(
            "distributor_id",
            "subscription_id",
            name=op.f("uq_subscription_vendor_links_distributor_id_subscription_id"),
        ),
    )
    op.create_index(
        "ix_provisioning_tasks_due", "provisioning_tasks", ["distributor_id", "status", "next_attempt_at"], unique=False
    )
    op.create_index(
        op.f("ix_vendor_calls_distributor_id_task_id_at"),
        "vendor_calls",
        ["distributor_id", "task_id", "at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_assets_distributor_id_account_id"), "assets", ["distributor_id", "account_id"], unique=False
    )
    op.create_index(
        op.f("ix_subscriptions_distributor_id_account_id_status"),
        "subscriptions",
        ["distributor_id", "account_id", "status"],
        unique=False,
    )
    op.create_index(
        op.f("ix_subscriptions_distributor_id_product_id"),
        "subscriptions",
        ["distributor_id", "product_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_subscriptions_distributor_id_reseller_id_status"),
        "subscriptions",
        ["distributor_id", "reseller_id", "status"],
        unique=False,
    )
    op.create_index(
        op.f("ix_subscription_events_distributor_id_subscription_id_at"),
        "subscription_events",
        ["distributor_id", "subscription_id", "at"],
        unique=False,
    )
    take_in("provisioning_tasks")
    keep_to_distributor("service_managers")
    keep_to_distributor("vendor_calls")
    keep_to_distributor("vendor_account_links")
    share_with_distributor("assets")
    share_with_distributor("subscriptions")
    share_with_distributor("subscription_costs")
    share_with_distributor("subscription_events")
    keep_to_distributor("subscription_vendor_links")


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_table("subscription_vendor_links")
    op.drop_table("subscription_events")
    op.drop_table("subscription_costs")
    op.drop_table("subscriptions")
    op.drop_table("assets")
    op.drop_table("vendor_account_links")
    op.drop_table("vendor_calls")
    op.drop_table("service_managers")
    op.drop_table("provisioning_tasks")
    op.execute("DROP SEQUENCE subscription_numbers")
    op.execute("DROP SEQUENCE asset_numbers")
