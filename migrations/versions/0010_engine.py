"""Add what the engine of orders and subscriptions stands on: changes, charge kinds, periods, switches.

Why:   CB-23 to CB-32: subscriptions that change, renew and end, and what that costs.
Locks: adds tables, indexes and columns with constant defaults; safe while the previous release is still serving.
Undo:  drops what was added and every row in it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.columns import require_values
from migrations.rls import read_by_all_written_by_distributor, share_with_distributor

revision = "0010_engine"
down_revision = "0009_mail_audit"


def upgrade() -> None:
    """Add tables and columns, then row security and grants."""
    op.create_table(
        "bundle_components",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("bundle_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column(
            "rule",
            sa.Enum(
                "list",
                "discount",
                "fixed",
                "free",
                name="componentrule",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("value", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity >= 1", name=op.f("ck_bundle_components_quantity_min_1")),
        sa.ForeignKeyConstraint(
            ["distributor_id", "bundle_id"],
            ["products.distributor_id", "products.id"],
            name=op.f("fk_bundle_components_distributor_id_bundle_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "product_id"],
            ["products.distributor_id", "products.id"],
            name=op.f("fk_bundle_components_distributor_id_product_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_bundle_components")),
        sa.UniqueConstraint(
            "distributor_id",
            "bundle_id",
            "product_id",
            name=op.f("uq_bundle_components_distributor_id_bundle_id_product_id"),
        ),
    )
    op.create_table(
        "product_relations",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "add_on",
                "required",
                "exclusive",
                "upgrade",
                "related",
                name="relationkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("other_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.CheckConstraint("product_id <> other_id", name=op.f("ck_product_relations_two_products")),
        sa.ForeignKeyConstraint(
            ["distributor_id", "other_id"],
            ["products.distributor_id", "products.id"],
            name=op.f("fk_product_relations_distributor_id_other_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "product_id"],
            ["products.distributor_id", "products.id"],
            name=op.f("fk_product_relations_distributor_id_product_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_product_relations")),
        sa.UniqueConstraint(
            "distributor_id",
            "kind",
            "product_id",
            "other_id",
            name=op.f("uq_product_relations_distributor_id_kind_product_id_other_id"),
        ),
    )
    op.create_index(
        op.f("ix_product_relations_distributor_id_other_id_kind"),
        "product_relations",
        ["distributor_id", "other_id", "kind"],
        unique=False,
    )
    op.create_table(
        "subscription_changes",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "quantity",
                "cancellation",
                "suspension",
                "activation",
                "upgrade",
                "downgrade",
                "price",
                "add_on",
                "characteristics",
                "trial_conversion",
                name="changekind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "status",
            sa.Enum(
                "submitted",
                "scheduled",
                "processing",
                "completed",
                "failed",
                "rejected",
                "withdrawn",
                "void",
                name="changestatus",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "timing",
            sa.Enum(
                "now",
                "on_date",
                "period_end",
                name="changetiming",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("quantity_from", sa.Integer(), nullable=True),
        sa.Column("quantity_to", sa.Integer(), nullable=True),
        sa.Column("target_product_id", sa.Uuid(), nullable=True),
        sa.Column("target_subscription_id", sa.Uuid(), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("comment", sa.String(length=2000), nullable=True),
        sa.Column("request_key", sa.Uuid(), nullable=False),
        sa.Column("requested_by_id", sa.Uuid(), nullable=True),
        sa.Column("requested_by_name", sa.String(length=201), nullable=False),
        sa.Column("is_from_storefront", sa.Boolean(), nullable=False),
        sa.Column("order_item_id", sa.Uuid(), nullable=True),
        sa.Column("decided_by_name", sa.String(length=201), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_reason", sa.String(length=500), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["distributor_id", "subscription_id"],
            ["subscriptions.distributor_id", "subscriptions.id"],
            name=op.f("fk_subscription_changes_distributor_id_subscription_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_subscription_changes")),
        sa.UniqueConstraint(
            "distributor_id", "request_key", name=op.f("uq_subscription_changes_distributor_id_request_key")
        ),
    )
    op.create_index(
        op.f("ix_subscription_changes_distributor_id_subscription_id_status"),
        "subscription_changes",
        ["distributor_id", "subscription_id", "status"],
        unique=False,
    )
    op.create_index(
        "ix_subscription_changes_due",
        "subscription_changes",
        ["distributor_id", "status", "effective_on"],
        unique=False,
    )
    op.add_column(
        "accounts", sa.Column("billing_day_rule", sa.String(length=40), nullable=False, server_default="first_day")
    )
    require_values(
        "accounts",
        "billing_day_rule",
        "billingdayrule",
        (
            "first_day",
            "last_day",
            "first_order",
            "chosen",
        ),
    )
    op.add_column(
        "accounts", sa.Column("partial_charges", sa.String(length=40), nullable=False, server_default="order_day")
    )
    require_values(
        "accounts",
        "partial_charges",
        "partialcharges",
        (
            "order_day",
            "billing_day",
        ),
    )
    op.add_column("charges", sa.Column("kind", sa.String(length=40), nullable=False, server_default="recurring"))
    require_values(
        "charges",
        "kind",
        "chargekind",
        (
            "recurring",
            "stub",
            "setup",
            "one_time",
            "quantity",
            "upgrade",
            "add_on",
            "price",
            "usage",
            "termination",
            "cancellation",
            "abandonment",
        ),
    )
    op.add_column("charges", sa.Column("bill_on", sa.Date(), nullable=True))
    op.add_column("charges", sa.Column("change_id", sa.Uuid(), nullable=True))
    op.add_column("charges", sa.Column("credits_id", sa.Uuid(), nullable=True))
    op.create_index(
        op.f("ix_charges_distributor_id_subscription_id_period_from"),
        "charges",
        ["distributor_id", "subscription_id", "period_from"],
        unique=False,
    )
    op.add_column("invoices", sa.Column("kind", sa.String(length=40), nullable=False, server_default="invoice"))
    require_values(
        "invoices",
        "kind",
        "invoicekind",
        (
            "invoice",
            "credit_note",
        ),
    )
    op.add_column(
        "product_prices", sa.Column("setup_fee", sa.Numeric(precision=18, scale=4), nullable=False, server_default="0")
    )
    op.add_column("product_prices", sa.Column("protection_months", sa.Integer(), nullable=False, server_default="0"))
    op.add_column(
        "product_types",
        sa.Column("automatic_cancellation", sa.Boolean(), nullable=False, server_default=sa.text("true")),
    )
    op.add_column(
        "product_types",
        sa.Column("automatic_add_on_cancellation", sa.Boolean(), nullable=False, server_default=sa.text("true")),
    )
    op.add_column(
        "product_types", sa.Column("automatic_downgrade", sa.Boolean(), nullable=False, server_default=sa.text("false"))
    )
    op.add_column("product_types", sa.Column("cancellation_cap", sa.Numeric(precision=18, scale=4), nullable=True))
    op.add_column(
        "product_types",
        sa.Column(
            "refund_policy",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            server_default=sa.text("'{}'::jsonb"),
        ),
    )
    op.add_column(
        "product_types", sa.Column("early_termination_percent", sa.Numeric(precision=5, scale=2), nullable=True)
    )
    op.add_column(
        "product_types", sa.Column("allows_upgrade", sa.Boolean(), nullable=False, server_default=sa.text("true"))
    )
    op.add_column(
        "product_types", sa.Column("allows_downgrade", sa.Boolean(), nullable=False, server_default=sa.text("true"))
    )
    op.add_column(
        "product_types", sa.Column("allows_suspension", sa.Boolean(), nullable=False, server_default=sa.text("true"))
    )
    op.add_column(
        "product_types",
        sa.Column("billed_while_suspended", sa.Boolean(), nullable=False, server_default=sa.text("true")),
    )
    op.add_column(
        "product_types", sa.Column("one_per_customer", sa.Boolean(), nullable=False, server_default=sa.text("false"))
    )
    op.add_column("product_types", sa.Column("return_days", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("product_types", sa.Column("external_id", sa.String(length=200), nullable=True))
    op.add_column("products", sa.Column("trial_max_quantity", sa.Integer(), nullable=False, server_default="25"))
    op.add_column(
        "products", sa.Column("billing_type", sa.String(length=40), nullable=False, server_default="on_start")
    )
    require_values(
        "products",
        "billing_type",
        "billingtype",
        (
            "on_start",
            "on_end",
        ),
    )
    op.add_column(
        "products", sa.Column("usage_charge_rule", sa.String(length=40), nullable=False, server_default="actual_days")
    )
    require_values(
        "products",
        "usage_charge_rule",
        "usagechargerule",
        (
            "actual_days",
            "full_amount",
        ),
    )
    op.add_column(
        "products", sa.Column("excluded_from_proration", sa.Boolean(), nullable=False, server_default=sa.text("false"))
    )
    op.add_column("products", sa.Column("billing_day", sa.Integer(), nullable=True))
    op.add_column(
        "products", sa.Column("price_scheme", sa.String(length=40), nullable=False, server_default="per_unit")
    )
    require_values(
        "products",
        "price_scheme",
        "pricescheme",
        (
            "per_unit",
            "volume",
            "tiered",
        ),
    )
    op.add_column(
        "products",
        sa.Column(
            "price_tiers",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            server_default=sa.text("'[]'::jsonb"),
        ),
    )
    op.add_column(
        "products",
        sa.Column(
            "price_options",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            server_default=sa.text("'[]'::jsonb"),
        ),
    )
    op.add_column(
        "products",
        sa.Column(
            "characteristics",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            server_default=sa.text("'{}'::jsonb"),
        ),
    )
    op.add_column("products", sa.Column("required_mode", sa.String(length=40), nullable=False, server_default="all"))
    require_values(
        "products",
        "required_mode",
        "requiredmode",
        (
            "all",
            "any",
        ),
    )
    op.add_column("products", sa.Column("refund_policy", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("products", sa.Column("is_taxable", sa.Boolean(), nullable=False, server_default=sa.text("true")))
    op.add_column("products", sa.Column("external_id", sa.String(length=200), nullable=True))
    op.add_column("products", sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("provisioning_tasks", sa.Column("change_id", sa.Uuid(), nullable=True))
    op.add_column("subscription_costs", sa.Column("label", sa.String(length=40), nullable=False, server_default="list"))
    require_values(
        "subscription_costs",
        "label",
        "pricelabel",
        (
            "list",
            "user_priced",
            "user_discount",
            "protected",
            "external",
        ),
    )
    op.add_column("subscription_costs", sa.Column("user_price", sa.Numeric(precision=18, scale=4), nullable=True))
    op.add_column(
        "subscription_costs",
        sa.Column("discount_percent", sa.Numeric(precision=5, scale=2), nullable=False, server_default="0"),
    )
    op.add_column("subscription_costs", sa.Column("protected_price", sa.Numeric(precision=18, scale=4), nullable=True))
    op.add_column("subscription_costs", sa.Column("protected_until", sa.Date(), nullable=True))
    op.add_column("subscriptions", sa.Column("role", sa.String(length=40), nullable=False, server_default="main"))
    require_values(
        "subscriptions",
        "role",
        "subscriptionrole",
        (
            "main",
            "add_on",
            "component",
        ),
    )
    op.add_column("subscriptions", sa.Column("parent_id", sa.Uuid(), nullable=True))
    op.add_column(
        "subscriptions",
        sa.Column(
            "characteristics",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            server_default=sa.text("'{}'::jsonb"),
        ),
    )
    op.add_column("subscriptions", sa.Column("anchor_day", sa.Integer(), nullable=True))
    op.add_column("subscriptions", sa.Column("period_from", sa.Date(), nullable=True))
    op.add_column("subscriptions", sa.Column("period_to", sa.Date(), nullable=True))
    op.add_column(
        "subscriptions", sa.Column("billing_type", sa.String(length=40), nullable=False, server_default="on_start")
    )
    require_values(
        "subscriptions",
        "billing_type",
        "billingtype",
        (
            "on_start",
            "on_end",
        ),
    )
    op.add_column("subscriptions", sa.Column("trial_ends_on", sa.Date(), nullable=True))
    op.add_column("subscriptions", sa.Column("trial_days_added", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("subscriptions", sa.Column("trial_extensions", sa.Integer(), nullable=False, server_default="0"))
    op.add_column(
        "subscriptions",
        sa.Column("is_suspended_with_account", sa.Boolean(), nullable=False, server_default=sa.text("false")),
    )
    op.create_index(
        op.f("ix_subscriptions_distributor_id_parent_id"),
        "subscriptions",
        ["distributor_id", "parent_id"],
        unique=False,
    )
    op.create_index(
        "ix_subscriptions_period_end", "subscriptions", ["distributor_id", "status", "period_to"], unique=False
    )
    op.create_foreign_key(
        op.f("fk_subscriptions_distributor_id_parent_id"),
        "subscriptions",
        "subscriptions",
        ["distributor_id", "parent_id"],
        ["distributor_id", "id"],
    )
    require_values(
        "product_types",
        "kind",
        "productkind",
        ("subscription", "one_off", "pay_per_use", "reseller_plan", "bundle", "domain"),
    )
    require_values(
        "provisioning_tasks",
        "kind",
        "taskkind",
        ("create", "update", "cancel", "suspend", "activate", "open_storefront"),
    )
    read_by_all_written_by_distributor("product_relations")
    read_by_all_written_by_distributor("bundle_components")
    share_with_distributor("subscription_changes")
    op.execute(
        """
        UPDATE subscriptions
        SET anchor_day = extract(day FROM starts_on),
            period_from = starts_on,
            period_to = (starts_on + make_interval(months => CASE cycle
                WHEN 'annual' THEN 12 WHEN 'triennial' THEN 36 ELSE 1 END) - interval '1 day')::date
        WHERE starts_on IS NOT NULL
        """
    )


def downgrade() -> None:
    """Take them away again."""
    require_values("provisioning_tasks", "kind", "taskkind", ("create", "update", "cancel", "open_storefront"))
    require_values("product_types", "kind", "productkind", ("subscription", "one_off", "pay_per_use", "reseller_plan"))
    op.drop_constraint(op.f("fk_subscriptions_distributor_id_parent_id"), "subscriptions", type_="foreignkey")
    op.drop_index("ix_subscriptions_period_end", table_name="subscriptions")
    op.drop_index(op.f("ix_subscriptions_distributor_id_parent_id"), table_name="subscriptions")
    op.drop_column("subscriptions", "is_suspended_with_account")
    op.drop_column("subscriptions", "trial_extensions")
    op.drop_column("subscriptions", "trial_days_added")
    op.drop_column("subscriptions", "trial_ends_on")
    op.drop_column("subscriptions", "billing_type")
    op.drop_column("subscriptions", "period_to")
    op.drop_column("subscriptions", "period_from")
    op.drop_column("subscriptions", "anchor_day")
    op.drop_column("subscriptions", "characteristics")
    op.drop_column("subscriptions", "parent_id")
    op.drop_column("subscriptions", "role")
    op.drop_column("subscription_costs", "protected_until")
    op.drop_column("subscription_costs", "protected_price")
    op.drop_column("subscription_costs", "discount_percent")
    op.drop_column("subscription_costs", "user_price")
    op.drop_column("subscription_costs", "label")
    op.drop_column("provisioning_tasks", "change_id")
    op.drop_column("products", "retired_at")
    op.drop_column("products", "external_id")
    op.drop_column("products", "is_taxable")
    op.drop_column("products", "refund_policy")
    op.drop_column("products", "required_mode")
    op.drop_column("products", "characteristics")
    op.drop_column("products", "price_options")
    op.drop_column("products", "price_tiers")
    op.drop_column("products", "price_scheme")
    op.drop_column("products", "billing_day")
    op.drop_column("products", "excluded_from_proration")
    op.drop_column("products", "usage_charge_rule")
    op.drop_column("products", "billing_type")
    op.drop_column("products", "trial_max_quantity")
    op.drop_column("product_types", "external_id")
    op.drop_column("product_types", "return_days")
    op.drop_column("product_types", "one_per_customer")
    op.drop_column("product_types", "billed_while_suspended")
    op.drop_column("product_types", "allows_suspension")
    op.drop_column("product_types", "allows_downgrade")
    op.drop_column("product_types", "allows_upgrade")
    op.drop_column("product_types", "early_termination_percent")
    op.drop_column("product_types", "refund_policy")
    op.drop_column("product_types", "cancellation_cap")
    op.drop_column("product_types", "automatic_downgrade")
    op.drop_column("product_types", "automatic_add_on_cancellation")
    op.drop_column("product_types", "automatic_cancellation")
    op.drop_column("product_prices", "protection_months")
    op.drop_column("product_prices", "setup_fee")
    op.drop_column("invoices", "kind")
    op.drop_index(op.f("ix_charges_distributor_id_subscription_id_period_from"), table_name="charges")
    op.drop_column("charges", "credits_id")
    op.drop_column("charges", "change_id")
    op.drop_column("charges", "bill_on")
    op.drop_column("charges", "kind")
    op.drop_column("accounts", "partial_charges")
    op.drop_column("accounts", "billing_day_rule")
    op.drop_index("ix_subscription_changes_due", table_name="subscription_changes")
    op.drop_index(
        op.f("ix_subscription_changes_distributor_id_subscription_id_status"), table_name="subscription_changes"
    )
    op.drop_table("subscription_changes")
    op.drop_index(op.f("ix_product_relations_distributor_id_other_id_kind"), table_name="product_relations")
    op.drop_table("product_relations")
    op.drop_table("bundle_components")
