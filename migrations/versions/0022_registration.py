"""Add registration requests, and what storefronts' owners decide on.

Why:   SF-04, SF-05.
Locks: adds tables only; safe while the previous release is still serving.
Undo:  drops them; whoever waits for an approval has to register again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.rls import share_with_distributor, take_in

revision = "0022_registration"
down_revision = "0021_providers"


def upgrade() -> None:
    """Add the tables, then row security and grants."""
    op.create_table(
        "registration_requests",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("needs_approval", sa.Boolean(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("storefront_id", sa.Uuid(), nullable=False),
        sa.Column("first_name", sa.String(length=100), nullable=False),
        sa.Column("last_name", sa.String(length=100), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("phone", sa.String(length=30), nullable=True),
        sa.Column("company", sa.String(length=200), nullable=False),
        sa.Column("tax_id", sa.String(length=40), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("city", sa.String(length=100), nullable=False),
        sa.Column("street", sa.String(length=200), nullable=False),
        sa.Column("postcode", sa.String(length=12), nullable=False),
        sa.Column("region", sa.String(length=100), nullable=True),
        sa.Column("wants_reselling", sa.Boolean(), nullable=False),
        sa.Column("is_tax_id_verified", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_registration_requests")),
    )
    op.create_index(
        op.f("ix_registration_requests_distributor_id_next_attempt_at"),
        "registration_requests",
        ["distributor_id", "next_attempt_at"],
        unique=False,
    )
    op.create_table(
        "registrations",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "requested",
                "approved",
                "rejected",
                name="registrationstatus",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "reason",
            sa.Enum(
                "setting", "same_tax_id", name="approvalreason", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", sa.Uuid(), nullable=True),
        sa.Column("decided_by_name", sa.String(length=210), nullable=True),
        sa.Column("storefront_id", sa.Uuid(), nullable=False),
        sa.Column("first_name", sa.String(length=100), nullable=False),
        sa.Column("last_name", sa.String(length=100), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("phone", sa.String(length=30), nullable=True),
        sa.Column("company", sa.String(length=200), nullable=False),
        sa.Column("tax_id", sa.String(length=40), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("city", sa.String(length=100), nullable=False),
        sa.Column("street", sa.String(length=200), nullable=False),
        sa.Column("postcode", sa.String(length=12), nullable=False),
        sa.Column("region", sa.String(length=100), nullable=True),
        sa.Column("wants_reselling", sa.Boolean(), nullable=False),
        sa.Column("is_tax_id_verified", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_registrations")),
    )
    op.create_index(
        op.f("ix_registrations_distributor_id_reseller_id_status_created_at"),
        "registrations",
        ["distributor_id", "reseller_id", "status", "created_at"],
        unique=False,
    )
    take_in("registration_requests")
    share_with_distributor("registrations")


def downgrade() -> None:
    """Take them away again."""
    op.drop_index(op.f("ix_registrations_distributor_id_reseller_id_status_created_at"), table_name="registrations")
    op.drop_table("registrations")
    op.drop_index(op.f("ix_registration_requests_distributor_id_next_attempt_at"), table_name="registration_requests")
    op.drop_table("registration_requests")
