"""Add the domains and rules of customer companies that sign in by providers of their own.

Why:   GO-14, docs/adr/0027-sign-in-of-companies.md.
Locks: adds tables and drops three columns that nothing ever wrote; no row is rewritten.
Undo:  drops them: people of companies enter with their passwords.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.rls import keep_to_realm, take_in

revision = "0028_companies"
down_revision = "0027_sign_on"


def upgrade() -> None:
    """Add the tables, then row security and grants."""
    op.create_table(
        "company_domains",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("realm_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("domain", sa.String(length=253), nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "proven",
                "lost",
                name="domainstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("proven_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_company_domains")),
        sa.UniqueConstraint(
            "distributor_id",
            "realm_id",
            "account_id",
            "domain",
            name=op.f("uq_company_domains_distributor_id_realm_id_account_id_domain"),
        ),
    )
    op.create_index(
        "uq_company_domains_proven",
        "company_domains",
        ["distributor_id", "realm_id", "domain"],
        unique=True,
        postgresql_where=sa.text("state = 'proven'"),
    )
    op.create_table(
        "company_sign_ins",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("realm_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("creates_users", sa.Boolean(), nullable=False),
        sa.Column("default_roles", postgresql.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column("is_required", sa.Boolean(), nullable=False),
        sa.Column("break_glass_user_id", sa.Uuid(), nullable=True),
        sa.Column("is_blocked", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_company_sign_ins")),
        sa.UniqueConstraint(
            "distributor_id",
            "realm_id",
            "account_id",
            name=op.f("uq_company_sign_ins_distributor_id_realm_id_account_id"),
        ),
    )
    op.create_table(
        "company_domain_checks",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("realm_id", sa.Uuid(), nullable=False),
        sa.Column("domain_id", sa.Uuid(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_company_domain_checks")),
    )
    op.create_index(
        op.f("ix_company_domain_checks_distributor_id_next_attempt_at"),
        "company_domain_checks",
        ["distributor_id", "next_attempt_at"],
        unique=False,
    )
    op.drop_column("identity_providers", "domain_verified_at")
    op.drop_column("identity_providers", "domain_token")
    op.drop_column("identity_providers", "email_domain")
    keep_to_realm("company_domains")
    keep_to_realm("company_sign_ins")
    take_in("company_domain_checks")


def downgrade() -> None:
    """Take them away again."""
    op.add_column("identity_providers", sa.Column("email_domain", sa.String(length=253), nullable=True))
    op.add_column("identity_providers", sa.Column("domain_token", sa.String(length=64), nullable=True))
    op.add_column("identity_providers", sa.Column("domain_verified_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_index(op.f("ix_company_domain_checks_distributor_id_next_attempt_at"), table_name="company_domain_checks")
    op.drop_table("company_domain_checks")
    op.drop_table("company_sign_ins")
    op.drop_index("uq_company_domains_proven", table_name="company_domains")
    op.drop_table("company_domains")
