"""Give lines of price lists tiers of their own, let people upload lines, tell of lists that end, and watch spending.

Why:   CB-05 (tiers of a line, owner, import, notices of lists that end), CB-06 (notice of protection that has ended)
       and CB-13 (budgets). docs/adr/0035-list-lines.md.
Locks: adds tables and columns that may be empty; their CHECKs scan price_list_entries and price_list_group_lines.
       Safe while the previous release is still serving.
Undo:  drops the tables and columns; a line with tiers of its own goes on at its price for one unit.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.columns import require_values
from migrations.records import follow_record
from migrations.rls import keep_to_distributor

revision = "0035_prices"
down_revision = "0034_catalogue"

SCHEMES = ("per_unit", "volume", "tiered")
LINES = ("price_list_entries", "price_list_group_lines")
TIERS_OF_SCHEME = "(price_tiers IS NOT NULL) = (price_scheme IS NOT NULL AND price_scheme <> 'per_unit')"


def upgrade() -> None:
    """Add what is new."""
    for table in LINES:
        op.add_column(table, sa.Column("price_scheme", sa.String(length=40), nullable=True))
        op.add_column(table, sa.Column("price_tiers", postgresql.JSONB(none_as_null=True), nullable=True))
        require_values(table, "price_scheme", "pricescheme", SCHEMES)
        op.create_check_constraint(op.f(f"ck_{table}_tiers_of_scheme"), table, TIERS_OF_SCHEME)
    op.add_column("price_lists", sa.Column("owner_id", sa.Uuid(), nullable=True))
    op.add_column("price_lists", sa.Column("ending_told_for", sa.Date(), nullable=True))
    op.add_column("price_lists", sa.Column("ended_told_for", sa.Date(), nullable=True))
    op.add_column("subscription_costs", sa.Column("protection_ended_for", sa.Date(), nullable=True))
    op.create_table(
        "price_list_files",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("price_list_id", sa.Uuid(), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "ready",
                "completed",
                "discarded",
                name="listfilestate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("rows_total", sa.Integer(), nullable=False),
        sa.Column("started_by_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["distributor_id", "price_list_id"],
            ["price_lists.distributor_id", "price_lists.id"],
            name=op.f("fk_price_list_files_distributor_id_price_list_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_price_list_files")),
    )
    op.create_index(
        op.f("ix_price_list_files_distributor_id_price_list_id_created_at"),
        "price_list_files",
        ["distributor_id", "price_list_id", "created_at"],
        unique=False,
    )

    op.create_table(
        "price_list_file_rows",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("row_number", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("unit", sa.String(length=60), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(
                "created",
                "changed",
                "unchanged",
                "error",
                name="lineoutcome",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("message", sa.String(length=300), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=True),
        sa.Column(
            "term",
            sa.Enum(
                "P1M",
                "P2M",
                "P3M",
                "P4M",
                "P6M",
                "P1Y",
                "P2Y",
                "P3Y",
                "P4Y",
                "P5Y",
                "none",
                name="term",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column(
            "cycle",
            sa.Enum(
                "monthly",
                "every_2_months",
                "quarterly",
                "every_4_months",
                "half_yearly",
                "annual",
                "biennial",
                "triennial",
                "every_4_years",
                "every_5_years",
                "one_time",
                name="billingcycle",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column(
            "rule",
            sa.Enum(
                "fixed",
                "discount",
                "markup",
                "same",
                name="pricerule",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("value", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column(
            "price_scheme",
            sa.Enum(
                "per_unit", "volume", "tiered", name="pricescheme", native_enum=False, create_constraint=True, length=40
            ),
            nullable=True,
        ),
        sa.Column("price_tiers", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("price_before", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("price_after", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.ForeignKeyConstraint(
            ["distributor_id", "file_id"],
            ["price_list_files.distributor_id", "price_list_files.id"],
            name=op.f("fk_price_list_file_rows_distributor_id_file_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_price_list_file_rows")),
        sa.UniqueConstraint(
            "distributor_id",
            "file_id",
            "row_number",
            name=op.f("uq_price_list_file_rows_distributor_id_file_id_row_number"),
        ),
    )

    op.create_table(
        "usage_budgets",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("told_for", sa.Date(), nullable=True),
        sa.Column("told_percent", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_usage_budgets_amount_above_0")),
        sa.CheckConstraint("told_percent IN (0, 80, 100)", name=op.f("ck_usage_budgets_told_percent_known")),
        sa.ForeignKeyConstraint(
            ["distributor_id", "subscription_id"],
            ["subscriptions.distributor_id", "subscriptions.id"],
            name=op.f("fk_usage_budgets_distributor_id_subscription_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_usage_budgets")),
        sa.UniqueConstraint(
            "distributor_id", "subscription_id", name=op.f("uq_usage_budgets_distributor_id_subscription_id")
        ),
    )

    for table in ("price_list_files", "price_list_file_rows", "usage_budgets"):
        keep_to_distributor(table)
    follow_record("usage_budgets", "subscriptions", column="subscription_id")


def downgrade() -> None:
    """Take it back."""
    op.drop_table("usage_budgets")
    op.drop_table("price_list_file_rows")
    op.drop_table("price_list_files")
    op.drop_column("subscription_costs", "protection_ended_for")
    for column in ("ended_told_for", "ending_told_for", "owner_id"):
        op.drop_column("price_lists", column)
    for table in LINES:
        op.drop_constraint(op.f(f"ck_{table}_tiers_of_scheme"), table)
        op.drop_column(table, "price_tiers")
        op.drop_column(table, "price_scheme")
