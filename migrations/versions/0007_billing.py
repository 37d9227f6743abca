"""Add charges, invoices and their counters.

Why:   first version, docs/adr/0001-one-database-row-security.md.
Locks: creates tables only; safe while the previous release is still serving.
Undo:  drops these tables and every row in them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.rls import keep_to_distributor, share_with_distributor

revision = "0007_billing"
down_revision = "0006_subscriptions"


def upgrade() -> None:
    """Create the tables, then their row security and grants."""
    op.create_table(
        "charges",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("source_key", sa.String(length=120), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "estimated",
                "pending",
                "invoiced",
                name="chargestate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("subscription_id", sa.Uuid(), nullable=True),
        sa.Column("order_item_id", sa.Uuid(), nullable=True),
        sa.Column("end_customer_id", sa.Uuid(), nullable=True),
        sa.Column("description", sa.String(length=300), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_cost", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("net_amount", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("period_from", sa.Date(), nullable=True),
        sa.Column("period_to", sa.Date(), nullable=True),
        sa.Column("invoice_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_charges")),
        sa.UniqueConstraint("distributor_id", "source_key", name=op.f("uq_charges_distributor_id_source_key")),
    )
    op.create_table(
        "invoice_counters",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("series", sa.String(length=20), nullable=False),
        sa.Column("next_value", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_invoice_counters")),
        sa.UniqueConstraint("distributor_id", "series", name=op.f("uq_invoice_counters_distributor_id_series")),
    )
    op.create_table(
        "invoices",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("number", sa.String(length=30), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("order_number", sa.String(length=20), nullable=True),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "unpaid",
                "partly_paid",
                "paid",
                "credited",
                name="invoicestatus",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("net_total", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("tax_total", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("total", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("paid_total", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("seller_name", sa.String(length=200), nullable=False),
        sa.Column("buyer_name", sa.String(length=200), nullable=False),
        sa.Column("buyer_address", sa.String(length=600), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "account_id"],
            ["accounts.distributor_id", "accounts.id"],
            name=op.f("fk_invoices_distributor_id_account_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_invoices")),
        sa.UniqueConstraint("distributor_id", "number", name=op.f("uq_invoices_distributor_id_number")),
        sa.UniqueConstraint("distributor_id", "order_id", name=op.f("uq_invoices_distributor_id_order_id")),
    )
    op.create_table(
        "invoice_lines",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("description", sa.String(length=300), nullable=False),
        sa.Column("end_customer_name", sa.String(length=200), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("net_amount", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("period_from", sa.Date(), nullable=True),
        sa.Column("period_to", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["distributor_id", "invoice_id"],
            ["invoices.distributor_id", "invoices.id"],
            name=op.f("fk_invoice_lines_distributor_id_invoice_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_invoice_lines")),
    )
    op.create_index(
        op.f("ix_charges_distributor_id_account_id_state"),
        "charges",
        ["distributor_id", "account_id", "state"],
        unique=False,
    )
    op.create_index(
        op.f("ix_invoices_distributor_id_account_id_issued_on"),
        "invoices",
        ["distributor_id", "account_id", "issued_on"],
        unique=False,
    )
    op.create_index(
        op.f("ix_invoice_lines_distributor_id_invoice_id_position"),
        "invoice_lines",
        ["distributor_id", "invoice_id", "position"],
        unique=False,
    )
    share_with_distributor("charges")
    keep_to_distributor("invoice_counters")
    share_with_distributor("invoices")
    share_with_distributor("invoice_lines")


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_table("invoice_lines")
    op.drop_table("invoices")
    op.drop_table("invoice_counters")
    op.drop_table("charges")
