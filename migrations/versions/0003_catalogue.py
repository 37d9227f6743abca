"""Add product types, groups, categories, products, prices and imports.

Why:   first version, docs/adr/0001-one-database-row-security.md.
Locks: creates tables only; safe while the previous release is still serving.
Undo:  drops these tables and every row in them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.rls import keep_to_distributor, read_by_all_written_by_distributor

revision = "0003_catalogue"
down_revision = "0002_accounts_identity"


def upgrade() -> None:
    """Create the tables, then their row security and grants."""
    op.create_table(
        "categories",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("slug", sa.String(length=100), nullable=False),
        sa.Column("icon", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_visible", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "parent_id"],
            ["categories.distributor_id", "categories.id"],
            name=op.f("fk_categories_distributor_id_parent_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_categories")),
        sa.UniqueConstraint(
            "distributor_id",
            "parent_id",
            "name",
            name=op.f("uq_categories_distributor_id_parent_id_name"),
            postgresql_nulls_not_distinct=True,
        ),
        sa.UniqueConstraint("distributor_id", "slug", name=op.f("uq_categories_distributor_id_slug")),
    )
    op.create_table(
        "import_runs",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("file_path", sa.String(length=255), nullable=False),
        sa.Column("file_bytes", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "uploaded",
                "checking",
                "ready",
                "queued",
                "applying",
                "completed",
                "failed",
                "discarded",
                name="importstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("segments", postgresql.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column("service_manager_id", sa.Uuid(), nullable=True),
        sa.Column("rows_total", sa.Integer(), nullable=False),
        sa.Column("rows_done", sa.Integer(), nullable=False),
        sa.Column("applied_to", sa.Integer(), nullable=False),
        sa.Column("rows_created", sa.Integer(), nullable=False),
        sa.Column("rows_changed", sa.Integer(), nullable=False),
        sa.Column("rows_unchanged", sa.Integer(), nullable=False),
        sa.Column("rows_failed", sa.Integer(), nullable=False),
        sa.Column("summary", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("report_path", sa.String(length=255), nullable=True),
        sa.Column("message", sa.String(length=500), nullable=True),
        sa.Column("started_by_id", sa.Uuid(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_import_runs")),
    )
    op.create_table(
        "product_groups",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("slug", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("vendor", sa.String(length=200), nullable=True),
        sa.Column("category_id", sa.Uuid(), nullable=True),
        sa.Column("terms_document_id", sa.Uuid(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_product_groups")),
        sa.UniqueConstraint("distributor_id", "name", name=op.f("uq_product_groups_distributor_id_name")),
        sa.UniqueConstraint("distributor_id", "slug", name=op.f("uq_product_groups_distributor_id_slug")),
    )
    op.create_table(
        "product_images",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("content_type", sa.String(length=40), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_product_images")),
    )
    op.create_table(
        "product_types",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "subscription",
                "one_off",
                "pay_per_use",
                "reseller_plan",
                name="productkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("vendor", sa.String(length=200), nullable=True),
        sa.Column("inherits_from_id", sa.Uuid(), nullable=True),
        sa.Column("service_manager_id", sa.Uuid(), nullable=True),
        sa.Column("non_automatic", sa.Boolean(), nullable=False),
        sa.Column("characteristics", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_product_types")),
        sa.UniqueConstraint("distributor_id", "name", name=op.f("uq_product_types_distributor_id_name")),
    )
    op.create_table(
        "terms_documents",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body_html", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_terms_documents")),
        sa.UniqueConstraint(
            "distributor_id", "title", "version", name=op.f("uq_terms_documents_distributor_id_title_version")
        ),
    )
    op.create_table(
        "category_rules",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("field", sa.String(length=20), nullable=False),
        sa.Column("contains", sa.String(length=100), nullable=False),
        sa.Column("category_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "category_id"],
            ["categories.distributor_id", "categories.id"],
            name=op.f("fk_category_rules_distributor_id_category_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_category_rules")),
    )
    op.create_table(
        "import_issues",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("row_number", sa.Integer(), nullable=False),
        sa.Column("column", sa.String(length=60), nullable=True),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("message", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "run_id"],
            ["import_runs.distributor_id", "import_runs.id"],
            name=op.f("fk_import_issues_distributor_id_run_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_import_issues")),
    )
    op.create_table(
        "import_rows",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("row_number", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("code_key", sa.String(length=64), nullable=False),
        sa.Column("product_name", sa.String(length=255), nullable=False),
        sa.Column("product_slug", sa.String(length=200), nullable=False),
        sa.Column("description", sa.String(length=4000), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("group_name", sa.String(length=255), nullable=False),
        sa.Column("group_slug", sa.String(length=200), nullable=False),
        sa.Column("publisher", sa.String(length=200), nullable=False),
        sa.Column("unit_of_measure", sa.String(length=40), nullable=False),
        sa.Column("segment", sa.String(length=40), nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.String(length=60)), nullable=False),
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
        sa.Column("list_price", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("term_vendor_cost", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("term_list_price", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("is_withdrawn", sa.Boolean(), nullable=False),
        sa.Column(
            "product_outcome",
            sa.Enum(
                "created",
                "changed",
                "unchanged",
                name="importoutcome",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column(
            "price_outcome",
            sa.Enum(
                "created",
                "changed",
                "unchanged",
                name="importoutcome",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("old_vendor_cost", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("old_list_price", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.ForeignKeyConstraint(
            ["distributor_id", "run_id"],
            ["import_runs.distributor_id", "import_runs.id"],
            name=op.f("fk_import_rows_distributor_id_run_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_import_rows")),
        sa.UniqueConstraint(
            "distributor_id", "run_id", "row_number", name=op.f("uq_import_rows_distributor_id_run_id_row_number")
        ),
    )
    op.create_table(
        "products",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("code_key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("vendor_name", sa.String(length=255), nullable=True),
        sa.Column("slug", sa.String(length=255), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("short_description", sa.String(length=4000), nullable=False),
        sa.Column("vendor_description", sa.String(length=4000), nullable=True),
        sa.Column("product_type_id", sa.Uuid(), nullable=False),
        sa.Column("category_id", sa.Uuid(), nullable=True),
        sa.Column("group_id", sa.Uuid(), nullable=True),
        sa.Column("vendor", sa.String(length=200), nullable=False),
        sa.Column("unit_of_measure", sa.String(length=40), nullable=False),
        sa.Column("segment", sa.String(length=40), nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.String(length=60)), nullable=False),
        sa.Column("plan_edition", sa.String(length=20), nullable=True),
        sa.Column("is_add_on", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("is_published", sa.Boolean(), nullable=False),
        sa.Column("is_new", sa.Boolean(), nullable=False),
        sa.Column("is_featured", sa.Boolean(), nullable=False),
        sa.Column(
            "audience",
            sa.Enum(
                "everyone",
                "direct",
                "resellers",
                "nobody",
                name="audience",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("min_quantity", sa.Integer(), nullable=False),
        sa.Column("max_quantity", sa.Integer(), nullable=True),
        sa.Column("step_quantity", sa.Integer(), nullable=False),
        sa.Column("trial_days", sa.Integer(), nullable=True),
        sa.Column("terms_document_id", sa.Uuid(), nullable=True),
        sa.Column("image_id", sa.Uuid(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "min_quantity >= 1 AND (max_quantity IS NULL OR max_quantity >= min_quantity)",
            name=op.f("ck_products_quantities"),
        ),
        sa.CheckConstraint("step_quantity >= 1", name=op.f("ck_products_step_quantity_min_1")),
        sa.ForeignKeyConstraint(
            ["distributor_id", "category_id"],
            ["categories.distributor_id", "categories.id"],
            name=op.f("fk_products_distributor_id_category_id"),
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "group_id"],
            ["product_groups.distributor_id", "product_groups.id"],
            name=op.f("fk_products_distributor_id_group_id"),
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "product_type_id"],
            ["product_types.distributor_id", "product_types.id"],
            name=op.f("fk_products_distributor_id_product_type_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_products")),
        sa.UniqueConstraint("distributor_id", "slug", name=op.f("uq_products_distributor_id_slug")),
    )
    op.create_table(
        "product_prices",
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
        sa.Column("list_price", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("term_list_price", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("is_withdrawn", sa.Boolean(), nullable=False),
        sa.Column("is_manual", sa.Boolean(), nullable=False),
        sa.CheckConstraint("list_price >= 0", name=op.f("ck_product_prices_list_price_min_0")),
        sa.ForeignKeyConstraint(
            ["distributor_id", "product_id"],
            ["products.distributor_id", "products.id"],
            name=op.f("fk_product_prices_distributor_id_product_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_product_prices")),
        sa.UniqueConstraint("distributor_id", "product_id", "term", "cycle", "currency", name="uq_product_prices_key"),
    )
    op.create_table(
        "vendor_costs",
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
        sa.Column("term_vendor_cost", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.CheckConstraint("vendor_cost >= 0", name=op.f("ck_vendor_costs_vendor_cost_min_0")),
        sa.ForeignKeyConstraint(
            ["distributor_id", "product_id"],
            ["products.distributor_id", "products.id"],
            name=op.f("fk_vendor_costs_distributor_id_product_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_vendor_costs")),
        sa.UniqueConstraint("distributor_id", "product_id", "term", "cycle", "currency", name="uq_vendor_costs_key"),
    )
    op.create_index(
        op.f("ix_import_runs_distributor_id_created_at"), "import_runs", ["distributor_id", "created_at"], unique=False
    )
    op.create_index(
        op.f("ix_import_issues_distributor_id_run_id_row_number"),
        "import_issues",
        ["distributor_id", "run_id", "row_number"],
        unique=False,
    )
    op.create_index(
        op.f("ix_import_rows_distributor_id_run_id_code_key"),
        "import_rows",
        ["distributor_id", "run_id", "code_key"],
        unique=False,
    )
    op.create_index(
        op.f("ix_products_distributor_id_category_id"), "products", ["distributor_id", "category_id"], unique=False
    )
    op.create_index(
        op.f("ix_products_distributor_id_group_id"), "products", ["distributor_id", "group_id"], unique=False
    )
    op.create_index(
        op.f("ix_products_distributor_id_is_published_name"),
        "products",
        ["distributor_id", "is_published", "name"],
        unique=False,
    )
    op.create_index("uq_products_code", "products", ["distributor_id", "code_key"], unique=True)
    read_by_all_written_by_distributor("categories")
    keep_to_distributor("import_runs")
    read_by_all_written_by_distributor("product_groups")
    read_by_all_written_by_distributor("product_images")
    read_by_all_written_by_distributor("product_types")
    read_by_all_written_by_distributor("terms_documents")
    keep_to_distributor("category_rules")
    keep_to_distributor("import_issues")
    keep_to_distributor("import_rows")
    read_by_all_written_by_distributor("products")
    read_by_all_written_by_distributor("product_prices")
    keep_to_distributor("vendor_costs")


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_table("vendor_costs")
    op.drop_table("product_prices")
    op.drop_table("products")
    op.drop_table("import_rows")
    op.drop_table("import_issues")
    op.drop_table("category_rules")
    op.drop_table("terms_documents")
    op.drop_table("product_types")
    op.drop_table("product_images")
    op.drop_table("product_groups")
    op.drop_table("import_runs")
    op.drop_table("categories")
