"""Templates, documents and add-ons of offers, fields of subscriptions, mails of order statuses; older names and charges.

Why:   CB-17, CB-19, CB-23. What was ordered before 0031 claims its domain name now: of two subscriptions with one name
       the older one gets it, and the page of the other says so. What assets were charged for another price before they
       named their order item names it now, so that returns and edits count it.
Locks: adds tables and columns; reads subscriptions and assets once.
Undo:  drops what was added; claims and names of charges stay, for they are true.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import idna
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.columns import require_values
from migrations.records import follow_record
from migrations.rls import keep_to_distributor, share_with_distributor

revision = "0036_services"
down_revision = "0035_prices"

READ = ("subscriptions", "products", "product_types", "orders", "order_items", "assets", "audit_events")
WRITTEN = ("domain_claims", "charges")


def upgrade() -> None:
    """Add columns and tables, then tell what stands already."""
    op.add_column("asset_fields", sa.Column("subject", sa.String(length=40), nullable=False, server_default="asset"))
    require_values("asset_fields", "subject", "fieldsubject", ("asset", "subscription"))
    op.add_column("order_statuses", sa.Column("mails_customer", sa.Boolean(), nullable=False, server_default="false"))
    op.add_column("offer_statuses", sa.Column("description", sa.String(length=300), nullable=False, server_default=""))
    op.add_column("offer_statuses", sa.Column("is_default", sa.Boolean(), nullable=False, server_default="false"))
    op.add_column("offers", sa.Column("language", sa.String(length=10), nullable=False, server_default="en"))
    op.add_column(
        "offer_items",
        sa.Column("price_options", postgresql.ARRAY(sa.String(length=40)), nullable=False, server_default="{}"),
    )
    op.add_column("offer_items", sa.Column("parent_item_id", sa.Uuid(), nullable=True))
    op.add_column("offer_items", sa.Column("parent_subscription_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_offer_items_distributor_id_parent_item_id"),
        "offer_items",
        "offer_items",
        ["distributor_id", "parent_item_id"],
        ["distributor_id", "id"],
    )
    _create_tables()
    for table in (*READ, *WRITTEN):
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    claim_older_names(op.get_bind())
    name_items_of_asset_charges(op.get_bind())
    for table in (*READ, *WRITTEN):
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    """Drop what was added."""
    for table in ("subscription_field_values", "offer_documents", "offer_templates"):
        op.drop_table(table)
    op.drop_constraint(op.f("fk_offer_items_distributor_id_parent_item_id"), "offer_items", type_="foreignkey")
    for table, columns in (
        ("offer_items", ("parent_subscription_id", "parent_item_id", "price_options")),
        ("offers", ("language",)),
        ("offer_statuses", ("is_default", "description")),
        ("order_statuses", ("mails_customer",)),
    ):
        for column in columns:
            op.drop_column(table, column)
    op.execute("DELETE FROM asset_fields WHERE subject <> 'asset'")
    op.drop_column("asset_fields", "subject")


def _create_tables() -> None:
    op.create_table(
        "offer_templates",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("introduction", sa.Text(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("logo", sa.LargeBinary(), nullable=True),
        sa.Column("shows_tax", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_offer_templates")),
        sa.UniqueConstraint("distributor_id", "language", name=op.f("uq_offer_templates_distributor_id_language")),
    )
    op.create_table(
        "offer_documents",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("is_paper", sa.Boolean(), nullable=False),
        sa.Column("added_by_name", sa.String(length=201), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "offer_id"],
            ["offers.distributor_id", "offers.id"],
            name=op.f("fk_offer_documents_distributor_id_offer_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_offer_documents")),
    )
    op.create_index(
        op.f("ix_offer_documents_distributor_id_offer_id_created_at"),
        "offer_documents",
        ["distributor_id", "offer_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "subscription_field_values",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("answers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id", "subscription_id"],
            ["subscriptions.distributor_id", "subscriptions.id"],
            name=op.f("fk_subscription_field_values_distributor_id_subscription_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_subscription_field_values")),
        sa.UniqueConstraint(
            "distributor_id",
            "subscription_id",
            name=op.f("uq_subscription_field_values_distributor_id_subscription_id"),
        ),
    )
    op.create_index(
        op.f("ix_subscription_field_values_distributor_id_account_id"),
        "subscription_field_values",
        ["distributor_id", "account_id"],
        unique=False,
    )
    keep_to_distributor("offer_templates")
    keep_to_distributor("offer_documents")
    share_with_distributor("subscription_field_values")
    follow_record("offer_documents", "offers", column="offer_id")
    follow_record("subscription_field_values", "subscriptions", column="subscription_id")


def claim_older_names(connection: sa.Connection) -> None:
    """Let live subscriptions, the oldest first, and then open order items take the names they were ordered with.

    A name that an order, or a younger subscription, has taken since goes to the older subscription.
    """
    for row in _named(connection):
        name = _in_ascii(row.name)
        if name is None:
            continue
        connection.execute(
            sa.text(
                """INSERT INTO domain_claims (distributor_id, id, name, order_item_id, subscription_id, created_at)
                SELECT :here, gen_random_uuid(), :name, :item, :subscription, now()
                WHERE NOT EXISTS (SELECT FROM domain_claims c WHERE c.distributor_id = :here
                    AND (c.order_item_id = :item OR c.subscription_id = :subscription))
                ON CONFLICT (distributor_id, name) DO UPDATE
                SET order_item_id = EXCLUDED.order_item_id, subscription_id = EXCLUDED.subscription_id
                WHERE :is_running AND NOT EXISTS (SELECT FROM subscriptions s
                    WHERE s.distributor_id = domain_claims.distributor_id
                    AND s.status NOT IN ('canceled', 'expired') AND s.created_at <= :since
                    AND (s.id = domain_claims.subscription_id OR s.order_item_id = domain_claims.order_item_id))"""
            ).bindparams(
                sa.bindparam("item", type_=sa.Uuid()),
                sa.bindparam("subscription", type_=sa.Uuid()),
                sa.bindparam("since", type_=sa.DateTime(timezone=True)),
            ),
            {
                "here": row.distributor_id,
                "name": name,
                "item": row.item_id,
                "subscription": row.subscription_id,
                "is_running": row.since is not None,
                "since": row.since,
            },
        )


def _named(connection: sa.Connection) -> Iterator[sa.Row[tuple[UUID, str, UUID | None, UUID | None, datetime | None]]]:
    kind = """JOIN products p ON p.distributor_id = x.distributor_id AND p.id = x.product_id
        JOIN product_types t ON t.distributor_id = p.distributor_id AND t.id = p.product_type_id AND t.kind = 'domain'"""
    yield from connection.execute(
        sa.text(
            f"""SELECT x.distributor_id, x.characteristics ->> 'domain' AS name, x.order_item_id AS item_id,
                CASE WHEN x.order_item_id IS NULL THEN x.id END AS subscription_id, x.created_at AS since
            FROM subscriptions x {kind}
            WHERE x.status NOT IN ('canceled', 'expired') AND x.characteristics ->> 'domain' <> ''
            ORDER BY x.created_at, x.code"""
        )
    ).all()
    yield from connection.execute(
        sa.text(
            f"""SELECT x.distributor_id, x.characteristics ->> 'domain' AS name, x.id AS item_id,
                CAST(NULL AS uuid) AS subscription_id, CAST(NULL AS timestamptz) AS since
            FROM order_items x {kind}
            JOIN orders o ON o.distributor_id = x.distributor_id AND o.id = x.order_id
            WHERE x.subscription_id IS NULL AND x.delivery_status <> 'canceled'
                AND o.status NOT IN ('draft', 'canceled', 'executed') AND x.characteristics ->> 'domain' <> ''
            ORDER BY o.placed_at, x.position"""
        )
    ).all()


def _in_ascii(written: str) -> str | None:
    """Return a name as claims hold it; None for what is none."""
    try:
        return idna.encode(written.strip().rstrip("."), uts46=True).decode()[:253]
    except UnicodeError:
        return None


def name_items_of_asset_charges(connection: sa.Connection) -> None:
    """Charges of asset prices and returns were written in the same instant as the event that names the asset."""
    connection.execute(
        sa.text(
            """UPDATE charges c SET order_item_id = a.order_item_id
            FROM audit_events e JOIN assets a ON a.distributor_id = e.distributor_id AND a.id = e.target_id
            WHERE c.order_item_id IS NULL AND c.subscription_id IS NULL
                AND (c.source_key LIKE 'asset-price:%' OR c.source_key LIKE 'asset-return:%')
                AND e.distributor_id = c.distributor_id AND e.target_kind = 'asset'
                AND e.action IN ('asset.price_edited', 'asset.returned') AND e.at = c.created_at
                AND a.payer_id = c.account_id AND starts_with(c.description, left(a.name, 280))"""
        )
    )
