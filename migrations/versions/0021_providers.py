"""Add identity providers, the identities they vouch for, and round trips to them.

Why:   SF-14, SF-15, BC-27, docs/adr/0021-identity-providers.md.
Locks: adds tables, indexes and columns with constant defaults; safe while the previous release is still serving.
Undo:  drops them: people enter with their passwords, and who had none asks for a reset link.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.rls import keep_to_realm

revision = "0021_providers"
down_revision = "0020_sign_in"


def upgrade() -> None:
    """Add tables and columns, then row security and grants."""
    op.create_table(
        "identity_links",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("realm_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("subject", sa.String(length=500), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_identity_links")),
        sa.UniqueConstraint(
            "distributor_id",
            "realm_id",
            "provider_id",
            "issuer",
            "subject",
            name=op.f("uq_identity_links_distributor_id_realm_id_provider_id_issuer_subject"),
        ),
        sa.UniqueConstraint(
            "distributor_id",
            "realm_id",
            "user_id",
            "provider_id",
            name=op.f("uq_identity_links_distributor_id_realm_id_user_id_provider_id"),
        ),
    )
    op.create_table(
        "identity_providers",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("realm_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("oidc", "saml", name="providerkind", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "tested",
                "enabled",
                "disabled",
                name="providerstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("logo_image_id", sa.Uuid(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_visible", sa.Boolean(), nullable=False),
        sa.Column("creates_users", sa.Boolean(), nullable=False),
        sa.Column("default_roles", postgresql.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column("allowed_domains", postgresql.ARRAY(sa.String(length=253)), nullable=False),
        sa.Column("trusts_email", sa.Boolean(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("email_domain", sa.String(length=253), nullable=True),
        sa.Column("domain_token", sa.String(length=64), nullable=True),
        sa.Column("domain_verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("email_claim", sa.String(length=200), nullable=False),
        sa.Column("first_name_claim", sa.String(length=200), nullable=False),
        sa.Column("last_name_claim", sa.String(length=200), nullable=False),
        sa.Column("issuer", sa.String(length=500), nullable=True),
        sa.Column("client_id", sa.String(length=300), nullable=True),
        sa.Column("client_secret_encrypted", sa.Text(), nullable=True),
        sa.Column("scopes", sa.String(length=300), nullable=False),
        sa.Column("entity_id", sa.String(length=500), nullable=True),
        sa.Column("metadata_url", sa.String(length=500), nullable=True),
        sa.Column("sso_url", sa.String(length=500), nullable=True),
        sa.Column("slo_url", sa.String(length=500), nullable=True),
        sa.Column("certificates", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("name_id_format", sa.String(length=200), nullable=True),
        sa.Column("signs_requests", sa.Boolean(), nullable=False),
        sa.Column("own_certificate", sa.Text(), nullable=True),
        sa.Column("own_key_encrypted", sa.Text(), nullable=True),
        sa.Column("tested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_identity_providers")),
    )
    op.create_index(
        op.f("ix_identity_providers_distributor_id_realm_id_position"),
        "identity_providers",
        ["distributor_id", "realm_id", "position"],
        unique=False,
    )
    op.create_table(
        "saml_assertions_seen",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("realm_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("assertion_digest", sa.String(length=64), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_saml_assertions_seen")),
        sa.UniqueConstraint(
            "distributor_id",
            "realm_id",
            "provider_id",
            "assertion_digest",
            name=op.f("uq_saml_assertions_seen_distributor_id_realm_id_provider_id_assertion_digest"),
        ),
    )
    op.create_table(
        "sso_requests",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("realm_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column(
            "purpose",
            sa.Enum("sign_in", "link", "test", name="ssopurpose", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("state_digest", sa.String(length=64), nullable=False),
        sa.Column("browser_digest", sa.String(length=64), nullable=False),
        sa.Column("nonce", sa.String(length=100), nullable=True),
        sa.Column("verifier_encrypted", sa.Text(), nullable=True),
        sa.Column("next_path", sa.String(length=500), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("wrong_tries", sa.Integer(), nullable=False),
        sa.Column("issuer", sa.String(length=500), nullable=True),
        sa.Column("subject", sa.String(length=500), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("is_email_verified", sa.Boolean(), nullable=False),
        sa.Column("first_name", sa.String(length=100), nullable=True),
        sa.Column("last_name", sa.String(length=100), nullable=True),
        sa.Column("provider_session", sa.String(length=300), nullable=True),
        sa.Column("received", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_sso_requests")),
        sa.UniqueConstraint(
            "distributor_id",
            "realm_id",
            "state_digest",
            name=op.f("uq_sso_requests_distributor_id_realm_id_state_digest"),
        ),
    )
    op.create_index(
        op.f("ix_sso_requests_distributor_id_realm_id_valid_until"),
        "sso_requests",
        ["distributor_id", "realm_id", "valid_until"],
        unique=False,
    )
    op.add_column("user_sessions", sa.Column("provider_id", sa.Uuid(), nullable=True))
    op.add_column("user_sessions", sa.Column("provider_session", sa.String(length=300), nullable=True))
    keep_to_realm("identity_links")
    keep_to_realm("identity_providers")
    keep_to_realm("saml_assertions_seen")
    keep_to_realm("sso_requests")


def downgrade() -> None:
    """Take them away again."""
    op.drop_column("user_sessions", "provider_session")
    op.drop_column("user_sessions", "provider_id")
    op.drop_index(op.f("ix_sso_requests_distributor_id_realm_id_valid_until"), table_name="sso_requests")
    op.drop_table("sso_requests")
    op.drop_table("saml_assertions_seen")
    op.drop_index(op.f("ix_identity_providers_distributor_id_realm_id_position"), table_name="identity_providers")
    op.drop_table("identity_providers")
    op.drop_table("identity_links")
