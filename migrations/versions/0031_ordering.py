"""Add-ons in baskets, what services ask of accounts, domain names and their pre-checks, standing lines of price lists.

Why:   SF-21 and SF-45 (add-ons ticked with their product), CB-22 (account first, pre-check), CB-01 (domain kind), CB-05
       (lines of price groups).
Locks: adds tables and columns; safe while the previous release is still serving.
Undo:  drops them; what standing lines made stays in its lists.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.rls import (
    keep_to_distributor,
    read_by_all_written_by_distributor,
    share_with_distributor,
    take_in,
)

revision = "0031_ordering"
down_revision = "0030_vendor_ends"


def upgrade() -> None:
    """Add tables and columns, then row security and grants."""
    op.create_table(
        "domain_claims",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=253), nullable=False),
        sa.Column("order_item_id", sa.Uuid(), nullable=True),
        sa.Column("subscription_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_domain_claims")),
        sa.UniqueConstraint("distributor_id", "name", name=op.f("uq_domain_claims_distributor_id_name")),
    )
    op.create_index(
        op.f("ix_domain_claims_distributor_id_order_item_id"),
        "domain_claims",
        ["distributor_id", "order_item_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_domain_claims_distributor_id_subscription_id"),
        "domain_claims",
        ["distributor_id", "subscription_id"],
        unique=False,
    )
    op.create_table(
        "service_accounts",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("service_manager_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_service_accounts")),
        sa.UniqueConstraint(
            "distributor_id",
            "service_manager_id",
            "account_id",
            name=op.f("uq_service_accounts_distributor_id_service_manager_id_account_id"),
        ),
    )
    op.create_table(
        "service_checks",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("receiver_id", sa.Uuid(), nullable=False),
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
        sa.Column("characteristics", postgresql.JSONB(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "asked",
                "passed",
                "refused",
                "unanswered",
                name="checkstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_service_checks")),
        sa.UniqueConstraint("distributor_id", "item_id", name=op.f("uq_service_checks_distributor_id_item_id")),
    )
    op.create_table(
        "price_list_group_lines",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("price_list_id", sa.Uuid(), nullable=False),
        sa.Column("price_group_id", sa.Uuid(), nullable=False),
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
            nullable=False,
        ),
        sa.Column("value", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(term IS NULL) = (cycle IS NULL)", name=op.f("ck_price_list_group_lines_term_with_cycle")),
        sa.ForeignKeyConstraint(
            ["distributor_id", "price_group_id"],
            ["price_groups.distributor_id", "price_groups.id"],
            name=op.f("fk_price_list_group_lines_distributor_id_price_group_id"),
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "price_list_id"],
            ["price_lists.distributor_id", "price_lists.id"],
            name=op.f("fk_price_list_group_lines_distributor_id_price_list_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_price_list_group_lines")),
        sa.UniqueConstraint(
            "distributor_id",
            "price_list_id",
            "price_group_id",
            "term",
            "cycle",
            name="uq_price_list_group_lines_key",
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_table(
        "service_questions",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("service_manager_id", sa.Uuid(), nullable=False),
        sa.Column("options", postgresql.JSONB(), nullable=False),
        sa.Column("accepts_existing", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "service_manager_id"],
            ["service_managers.distributor_id", "service_managers.id"],
            name=op.f("fk_service_questions_distributor_id_service_manager_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_service_questions")),
        sa.UniqueConstraint(
            "distributor_id", "service_manager_id", name=op.f("uq_service_questions_distributor_id_service_manager_id")
        ),
    )
    op.add_column("basket_items", sa.Column("parent_item_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_basket_items_distributor_id_parent_item_id"),
        "basket_items",
        "basket_items",
        ["distributor_id", "parent_item_id"],
        ["distributor_id", "id"],
        ondelete="CASCADE",
    )
    op.add_column(
        "baskets", sa.Column("service_answers", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False)
    )
    op.add_column(
        "orders", sa.Column("service_answers", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False)
    )
    op.add_column("price_list_entries", sa.Column("group_line_id", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_price_list_entries_group_line",
        "price_list_entries",
        ["distributor_id", "group_line_id"],
        unique=False,
        postgresql_where=sa.text("group_line_id IS NOT NULL"),
    )
    op.create_foreign_key(
        op.f("fk_price_list_entries_distributor_id_group_line_id"),
        "price_list_entries",
        "price_list_group_lines",
        ["distributor_id", "group_line_id"],
        ["distributor_id", "id"],
        ondelete="CASCADE",
    )
    op.add_column(
        "service_managers",
        sa.Column("accepts_existing_accounts", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.add_column("vendor_account_links", sa.Column("existing_reference", sa.String(length=200), nullable=True))
    take_in("domain_claims")
    share_with_distributor("service_checks")
    share_with_distributor("service_accounts")
    read_by_all_written_by_distributor("service_questions")
    keep_to_distributor("price_list_group_lines")
    _tell_buyers()


def _tell_buyers() -> None:
    """Copy what service managers ask of accounts, and which accounts they know, to where storefronts can read it."""
    read = ("service_managers", "vendor_account_links", "accounts", "service_questions", "service_accounts")
    for table in read:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(
        """INSERT INTO service_questions (distributor_id, id, service_manager_id, options, accepts_existing)
        SELECT distributor_id, gen_random_uuid(), id, account_options, false FROM service_managers
        WHERE is_active AND synchronises_accounts AND jsonb_array_length(account_options) > 0"""
    )
    op.execute(
        """INSERT INTO service_accounts (distributor_id, id, reseller_id, account_id, service_manager_id)
        SELECT l.distributor_id, gen_random_uuid(), a.reseller_id, a.id, l.service_manager_id
        FROM vendor_account_links l JOIN accounts a ON a.distributor_id = l.distributor_id AND a.id = l.account_id
        WHERE l.sync_status = 'synchronised' OR l.options <> '{}'"""
    )
    for table in read:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    """Drop what was added."""
    op.drop_column("vendor_account_links", "existing_reference")
    op.drop_column("service_managers", "accepts_existing_accounts")
    op.drop_constraint(
        op.f("fk_price_list_entries_distributor_id_group_line_id"), "price_list_entries", type_="foreignkey"
    )
    op.drop_index(
        "ix_price_list_entries_group_line",
        table_name="price_list_entries",
        postgresql_where=sa.text("group_line_id IS NOT NULL"),
    )
    op.drop_column("price_list_entries", "group_line_id")
    op.drop_column("orders", "service_answers")
    op.drop_column("baskets", "service_answers")
    op.drop_constraint(op.f("fk_basket_items_distributor_id_parent_item_id"), "basket_items", type_="foreignkey")
    op.drop_column("basket_items", "parent_item_id")
    op.drop_table("service_questions")
    op.drop_table("price_list_group_lines")
    op.drop_table("service_checks")
    op.drop_table("service_accounts")
    op.drop_index(op.f("ix_domain_claims_distributor_id_subscription_id"), table_name="domain_claims")
    op.drop_index(op.f("ix_domain_claims_distributor_id_order_item_id"), table_name="domain_claims")
    op.drop_table("domain_claims")
