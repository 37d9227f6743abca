"""Add vendor operations, reconciliation, adoption, stuck work and settings of service managers.

Why:   GO-03, GO-06, CB-22: asynchronous vendors, drift, services sold elsewhere, vendors' words out of customers' reach.
Locks: adds tables, indexes and columns with constant defaults; safe while the previous release is still serving.
Undo:  drops what was added and every row in it; vendors' words about subscriptions are lost.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.columns import require_values
from migrations.rls import keep_to_distributor

revision = "0014_provisioning"
down_revision = "0013_orders"


def upgrade() -> None:
    """Add tables and columns, then row security and grants."""
    op.create_table(
        "stuck_works",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "task_overdue",
                "task_failed",
                "order_executing",
                "order_scheduled",
                "mail",
                name="stuckkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.String(length=300), nullable=False),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_stuck_works")),
    )
    op.create_index(
        op.f("ix_stuck_works_distributor_id_closed_at"), "stuck_works", ["distributor_id", "closed_at"], unique=False
    )
    op.create_index(
        "uq_stuck_works_open",
        "stuck_works",
        ["distributor_id", "kind", "target_id"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "vendor_problems",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_vendor_problems")),
        sa.UniqueConstraint("distributor_id", "subject_id", name=op.f("uq_vendor_problems_distributor_id_subject_id")),
    )
    op.create_table(
        "adoptions",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("service_manager_id", sa.Uuid(), nullable=False),
        sa.Column("vendor_reference", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=True),
        sa.Column("vendor_product", sa.String(length=200), nullable=False),
        sa.Column("vendor_account", sa.String(length=400), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("matched_by", sa.String(length=20), nullable=True),
        sa.Column("product_id", sa.Uuid(), nullable=True),
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
        sa.Column("unit_price", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("unit_cost", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("billed_from", sa.Date(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "found",
                "ready",
                "queued",
                "imported",
                "failed",
                "left",
                name="adoptionstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("message", sa.String(length=500), nullable=True),
        sa.Column("subscription_id", sa.Uuid(), nullable=True),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by_name", sa.String(length=201), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["distributor_id", "service_manager_id"],
            ["service_managers.distributor_id", "service_managers.id"],
            name=op.f("fk_adoptions_distributor_id_service_manager_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_adoptions")),
        sa.UniqueConstraint(
            "distributor_id",
            "service_manager_id",
            "vendor_reference",
            name=op.f("uq_adoptions_distributor_id_service_manager_id_vendor_reference"),
        ),
    )
    op.create_index(
        op.f("ix_adoptions_distributor_id_service_manager_id_state"),
        "adoptions",
        ["distributor_id", "service_manager_id", "state"],
        unique=False,
    )
    op.create_table(
        "reconciliation_runs",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("service_manager_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "running",
                "completed",
                "with_errors",
                "failed",
                name="runstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("matching", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.String(length=500), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("message", sa.String(length=500), nullable=True),
        sa.Column("started_by_name", sa.String(length=201), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["distributor_id", "service_manager_id"],
            ["service_managers.distributor_id", "service_managers.id"],
            name=op.f("fk_reconciliation_runs_distributor_id_service_manager_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_reconciliation_runs")),
    )
    op.create_index(
        "ix_reconciliation_runs_newest",
        "reconciliation_runs",
        ["distributor_id", "service_manager_id", "created_at"],
        unique=False,
    )
    op.create_index(
        "uq_reconciliation_runs_open",
        "reconciliation_runs",
        ["distributor_id", "service_manager_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )
    op.create_table(
        "vendor_operations",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("vendor_reference", sa.String(length=200), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("poll_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "task_id"],
            ["provisioning_tasks.distributor_id", "provisioning_tasks.id"],
            name=op.f("fk_vendor_operations_distributor_id_task_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_vendor_operations")),
        sa.UniqueConstraint("distributor_id", "task_id", name=op.f("uq_vendor_operations_distributor_id_task_id")),
    )
    op.create_table(
        "vendor_services",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("service_manager_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("vendor_reference", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("product_code", sa.String(length=200), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("term", sa.String(length=10), nullable=True),
        sa.Column("billing_cycle", sa.String(length=20), nullable=True),
        sa.Column("account_reference", sa.String(length=200), nullable=True),
        sa.Column("account_code", sa.String(length=200), nullable=True),
        sa.Column("account_name", sa.String(length=255), nullable=True),
        sa.Column("account_email", sa.String(length=254), nullable=True),
        sa.ForeignKeyConstraint(
            ["distributor_id", "service_manager_id"],
            ["service_managers.distributor_id", "service_managers.id"],
            name=op.f("fk_vendor_services_distributor_id_service_manager_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_vendor_services")),
        sa.UniqueConstraint(
            "distributor_id", "service_manager_id", "vendor_reference", name="uq_vendor_services_reference"
        ),
    )
    op.create_index(
        op.f("ix_vendor_services_distributor_id_run_id"), "vendor_services", ["distributor_id", "run_id"], unique=False
    )
    op.create_table(
        "drifts",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "missing_at_vendor",
                "unknown_here",
                "quantity",
                "product",
                "status",
                name="driftkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "repairing",
                "repaired",
                "left",
                name="driftstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("vendor_reference", sa.String(length=200), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=True),
        sa.Column("ours", sa.String(length=255), nullable=False),
        sa.Column("theirs", sa.String(length=255), nullable=False),
        sa.Column("repair", sa.String(length=40), nullable=True),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column("decided_by_name", sa.String(length=201), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["distributor_id", "run_id"],
            ["reconciliation_runs.distributor_id", "reconciliation_runs.id"],
            name=op.f("fk_drifts_distributor_id_run_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_drifts")),
        sa.UniqueConstraint(
            "distributor_id",
            "run_id",
            "vendor_reference",
            "kind",
            name=op.f("uq_drifts_distributor_id_run_id_vendor_reference_kind"),
        ),
    )
    op.create_index(
        op.f("ix_drifts_distributor_id_run_id_kind_state"),
        "drifts",
        ["distributor_id", "run_id", "kind", "state"],
        unique=False,
    )
    op.add_column(
        "service_managers", sa.Column("description", sa.String(length=500), nullable=False, server_default="")
    )
    op.add_column(
        "service_managers",
        sa.Column(
            "unchecked_kinds",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            server_default=sa.text("'[]'::jsonb"),
        ),
    )
    op.add_column(
        "service_managers", sa.Column("is_sandbox", sa.Boolean(), nullable=False, server_default=sa.text("false"))
    )
    op.add_column("service_managers", sa.Column("max_parallel_calls", sa.Integer(), nullable=False, server_default="4"))
    op.add_column(
        "service_managers",
        sa.Column("synchronises_accounts", sa.Boolean(), nullable=False, server_default=sa.text("true")),
    )
    op.add_column(
        "service_managers",
        sa.Column(
            "account_options",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            server_default=sa.text("'[]'::jsonb"),
        ),
    )
    op.add_column("service_managers", sa.Column("tested_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("service_managers", sa.Column("test_message", sa.String(length=500), nullable=True))
    op.create_index(
        "ix_subscription_vendor_links_reference",
        "subscription_vendor_links",
        ["distributor_id", "service_manager_id", "vendor_reference"],
        unique=False,
    )
    op.drop_column("subscriptions", "sync_message")
    op.add_column(
        "vendor_account_links",
        sa.Column("sync_status", sa.String(length=40), nullable=False, server_default="synchronised"),
    )
    require_values(
        "vendor_account_links",
        "sync_status",
        "syncstatus",
        (
            "not_required",
            "unsynchronised",
            "pending",
            "synchronised",
            "failed",
        ),
    )
    op.add_column("vendor_account_links", sa.Column("message", sa.String(length=500), nullable=True))
    op.add_column(
        "vendor_account_links",
        sa.Column(
            "options", postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default=sa.text("'{}'::jsonb")
        ),
    )
    op.add_column("vendor_account_links", sa.Column("synchronised_at", sa.DateTime(timezone=True), nullable=True))
    op.alter_column("vendor_account_links", "vendor_reference", existing_type=sa.VARCHAR(length=200), nullable=True)
    keep_to_distributor("stuck_works")
    keep_to_distributor("vendor_problems")
    keep_to_distributor("adoptions")
    keep_to_distributor("reconciliation_runs")
    keep_to_distributor("vendor_operations")
    keep_to_distributor("vendor_services")
    keep_to_distributor("drifts")
    require_values(
        "provisioning_tasks",
        "status",
        "taskstatus",
        ("pending", "running", "at_vendor", "waiting", "succeeded", "failed", "canceled"),
    )


def downgrade() -> None:
    """Take them away again; what is at a vendor is looked at again from the start, accounts without a name there too."""
    op.execute("UPDATE provisioning_tasks SET status = 'pending' WHERE status = 'at_vendor'")
    require_values(
        "provisioning_tasks",
        "status",
        "taskstatus",
        ("pending", "running", "waiting", "succeeded", "failed", "canceled"),
    )
    op.execute("DELETE FROM vendor_account_links WHERE vendor_reference IS NULL")
    op.alter_column("vendor_account_links", "vendor_reference", existing_type=sa.VARCHAR(length=200), nullable=False)
    op.drop_column("vendor_account_links", "synchronised_at")
    op.drop_column("vendor_account_links", "options")
    op.drop_column("vendor_account_links", "message")
    op.drop_column("vendor_account_links", "sync_status")
    op.add_column(
        "subscriptions", sa.Column("sync_message", sa.VARCHAR(length=500), autoincrement=False, nullable=True)
    )
    op.drop_index("ix_subscription_vendor_links_reference", table_name="subscription_vendor_links")
    op.drop_column("service_managers", "test_message")
    op.drop_column("service_managers", "tested_at")
    op.drop_column("service_managers", "account_options")
    op.drop_column("service_managers", "synchronises_accounts")
    op.drop_column("service_managers", "max_parallel_calls")
    op.drop_column("service_managers", "is_sandbox")
    op.drop_column("service_managers", "unchecked_kinds")
    op.drop_column("service_managers", "description")
    op.drop_index(op.f("ix_drifts_distributor_id_run_id_kind_state"), table_name="drifts")
    op.drop_table("drifts")
    op.drop_index(op.f("ix_vendor_services_distributor_id_run_id"), table_name="vendor_services")
    op.drop_table("vendor_services")
    op.drop_table("vendor_operations")
    op.drop_index(
        "uq_reconciliation_runs_open",
        table_name="reconciliation_runs",
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )
    op.drop_index("ix_reconciliation_runs_newest", table_name="reconciliation_runs")
    op.drop_table("reconciliation_runs")
    op.drop_index(op.f("ix_adoptions_distributor_id_service_manager_id_state"), table_name="adoptions")
    op.drop_table("adoptions")
    op.drop_table("vendor_problems")
    op.drop_index("uq_stuck_works_open", table_name="stuck_works", postgresql_where=sa.text("closed_at IS NULL"))
    op.drop_index(op.f("ix_stuck_works_distributor_id_closed_at"), table_name="stuck_works")
    op.drop_table("stuck_works")
