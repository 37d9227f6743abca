"""Links of orders, attachments of mails, versions of orders and offers, chosen columns of lists.

Why:   CB-00, CB-17, CB-18, CB-23; docs/adr/0038-what-is-shared.md.
Locks: adds tables, and columns with defaults, which rewrites nothing.
Undo:  drops what was added; links of orders end.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.records import follow_record
from migrations.rls import keep_to_distributor, take_in

revision = "0038_sales"
down_revision = "0037_billing"

VERSIONED = ("orders", "order_items", "offers", "offer_items")


def upgrade() -> None:
    """Add columns and tables."""
    for table in VERSIONED:
        op.add_column(table, sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    _create_order_shares()
    _create_attachments()
    op.create_table(
        "chosen_columns",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("list_name", sa.String(length=40), nullable=False),
        sa.Column("columns", postgresql.ARRAY(sa.String(length=40)), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "user_id"],
            ["users.distributor_id", "users.id"],
            name=op.f("fk_chosen_columns_distributor_id_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_chosen_columns")),
        sa.UniqueConstraint(
            "distributor_id", "user_id", "list_name", name=op.f("uq_chosen_columns_distributor_id_user_id_list_name")
        ),
    )
    keep_to_distributor("chosen_columns")


def downgrade() -> None:
    """Drop what was added."""
    op.drop_table("chosen_columns")
    for column in ("attachment_size", "attachment_name"):
        op.drop_column("mail_log", column)
    op.drop_column("outbound_mails", "attachment_id")
    op.drop_table("mail_attachments")
    op.drop_table("order_shares")
    for table in VERSIONED:
        op.drop_column(table, "version")


def _create_order_shares() -> None:
    op.create_table(
        "order_shares",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.Column("to_email", sa.String(length=254), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token", sa.String(length=400), nullable=True),
        sa.Column("token_digest", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["distributor_id", "order_id"],
            ["orders.distributor_id", "orders.id"],
            name=op.f("fk_order_shares_distributor_id_order_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_order_shares")),
        sa.UniqueConstraint("distributor_id", "order_id", name=op.f("uq_order_shares_distributor_id_order_id")),
    )
    op.create_index("uq_order_shares_token", "order_shares", ["distributor_id", "token_digest"], unique=True)
    keep_to_distributor("order_shares")
    follow_record("order_shares", "orders", column="order_id")


def _create_attachments() -> None:
    op.create_table(
        "mail_attachments",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("content_type", sa.String(length=80), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_mail_attachments")),
    )
    take_in("mail_attachments")
    op.add_column("outbound_mails", sa.Column("attachment_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_outbound_mails_distributor_id_attachment_id"),
        "outbound_mails",
        "mail_attachments",
        ["distributor_id", "attachment_id"],
        ["distributor_id", "id"],
    )
    op.add_column("mail_log", sa.Column("attachment_name", sa.String(length=200), nullable=True))
    op.add_column("mail_log", sa.Column("attachment_size", sa.Integer(), nullable=True))
