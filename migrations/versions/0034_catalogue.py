"""Terms and billing cycles of 2 months to 5 years, base units, visible dates, enquiries, trials in months, shelves.

Why:   CB-02, CB-03, CB-12, SF-07, SF-18; docs/adr/0034-units.md.
Locks: adds tables and columns without rewriting any; each CHECK reads its table once under a lock, product_prices,
       order_items and subscriptions the longest.
Undo:  drops them; refuses while something stands in a unit that was not there before.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.columns import require_values
from migrations.records import follow_account
from migrations.rls import keep_to_reseller, share_with_distributor

revision = "0034_catalogue"
down_revision = "0033_trail"

FORMER_TERMS = ("P1M", "P1Y", "P3Y", "none")
TERMS = ("P1M", "P2M", "P3M", "P4M", "P6M", "P1Y", "P2Y", "P3Y", "P4Y", "P5Y", "none")
FORMER_CYCLES = ("monthly", "annual", "triennial", "one_time")
CYCLES = (
    "monthly", "every_2_months", "quarterly", "every_4_months", "half_yearly", "annual", "biennial", "triennial",
    "every_4_years", "every_5_years", "one_time",
)  # fmt: skip
WITH_TERM = (
    "adoptions", "basket_items", "import_rows", "markup_rules", "offer_items", "order_items", "price_list_entries",
    "price_list_group_lines", "product_prices", "service_checks", "special_prices", "subscriptions", "trials",
    "vendor_costs", "vendor_price_changes",
)  # fmt: skip
WITH_CYCLE = (*WITH_TERM, "price_edits")
SALES = ("open", "more_licences", "enquiry")


def _use_units(terms: tuple[str, ...], cycles: tuple[str, ...]) -> None:
    for table in WITH_TERM:
        require_values(table, "term", "term", terms)
    for table in WITH_CYCLE:
        require_values(table, "cycle", "billingcycle", cycles)


def upgrade() -> None:
    """Let units be what they are now, then add columns and tables."""
    _use_units(TERMS, CYCLES)
    op.add_column("products", sa.Column("is_popular", sa.Boolean(), nullable=False, server_default="false"))
    op.add_column("products", sa.Column("published_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("products", sa.Column("visible_from", sa.Date(), nullable=True))
    op.add_column("products", sa.Column("visible_to", sa.Date(), nullable=True))
    op.add_column("products", sa.Column("sale", sa.String(length=40), nullable=False, server_default="open"))
    op.add_column("products", sa.Column("takes_enquiries", sa.Boolean(), nullable=False, server_default="false"))
    op.add_column("products", sa.Column("base_term", sa.String(length=40), nullable=True))
    op.add_column("products", sa.Column("base_cycle", sa.String(length=40), nullable=True))
    op.add_column("products", sa.Column("trial_months", sa.Integer(), nullable=True))
    op.add_column("products", sa.Column("tax_code", sa.String(length=40), nullable=True))
    require_values("products", "sale", "salemode", SALES)
    require_values("products", "base_term", "term", TERMS)
    require_values("products", "base_cycle", "billingcycle", CYCLES)
    op.create_check_constraint(
        op.f("ck_products_date_order"),
        "products",
        "visible_to IS NULL OR visible_from IS NULL OR visible_to >= visible_from",
    )
    op.create_check_constraint(op.f("ck_products_base_unit"), "products", "(base_term IS NULL) = (base_cycle IS NULL)")
    op.create_check_constraint(
        op.f("ck_products_trial_length"), "products", "trial_days IS NULL OR trial_months IS NULL"
    )
    op.add_column("trials", sa.Column("months", sa.Integer(), nullable=False, server_default="0"))
    op.create_check_constraint(op.f("ck_trials_length"), "trials", "(days = 0) <> (months = 0)")
    op.add_column("invoice_lines", sa.Column("tax_code", sa.String(length=40), nullable=True))
    _create_popular_products()
    _create_enquiries()


def _create_popular_products() -> None:
    op.create_table(
        "popular_products",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "product_id"],
            ["products.distributor_id", "products.id"],
            name=op.f("fk_popular_products_distributor_id_product_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_popular_products")),
        sa.UniqueConstraint(
            "distributor_id",
            "reseller_id",
            "product_id",
            name=op.f("uq_popular_products_distributor_id_reseller_id_product_id"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    keep_to_reseller("popular_products")


def _create_enquiries() -> None:
    op.create_table(
        "enquiries",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("storefront_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("asked_on", sa.Date(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("product_name", sa.String(length=255), nullable=False),
        sa.Column("company_name", sa.String(length=200), nullable=False),
        sa.Column("person_name", sa.String(length=201), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("phone", sa.String(length=40), nullable=False),
        sa.Column("message", sa.String(length=2000), nullable=False),
        sa.Column(
            "status",
            sa.Enum("open", "answered", name="enquirystatus", native_enum=False, create_constraint=False, length=40),
            nullable=False,
        ),
        sa.Column("mailed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by_name", sa.String(length=201), nullable=True),
        sa.Column("note", sa.String(length=2000), nullable=True),
        sa.ForeignKeyConstraint(
            ["distributor_id", "account_id"],
            ["accounts.distributor_id", "accounts.id"],
            name=op.f("fk_enquiries_distributor_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["distributor_id", "product_id"],
            ["products.distributor_id", "products.id"],
            name=op.f("fk_enquiries_distributor_id_product_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_enquiries")),
        sa.UniqueConstraint(
            "distributor_id",
            "user_id",
            "product_id",
            "asked_on",
            name=op.f("uq_enquiries_distributor_id_user_id_product_id_asked_on"),
        ),
    )
    require_values("enquiries", "status", "enquirystatus", ("open", "answered"))
    op.create_index(
        op.f("ix_enquiries_distributor_id_reseller_id_status_asked_at"),
        "enquiries",
        ["distributor_id", "reseller_id", "status", "asked_at"],
        unique=False,
    )
    share_with_distributor("enquiries")
    follow_account("enquiries")


def downgrade() -> None:
    """Take tables and columns away, and let units be what they were."""
    op.drop_table("enquiries")
    op.drop_table("popular_products")
    op.drop_column("invoice_lines", "tax_code")
    op.drop_constraint(op.f("ck_trials_length"), "trials", type_="check")
    op.drop_column("trials", "months")
    for name in (
        "tax_code", "trial_months", "base_cycle", "base_term", "takes_enquiries", "sale", "visible_to", "visible_from",
        "published_at", "is_popular",
    ):  # fmt: skip
        op.drop_column("products", name)
    _use_units(FORMER_TERMS, FORMER_CYCLES)
