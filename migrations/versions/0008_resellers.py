"""Add listings and storefront pictures.

Why:   first version, docs/adr/0001-one-database-row-security.md.
Locks: creates tables only; safe while the previous release is still serving.
Undo:  drops these tables and every row in them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.rls import keep_to_reseller

revision = "0008_resellers"
down_revision = "0007_billing"


def upgrade() -> None:
    """Create the tables, then their row security and grants."""
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
    op.create_index("uq_listings_product", "listings", ["distributor_id", "reseller_id", "product_id"], unique=True)
    keep_to_reseller("storefront_images")
    keep_to_reseller("listings")


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_table("listings")
    op.drop_table("storefront_images")
