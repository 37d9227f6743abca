"""Versions of what people edit; what trials begin with; prices that are not shown; pictures and questions of products.

Why:   CB-00, CB-12, SF-18, SF-21; docs/adr/0039-versions-and-material.md.
Locks: adds tables, and columns with defaults, which rewrites nothing.
Undo:  drops what was added, with the pictures and questions.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.rls import read_by_all_written_by_distributor

revision = "0039_catalogue"
down_revision = "0038_sales"

VERSIONED = (
    "product_types", "product_groups", "categories", "industries", "price_groups", "price_list_group_lines",
    "order_statuses", "offer_statuses", "usage_charges", "asset_fields",
)  # fmt: skip


def upgrade() -> None:
    """Add columns and tables."""
    for table in VERSIONED:
        op.add_column(table, sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("products", _json("trial_resources"))
    op.add_column("products", sa.Column("trial_alters", sa.Boolean(), nullable=False, server_default="false"))
    op.add_column("products", sa.Column("shows_price", sa.Boolean(), nullable=False, server_default="true"))
    op.add_column("trials", _json("characteristics"))
    op.create_table(
        "gallery_pictures",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("image_id", sa.Uuid(), nullable=False),
        sa.Column("words", sa.String(length=200), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        _of_product("gallery_pictures"),
        sa.ForeignKeyConstraint(
            ["distributor_id", "image_id"],
            ["product_images.distributor_id", "product_images.id"],
            name=op.f("fk_gallery_pictures_distributor_id_image_id"),
        ),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_gallery_pictures")),
    )
    op.create_table(
        "product_questions",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("question", sa.String(length=200), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        _of_product("product_questions"),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_product_questions")),
    )
    for table in ("gallery_pictures", "product_questions"):
        op.create_index(op.f(f"ix_{table}_distributor_id_product_id"), table, ["distributor_id", "product_id"])
        read_by_all_written_by_distributor(table)


def downgrade() -> None:
    """Drop what was added."""
    op.drop_table("product_questions")
    op.drop_table("gallery_pictures")
    op.drop_column("trials", "characteristics")
    for column in ("shows_price", "trial_alters", "trial_resources"):
        op.drop_column("products", column)
    for table in VERSIONED:
        op.drop_column(table, "version")


def _json(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default="{}")


def _of_product(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["distributor_id", "product_id"],
        ["products.distributor_id", "products.id"],
        name=op.f(f"fk_{table}_distributor_id_product_id"),
        ondelete="CASCADE",
    )
