"""Add listings and storefront pictures.

Why:   first version, docs/adr/0001-one-database-row-security.md.
Locks: creates tables only; safe while the previous release is still serving.
Undo:  drops these tables and every row in them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.rls import keep_to_reseller, share_with_distributor

revision = "0008_resellers"
down_revision = "0007_billing"


def upgrade() -> None:
    """Create the tables, then their row security and grants."""
    op.create_table(
        "listing_runs",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column(
            "action",
            sa.Enum(
                "list",
                "set_markup",
                "add_points",
                "unlist",
                "trials_on",
                "trials_off",
                name="listingaction",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "running",
                "completed",
                "failed",
                name="listingrunstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("rows_total", sa.Integer(), nullable=False),
        sa.Column("rows_done", sa.Integer(), nullable=False),
        sa.Column("rows_skipped", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_by_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("rows_total BETWEEN 0 AND 5000", name=op.f("ck_listing_runs_rows_max_5000")),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_listing_runs")),
    )
    op.create_table(
        "storefront_images",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("content_type", sa.String(length=40), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_storefront_images")),
    )
    op.create_table(
        "listing_run_rows",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("percent", sa.Numeric(precision=6, scale=2), nullable=True),
        sa.Column("result", sa.String(length=10), nullable=True),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(
            ["distributor_id", "run_id"],
            ["listing_runs.distributor_id", "listing_runs.id"],
            name=op.f("fk_listing_run_rows_distributor_id_run_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_listing_run_rows")),
        sa.UniqueConstraint(
            "distributor_id", "run_id", "position", name=op.f("uq_listing_run_rows_distributor_id_run_id_position")
        ),
    )
    op.create_table(
        "listings",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("trial_enabled", sa.Boolean(), nullable=False),
        sa.Column("is_featured", sa.Boolean(), nullable=False),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "product_id"],
            ["products.distributor_id", "products.id"],
            name=op.f("fk_listings_distributor_id_product_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_listings")),
    )
    op.create_index(
        op.f("ix_listing_runs_distributor_id_reseller_id_created_at"),
        "listing_runs",
        ["distributor_id", "reseller_id", "created_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_listing_runs_distributor_id_state_lease_until"),
        "listing_runs",
        ["distributor_id", "state", "lease_until"],
        unique=False,
    )
    op.create_index("uq_listings_product", "listings", ["distributor_id", "reseller_id", "product_id"], unique=True)
    share_with_distributor("listing_runs")
    keep_to_reseller("storefront_images")
    keep_to_reseller("listing_run_rows")
    keep_to_reseller("listings")


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_table("listings")
    op.drop_table("listing_run_rows")
    op.drop_table("storefront_images")
    op.drop_table("listing_runs")
