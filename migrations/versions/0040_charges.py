"""Whether each charge is taxed, and what product it is of.

Why:   CB-29, CB-38: tax comes back as it was charged, whatever the product has become since; and available credit
       read three tables to know what is taxed. Of older charges the product says it as it is now, except where an
       invoice says otherwise; credits of what stands on an invoice say the same as it.
Locks: rewrites charges, and checks that every row is told.
Undo:  drops what was added; the products say it again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0040_charges"
down_revision = "0039_catalogue"

# Their policies bind the migrating role, too, unless told otherwise.
NEEDED = (
    "charges", "subscriptions", "order_items", "products", "usage_charges", "invoices", "distributor_settings",
)  # fmt: skip


def upgrade() -> None:
    """Add the columns and tell what stands already."""
    op.add_column("charges", sa.Column("product_id", sa.Uuid(), nullable=True))
    op.add_column("charges", sa.Column("is_taxed", sa.Boolean(), nullable=True))
    for table in NEEDED:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    tell_older_charges(op.get_bind())
    for table in NEEDED:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.alter_column("charges", "is_taxed", nullable=False)
    op.create_index(
        "ix_charges_product_not_invoiced",
        "charges",
        ["distributor_id", "product_id"],
        postgresql_where=sa.text("state <> 'invoiced'"),
    )


def downgrade() -> None:
    """Drop what was added."""
    op.drop_index("ix_charges_product_not_invoiced", table_name="charges")
    op.drop_column("charges", "is_taxed")
    op.drop_column("charges", "product_id")


def tell_older_charges(connection: sa.Connection) -> None:
    """Say of each charge what it is of and whether it is taxed: as its product, as its invoice, as what it takes back."""
    for statement in (OF_PRODUCT, AS_INVOICED, AS_TAKEN_BACK):
        connection.execute(sa.text(statement))


# Usage is of the add-on that prices its resource, else of what was subscribed to or ordered.
OF_PRODUCT = """
    UPDATE charges c SET product_id = p.id, is_taxed = coalesce(p.is_taxable, true)
    FROM charges o
    LEFT JOIN subscriptions s ON s.distributor_id = o.distributor_id AND s.id = o.subscription_id
    LEFT JOIN order_items i ON i.distributor_id = o.distributor_id AND i.id = o.order_item_id
    LEFT JOIN usage_charges u ON u.distributor_id = o.distributor_id AND o.source_key LIKE 'usage:%'
        AND u.id::text = split_part(o.source_key, ':', 3)
    LEFT JOIN products p ON p.distributor_id = o.distributor_id
        AND p.id = coalesce(u.add_on_id, s.product_id, i.product_id)
    WHERE c.distributor_id = o.distributor_id AND c.id = o.id
"""

# An invoice without tax has taxed nothing. One that shows the present rate on its whole net has taxed everything, and
# so has one with tax that is of one product alone. Of others the products are the best that is known.
AS_INVOICED = """
    UPDATE charges c SET is_taxed = known.is_taxed
    FROM (
        SELECT i.distributor_id, i.id, i.tax_total <> 0 AS is_taxed
        FROM invoices i
        LEFT JOIN distributor_settings d ON d.distributor_id = i.distributor_id
        WHERE i.tax_total = 0
            OR abs(i.tax_total - i.net_total * coalesce(d."values" ->> 'tax_percent', '0')::numeric / 100) <= 0.005
            OR (
                SELECT count(DISTINCT coalesce(x.product_id, x.id)) FROM charges x
                WHERE x.distributor_id = i.distributor_id AND x.invoice_id = i.id
            ) = 1
    ) known
    WHERE c.distributor_id = known.distributor_id AND c.invoice_id = known.id
"""

AS_TAKEN_BACK = """
    UPDATE charges c SET is_taxed = credited.is_taxed
    FROM charges credited
    WHERE credited.distributor_id = c.distributor_id AND credited.id = c.credits_id
        AND c.state <> 'invoiced' AND credited.state = 'invoiced'
"""
