"""Add product files, vendor catalogue runs and usage.

Why:   CB-13, CB-14, CB-15: catalogues and usage come from files and vendors.
Locks: creates tables only; safe while the previous release is still serving.
Undo:  drops the tables and every row in them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.rls import keep_to_distributor

revision = "0012_imports"
down_revision = "0011_catalogue"


def upgrade() -> None:
    """Add tables, then row security and grants."""
    op.create_table(
        "product_files",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("file_path", sa.String(length=255), nullable=False),
        sa.Column("file_bytes", sa.Integer(), nullable=False),
        sa.Column("sheets", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sheet", sa.String(length=100), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("common", "asset", name="filekind", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column(
            "charge_type",
            sa.Enum(
                "one_time",
                "recurring",
                "pay_per_use",
                name="filechargetype",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "uploaded",
                "check_queued",
                "checking",
                "ready",
                "queued",
                "applying",
                "completed",
                "failed",
                "discarded",
                name="productfilestate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("mapping", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("match_by", postgresql.ARRAY(sa.String(length=10)), nullable=False),
        sa.Column("defaults", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("rows_total", sa.Integer(), nullable=False),
        sa.Column("rows_done", sa.Integer(), nullable=False),
        sa.Column("applied_to", sa.Integer(), nullable=False),
        sa.Column("rows_created", sa.Integer(), nullable=False),
        sa.Column("rows_updated", sa.Integer(), nullable=False),
        sa.Column("rows_skipped", sa.Integer(), nullable=False),
        sa.Column("rows_failed", sa.Integer(), nullable=False),
        sa.Column("message", sa.String(length=500), nullable=True),
        sa.Column("started_by_id", sa.Uuid(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_product_files")),
    )
    op.create_index(
        op.f("ix_product_files_distributor_id_created_at"),
        "product_files",
        ["distributor_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "usage_imports",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("file_path", sa.String(length=255), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "running",
                "completed",
                "failed",
                name="usageimportstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("rows_total", sa.Integer(), nullable=False),
        sa.Column("rows_done", sa.Integer(), nullable=False),
        sa.Column("rows_imported", sa.Integer(), nullable=False),
        sa.Column("rows_replaced", sa.Integer(), nullable=False),
        sa.Column("rows_rejected", sa.Integer(), nullable=False),
        sa.Column("message", sa.String(length=500), nullable=True),
        sa.Column("started_by_id", sa.Uuid(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_usage_imports")),
    )
    op.create_index(
        op.f("ix_usage_imports_distributor_id_created_at"),
        "usage_imports",
        ["distributor_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "product_file_rows",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("row_number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(
                "created",
                "updated",
                "skipped",
                "error",
                name="rowoutcome",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("product_id", sa.Uuid(), nullable=True),
        sa.Column("message", sa.String(length=1000), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "file_id"],
            ["product_files.distributor_id", "product_files.id"],
            name=op.f("fk_product_file_rows_distributor_id_file_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_product_file_rows")),
        sa.UniqueConstraint(
            "distributor_id",
            "file_id",
            "row_number",
            name=op.f("uq_product_file_rows_distributor_id_file_id_row_number"),
        ),
    )
    op.create_index(
        op.f("ix_product_file_rows_distributor_id_file_id_outcome"),
        "product_file_rows",
        ["distributor_id", "file_id", "outcome"],
        unique=False,
    )
    op.create_table(
        "vendor_runs",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("service_manager_id", sa.Uuid(), nullable=False),
        sa.Column("manager_name", sa.String(length=100), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "running",
                "completed",
                "completed_with_errors",
                "failed",
                "canceled",
                name="vendorrunstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("phase", sa.String(length=40), nullable=False),
        sa.Column("items_total", sa.Integer(), nullable=False),
        sa.Column("items_done", sa.Integer(), nullable=False),
        sa.Column("items_created", sa.Integer(), nullable=False),
        sa.Column("items_updated", sa.Integer(), nullable=False),
        sa.Column("items_unchanged", sa.Integer(), nullable=False),
        sa.Column("items_retired", sa.Integer(), nullable=False),
        sa.Column("items_failed", sa.Integer(), nullable=False),
        sa.Column("message", sa.String(length=500), nullable=True),
        sa.Column("started_by_id", sa.Uuid(), nullable=True),
        sa.Column("started_by_name", sa.String(length=201), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["distributor_id", "service_manager_id"],
            ["service_managers.distributor_id", "service_managers.id"],
            name=op.f("fk_vendor_runs_distributor_id_service_manager_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_vendor_runs")),
    )
    op.create_index(
        op.f("ix_vendor_runs_distributor_id_service_manager_id_created_at"),
        "vendor_runs",
        ["distributor_id", "service_manager_id", "created_at"],
        unique=False,
    )
    op.create_index(
        "uq_vendor_runs_at_work",
        "vendor_runs",
        ["distributor_id", "service_manager_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )
    op.create_table(
        "usage_charges",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("resource", sa.String(length=64), nullable=False),
        sa.Column("resource_key", sa.String(length=64), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("metered", "allocated", name="resourcekind", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("add_on_id", sa.Uuid(), nullable=True),
        sa.Column("pack_size", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("included", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("price", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.CheckConstraint("included >= 0", name=op.f("ck_usage_charges_included_min_0")),
        sa.CheckConstraint("pack_size IS NULL OR pack_size > 0", name=op.f("ck_usage_charges_pack_size_above_0")),
        sa.CheckConstraint("price IS NULL OR price >= 0", name=op.f("ck_usage_charges_price_min_0")),
        sa.ForeignKeyConstraint(
            ["distributor_id", "add_on_id"],
            ["products.distributor_id", "products.id"],
            name=op.f("fk_usage_charges_distributor_id_add_on_id"),
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "product_id"],
            ["products.distributor_id", "products.id"],
            name=op.f("fk_usage_charges_distributor_id_product_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_usage_charges")),
        sa.UniqueConstraint(
            "distributor_id",
            "product_id",
            "resource_key",
            name=op.f("uq_usage_charges_distributor_id_product_id_resource_key"),
        ),
    )
    op.create_table(
        "vendor_price_changes",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
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
        sa.Column("vendor_cost", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("term_vendor_cost", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("list_price", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("term_list_price", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "product_id"],
            ["products.distributor_id", "products.id"],
            name=op.f("fk_vendor_price_changes_distributor_id_product_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_vendor_price_changes")),
        sa.UniqueConstraint(
            "distributor_id",
            "product_id",
            "term",
            "cycle",
            "currency",
            name=op.f("uq_vendor_price_changes_distributor_id_product_id_term_cycle_currency"),
        ),
    )
    op.create_index(
        op.f("ix_vendor_price_changes_distributor_id_valid_from"),
        "vendor_price_changes",
        ["distributor_id", "valid_from"],
        unique=False,
    )
    op.create_table(
        "vendor_run_entries",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "level",
            sa.Enum(
                "info", "warning", "error", name="entrylevel", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("entity_kind", sa.String(length=20), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column(
            "action",
            sa.Enum(
                "created",
                "updated",
                "unchanged",
                "retired",
                "error",
                name="entryaction",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("message", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "run_id"],
            ["vendor_runs.distributor_id", "vendor_runs.id"],
            name=op.f("fk_vendor_run_entries_distributor_id_run_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_vendor_run_entries")),
    )
    op.create_index(
        op.f("ix_vendor_run_entries_distributor_id_run_id_position"),
        "vendor_run_entries",
        ["distributor_id", "run_id", "position"],
        unique=False,
    )
    op.create_table(
        "usage_records",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("row_number", sa.Integer(), nullable=False),
        sa.Column("account_code", sa.String(length=40), nullable=False),
        sa.Column("subscription_code", sa.String(length=40), nullable=False),
        sa.Column("resource", sa.String(length=64), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("first_day", sa.Date(), nullable=True),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("is_correction", sa.Boolean(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "imported",
                "rated",
                "billed",
                "rejected",
                name="usagestate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=True),
        sa.Column("usage_charge_id", sa.Uuid(), nullable=True),
        sa.Column("cycle_from", sa.Date(), nullable=True),
        sa.Column("cycle_to", sa.Date(), nullable=True),
        sa.Column("charge_key", sa.String(length=120), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "import_id"],
            ["usage_imports.distributor_id", "usage_imports.id"],
            name=op.f("fk_usage_records_distributor_id_import_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "subscription_id"],
            ["subscriptions.distributor_id", "subscriptions.id"],
            name=op.f("fk_usage_records_distributor_id_subscription_id"),
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "usage_charge_id"],
            ["usage_charges.distributor_id", "usage_charges.id"],
            name=op.f("fk_usage_records_distributor_id_usage_charge_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_usage_records")),
        sa.UniqueConstraint(
            "distributor_id",
            "import_id",
            "row_number",
            name=op.f("uq_usage_records_distributor_id_import_id_row_number"),
        ),
    )
    op.create_index(
        op.f("ix_usage_records_distributor_id_subscription_id_cycle_from"),
        "usage_records",
        ["distributor_id", "subscription_id", "cycle_from"],
        unique=False,
    )
    op.create_index(
        "uq_usage_records_days",
        "usage_records",
        ["distributor_id", "subscription_id", "usage_charge_id", "first_day", "last_day"],
        unique=True,
        postgresql_where=sa.text("state <> 'rejected' AND NOT is_correction"),
    )
    keep_to_distributor("product_file_rows")
    keep_to_distributor("product_files")
    keep_to_distributor("usage_charges")
    keep_to_distributor("usage_imports")
    keep_to_distributor("usage_records")
    keep_to_distributor("vendor_price_changes")
    keep_to_distributor("vendor_run_entries")
    keep_to_distributor("vendor_runs")


def downgrade() -> None:
    """Take them away again."""
    op.drop_index(
        "uq_usage_records_days",
        table_name="usage_records",
        postgresql_where=sa.text("state <> 'rejected' AND NOT is_correction"),
    )
    op.drop_index(op.f("ix_usage_records_distributor_id_subscription_id_cycle_from"), table_name="usage_records")
    op.drop_table("usage_records")
    op.drop_index(op.f("ix_vendor_run_entries_distributor_id_run_id_position"), table_name="vendor_run_entries")
    op.drop_table("vendor_run_entries")
    op.drop_index(op.f("ix_vendor_price_changes_distributor_id_valid_from"), table_name="vendor_price_changes")
    op.drop_table("vendor_price_changes")
    op.drop_table("usage_charges")
    op.drop_index(
        "uq_vendor_runs_at_work", table_name="vendor_runs", postgresql_where=sa.text("state IN ('queued', 'running')")
    )
    op.drop_index(op.f("ix_vendor_runs_distributor_id_service_manager_id_created_at"), table_name="vendor_runs")
    op.drop_table("vendor_runs")
    op.drop_index(op.f("ix_product_file_rows_distributor_id_file_id_outcome"), table_name="product_file_rows")
    op.drop_table("product_file_rows")
    op.drop_index(op.f("ix_usage_imports_distributor_id_created_at"), table_name="usage_imports")
    op.drop_table("usage_imports")
    op.drop_index(op.f("ix_product_files_distributor_id_created_at"), table_name="product_files")
    op.drop_table("product_files")
