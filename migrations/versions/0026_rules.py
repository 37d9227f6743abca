"""Add permission rules, and let row security follow them.

Why:   BC-04, docs/adr/0025-permission-rules.md.
Locks: adds tables and nullable columns; checking the new foreign keys reads each table once. The policies bind a role
       that the release still serving never takes. ALTER ROLE keeps the application's roles from inheriting it.
Undo:  drops policies, functions, columns and tables: who saw less sees everything again. The role stays without rights.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.records import (
    create_functions,
    create_narrow_role,
    drop_functions,
    drop_narrow_grants,
    follow_account,
    follow_record,
    keep_to_rule,
    show_targets,
    show_with,
    write_with_account,
)
from migrations.rls import keep_to_distributor

revision = "0026_rules"
down_revision = "0025_audit"

RULED = ("accounts", "orders", "offers", "subscriptions", "assets", "invoices")
TABLES = ("permission_rules", "permission_rule_kinds", "permission_rule_grants", "permission_rule_shares")
OF_ACCOUNT = ("users", "charges", "trials", "registrations", "vendor_account_links", "adoptions")
OF_ORDER = ("order_items", "order_events", "terms_acceptances")
OF_OFFER = ("offer_items", "offer_events")
OF_SUBSCRIPTION = (
    "subscription_changes",
    "subscription_events",
    "subscription_costs",
    "price_edits",
    "protected_costs",
    "external_prices",
    "subscription_vendor_links",
    "usage_records",
    "drifts",
)
OF_ASSET = ("asset_costs", "asset_field_values")
READ_WITH = {
    "order_item_costs": {"order_items": "item_id"},
    "order_item_vendor_costs": {"order_items": "item_id"},
    "provisioning_tasks": {"subscriptions": "subject_id", "assets": "subject_id"},
    "vendor_operations": {"provisioning_tasks": "task_id"},
}
AUDITED = {
    "account": "accounts",
    "order": "orders",
    "offer": "offers",
    "subscription": "subscriptions",
    "asset": "assets",
    "invoice": "invoices",
    "user": "users",
}
STUCK = {
    "task_overdue": "provisioning_tasks",
    "task_failed": "provisioning_tasks",
    "order_executing": "orders",
    "order_scheduled": "orders",
}


def upgrade() -> None:
    """Add tables and columns, then the role, the functions and the policies."""
    op.create_table(
        "permission_rules",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_permission_rules")),
    )
    op.create_index(
        "uq_permission_rules_name", "permission_rules", ["distributor_id", sa.text("lower(name)")], unique=True
    )
    op.create_table(
        "permission_rule_kinds",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "account",
                "order",
                "offer",
                "subscription",
                "asset",
                "invoice",
                name="ruledkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "rule_id"],
            ["permission_rules.distributor_id", "permission_rules.id"],
            name=op.f("fk_permission_rule_kinds_distributor_id_rule_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_permission_rule_kinds")),
        sa.UniqueConstraint(
            "distributor_id", "rule_id", "kind", name=op.f("uq_permission_rule_kinds_distributor_id_rule_id_kind")
        ),
    )
    op.create_index(
        "uq_permission_rule_kinds_default",
        "permission_rule_kinds",
        ["distributor_id", "kind"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    op.create_table(
        "permission_rule_grants",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column(
            "access",
            sa.Enum("read", "edit", "full", name="recordaccess", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(user_id IS NULL) <> (team_id IS NULL)", name=op.f("ck_permission_rule_grants_one_grantee")
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "rule_id"],
            ["permission_rules.distributor_id", "permission_rules.id"],
            name=op.f("fk_permission_rule_grants_distributor_id_rule_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "team_id"],
            ["teams.distributor_id", "teams.id"],
            name=op.f("fk_permission_rule_grants_distributor_id_team_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "user_id"],
            ["users.distributor_id", "users.id"],
            name=op.f("fk_permission_rule_grants_distributor_id_user_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_permission_rule_grants")),
    )
    op.create_index(
        op.f("ix_permission_rule_grants_distributor_id_rule_id"),
        "permission_rule_grants",
        ["distributor_id", "rule_id"],
        unique=False,
    )
    op.create_table(
        "permission_rule_shares",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column(
            "right",
            sa.Enum("use", "manage", name="shareright", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.CheckConstraint("(user_id IS NULL) <> (team_id IS NULL)", name=op.f("ck_permission_rule_shares_one_holder")),
        sa.ForeignKeyConstraint(
            ["distributor_id", "rule_id"],
            ["permission_rules.distributor_id", "permission_rules.id"],
            name=op.f("fk_permission_rule_shares_distributor_id_rule_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "team_id"],
            ["teams.distributor_id", "teams.id"],
            name=op.f("fk_permission_rule_shares_distributor_id_team_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "user_id"],
            ["users.distributor_id", "users.id"],
            name=op.f("fk_permission_rule_shares_distributor_id_user_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_permission_rule_shares")),
    )
    op.create_index(
        op.f("ix_permission_rule_shares_distributor_id_rule_id"),
        "permission_rule_shares",
        ["distributor_id", "rule_id"],
        unique=False,
    )
    op.add_column("accounts", sa.Column("owner_id", sa.Uuid(), nullable=True))
    op.add_column("accounts", sa.Column("permission_rule_id", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_accounts_rule",
        "accounts",
        ["distributor_id", "permission_rule_id"],
        unique=False,
        postgresql_where=sa.text("permission_rule_id IS NOT NULL"),
    )
    op.create_foreign_key(
        op.f("fk_accounts_distributor_id_permission_rule_id"),
        "accounts",
        "permission_rules",
        ["distributor_id", "permission_rule_id"],
        ["distributor_id", "id"],
    )
    op.add_column("assets", sa.Column("permission_rule_id", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_assets_rule",
        "assets",
        ["distributor_id", "permission_rule_id"],
        unique=False,
        postgresql_where=sa.text("permission_rule_id IS NOT NULL"),
    )
    op.create_foreign_key(
        op.f("fk_assets_distributor_id_permission_rule_id"),
        "assets",
        "permission_rules",
        ["distributor_id", "permission_rule_id"],
        ["distributor_id", "id"],
    )
    op.add_column("invoices", sa.Column("permission_rule_id", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_invoices_rule",
        "invoices",
        ["distributor_id", "permission_rule_id"],
        unique=False,
        postgresql_where=sa.text("permission_rule_id IS NOT NULL"),
    )
    op.create_foreign_key(
        op.f("fk_invoices_distributor_id_permission_rule_id"),
        "invoices",
        "permission_rules",
        ["distributor_id", "permission_rule_id"],
        ["distributor_id", "id"],
    )
    op.add_column("offers", sa.Column("permission_rule_id", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_offers_rule",
        "offers",
        ["distributor_id", "permission_rule_id"],
        unique=False,
        postgresql_where=sa.text("permission_rule_id IS NOT NULL"),
    )
    op.create_foreign_key(
        op.f("fk_offers_distributor_id_permission_rule_id"),
        "offers",
        "permission_rules",
        ["distributor_id", "permission_rule_id"],
        ["distributor_id", "id"],
    )
    op.add_column("orders", sa.Column("permission_rule_id", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_orders_rule",
        "orders",
        ["distributor_id", "permission_rule_id"],
        unique=False,
        postgresql_where=sa.text("permission_rule_id IS NOT NULL"),
    )
    op.create_foreign_key(
        op.f("fk_orders_distributor_id_permission_rule_id"),
        "orders",
        "permission_rules",
        ["distributor_id", "permission_rule_id"],
        ["distributor_id", "id"],
    )
    op.add_column(
        "sign_in_names",
        sa.Column("rule_access", postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default="{}"),
    )
    op.add_column("subscriptions", sa.Column("permission_rule_id", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_subscriptions_rule",
        "subscriptions",
        ["distributor_id", "permission_rule_id"],
        unique=False,
        postgresql_where=sa.text("permission_rule_id IS NOT NULL"),
    )
    op.create_foreign_key(
        op.f("fk_subscriptions_distributor_id_permission_rule_id"),
        "subscriptions",
        "permission_rules",
        ["distributor_id", "permission_rule_id"],
        ["distributor_id", "id"],
    )
    for table in TABLES:
        keep_to_distributor(table)
    create_narrow_role()
    create_functions()
    for table in RULED:
        keep_to_rule(table)
    for table in OF_ACCOUNT:
        follow_account(table)
    for parent, children, column in (
        ("orders", OF_ORDER, "order_id"),
        ("offers", OF_OFFER, "offer_id"),
        ("subscriptions", OF_SUBSCRIPTION, "subscription_id"),
        ("assets", OF_ASSET, "asset_id"),
        ("invoices", ("invoice_lines",), "invoice_id"),
    ):
        for table in children:
            follow_record(table, parent, column=column)
    for table, parents in READ_WITH.items():
        show_with(table, parents)
    show_with("vendor_calls", {"provisioning_tasks": "task_id"}, optional=True)
    show_targets("audit_events", kind="target_kind", column="target_id", tables=AUDITED)
    show_targets("stuck_works", kind="kind", column="target_id", tables=STUCK)
    write_with_account("price_list_assignments", column="payer_id")


def downgrade() -> None:
    """Drop what was added; the role keeps nothing in this database."""
    drop_narrow_grants()
    for table in (*RULED, *OF_ACCOUNT, *OF_ORDER, *OF_OFFER, *OF_SUBSCRIPTION, *OF_ASSET, "invoice_lines"):
        for command in ("select", "insert", "update", "delete"):
            op.execute(f"DROP POLICY IF EXISTS {table}_rules_{command} ON {table}")
    for table in (*READ_WITH, "vendor_calls", "audit_events", "stuck_works"):
        op.execute(f"DROP POLICY IF EXISTS {table}_rules_select ON {table}")
    for command in ("insert", "update"):
        op.execute(f"DROP POLICY IF EXISTS price_list_assignments_rules_{command} ON price_list_assignments")
    drop_functions()
    for table in reversed(RULED):
        op.drop_column(table, "permission_rule_id")
    op.drop_column("accounts", "owner_id")
    op.drop_column("sign_in_names", "rule_access")
    for table in reversed(TABLES):
        op.drop_table(table)
