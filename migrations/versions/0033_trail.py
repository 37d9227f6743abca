"""Let events tell by whom and through what, resellers read their own, and mails follow permission rules.

Why:   BC-30 (actor, channel, user agent), RS-32 (a reseller reads its own), BC-04 (a mail about a hidden record is hidden),
       RS-F59 (no name of the distributor's people in rows that customers share). docs/adr/0033-the-trail.md.
Locks: adds nullable columns and a table; rewrites the names in subscription_changes and what mails are about, a scan of
       each. Row security is lifted from the tables while they are rewritten, within the transaction.
Undo:  drops what was added. The names stay neutral; those who decided are still told by the audit trail.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.columns import require_values
from migrations.records import follow_account, show_with
from migrations.rls import keep_to_reseller, role

revision = "0033_trail"
down_revision = "0032_identity"

MAILS = ("outbound_mails", "mail_log")
OF_ACCOUNT = (
    "identity_providers", "company_domains", "company_sign_ins", "baskets", "basket_items", "service_checks",
    "service_accounts",
)  # fmt: skip
READ_WITH = {
    "order_works": {"orders": "order_id"},
    "renewal_reminders": {"subscriptions": "subscription_id"},
    "vendor_problems": {"subscriptions": "subject_id", "assets": "subject_id", "order_items": "subject_id"},
}
TABLES_OF_MAILS = {
    "account": "accounts",
    "user": "users",
    "registration": "registrations",
    "order": "orders",
    "offer": "offers",
    "subscription": "subscriptions",
    "asset": "assets",
    "invoice": "invoices",
    "task": "provisioning_tasks",
}
AUDITED = {
    "account": "accounts",
    "reseller": "accounts",
    "order": "orders",
    "offer": "offers",
    "subscription": "subscriptions",
    "asset": "assets",
    "invoice": "invoices",
    "user": "users",
    "registration": "registrations",
    "provisioning_task": "provisioning_tasks",
    "adoption": "adoptions",
    "drift": "drifts",
}
AUDITED_BEFORE = ("account", "order", "offer", "subscription", "asset", "invoice", "user")
SHOPS = ("storefront", "realm")  # both are named by a storefront's id; the back office's realm by the distributor's
CLOSED = "(SELECT accounts_closed('read'))"


def upgrade() -> None:
    """Add columns and the reseller's own trail, rewrite what stands there, then narrow."""
    op.add_column("audit_events", sa.Column("actor_name", sa.String(length=201), nullable=True))
    op.add_column("audit_events", sa.Column("channel", sa.String(length=20), nullable=True))
    op.add_column("audit_events", sa.Column("account_id", sa.Uuid(), nullable=True))
    op.add_column("audit_events", sa.Column("user_agent", sa.String(length=300), nullable=True))
    op.execute(f'GRANT UPDATE (actor_name, user_agent) ON audit_events TO "{role("bulk")}"')
    op.create_table(
        "reseller_audit_events",
        sa.Column("distributor_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reseller_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_name", sa.String(length=201), nullable=True),
        sa.Column("target_kind", sa.String(length=40), nullable=True),
        sa.Column("target_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.String(length=45), nullable=True),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("distributor_id", "id", name=op.f("pk_reseller_audit_events")),
    )
    op.create_index(
        op.f("ix_reseller_audit_events_distributor_id_reseller_id_at"),
        "reseller_audit_events",
        ["distributor_id", "reseller_id", "at"],
        unique=False,
    )
    keep_to_reseller("reseller_audit_events")
    for table in MAILS:
        op.add_column(table, sa.Column("about_kind", sa.String(length=40), nullable=True))
        op.add_column(table, sa.Column("about_id", sa.Uuid(), nullable=True))
        require_values(table, "about_kind", "aboutkind", (*TABLES_OF_MAILS, "unknown"))
    op.add_column("subscription_changes", sa.Column("decided_by_id", sa.Uuid(), nullable=True))
    read = ("users", "orders", "subscriptions", "audit_events", "identity_providers")
    written = (*MAILS, "subscription_changes", "audit_events")
    tables = dict.fromkeys((*read, *written))
    for table in tables:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    _tell_what_mails_were_about()
    _take_names_from_changes()
    op.execute(
        """UPDATE audit_events e SET account_id = p.account_id FROM identity_providers p
        WHERE e.target_kind = 'provider' AND p.distributor_id = e.distributor_id AND p.id = e.target_id
        AND p.account_id IS NOT NULL"""
    )
    for table in tables:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    _narrow("audit_events", _audit_is_seen())
    for table in MAILS:
        _narrow(table, _mail_is_seen(table))
    for table in OF_ACCOUNT:
        follow_account(table)
    for table, parents in READ_WITH.items():
        show_with(table, parents)
    _narrow("price_list_assignments", f"payer_id NOT IN {CLOSED}")


def downgrade() -> None:
    """Drop what was added; events follow the kinds of records they followed before."""
    for table in OF_ACCOUNT:
        for command in ("select", "insert", "update", "delete"):
            op.execute(f"DROP POLICY {table}_rules_{command} ON {table}")
    for table in (*MAILS, *READ_WITH, "price_list_assignments"):
        op.execute(f"DROP POLICY {table}_rules_select ON {table}")
    _narrow("audit_events", _follows_target({kind: AUDITED[kind] for kind in AUDITED_BEFORE}))
    op.drop_column("subscription_changes", "decided_by_id")
    for table in MAILS:
        op.drop_column(table, "about_id")
        op.drop_column(table, "about_kind")
    op.drop_table("reseller_audit_events")
    for column in ("user_agent", "account_id", "channel", "actor_name"):
        op.drop_column("audit_events", column)


def _tell_what_mails_were_about() -> None:
    """Read it from what was filled in: the order's number, the subscription's code, else whose address it went to."""
    steps = (
        ("order", "orders o", "o.distributor_id = m.distributor_id AND o.number = m.fields ->> 'order_number'"),
        (
            "subscription",
            "subscriptions o",
            "o.distributor_id = m.distributor_id AND o.code = m.fields ->> 'subscription_code'",
        ),
        (
            "user",
            "users o",
            "o.distributor_id = m.distributor_id AND o.account_id IS NOT NULL AND lower(o.email) = lower(m.to_email)",
        ),
    )
    for kind, source, condition in steps:
        op.execute(
            f"UPDATE outbound_mails m SET about_kind = '{kind}', about_id = o.id FROM {source} "
            f"WHERE m.about_kind IS NULL AND {condition}"
        )
    op.execute("UPDATE outbound_mails SET about_kind = 'unknown' WHERE about_kind IS NULL")
    op.execute(
        """UPDATE mail_log l SET about_kind = m.about_kind, about_id = m.about_id FROM outbound_mails m
        WHERE m.distributor_id = l.distributor_id AND m.id = l.mail_id"""
    )
    op.execute("UPDATE mail_log SET about_kind = 'unknown' WHERE about_kind IS NULL")


def _take_names_from_changes() -> None:
    """Say “Your provider” for the distributor's people; who decided is found in the trail, at the same instant."""
    op.execute(
        """UPDATE subscription_changes c SET decided_by_id = e.actor_id FROM audit_events e
        WHERE e.distributor_id = c.distributor_id AND e.target_id = c.subscription_id AND e.at = c.decided_at
        AND e.actor_id IS NOT NULL AND e.action IN ('subscription.change_accepted', 'subscription.change_rejected',
        'subscription.change_withdrawn', 'subscription.change_withdrawing')"""
    )
    op.execute(
        """UPDATE subscription_changes SET
        decided_by_name = CASE
            WHEN decided_by_name IS NULL OR decided_by_name = 'System' THEN NULL
            WHEN is_from_storefront AND decided_by_name = requested_by_name THEN decided_by_name
            ELSE 'Your provider' END,
        requested_by_name = CASE
            WHEN is_from_storefront OR requested_by_name = '' THEN requested_by_name
            WHEN requested_by_name = 'System' THEN ''
            ELSE 'Your provider' END"""
    )


def _narrow(table: str, seen: str) -> None:
    op.execute(f"DROP POLICY IF EXISTS {table}_rules_select ON {table}")
    op.execute(
        f'CREATE POLICY {table}_rules_select ON {table} AS RESTRICTIVE FOR SELECT TO "{role("narrow")}" USING ({seen})'
    )


def _cases(table: str, column: str, tables: dict[str, str]) -> str:
    return " ".join(
        f"WHEN '{kind}' THEN EXISTS (SELECT FROM {parent} p "
        f"WHERE p.distributor_id = {table}.distributor_id AND p.id = {table}.{column})"
        for kind, parent in tables.items()
    )


def _follows_target(tables: dict[str, str], also: str = "") -> str:
    cases = _cases("audit_events", "target_id", tables)
    return f"audit_events.target_id IS NULL OR CASE audit_events.target_kind {cases} {also} ELSE true END"


def _audit_is_seen() -> str:
    """Return whether an event is seen: who did it, whom it concerns and what was done to are all seen."""
    shops = " ".join(
        f"WHEN '{kind}' THEN NOT EXISTS (SELECT FROM storefronts s WHERE s.distributor_id = audit_events.distributor_id "
        f"AND s.id = audit_events.target_id AND s.reseller_id IN {CLOSED})"
        for kind in SHOPS
    )
    accounts = " AND ".join(
        f"(audit_events.{column} IS NULL OR audit_events.{column} NOT IN {CLOSED})"
        for column in ("account_id", "actor_reseller_id")
    )
    return f"{accounts} AND ({_follows_target(AUDITED, shops)})"


def _mail_is_seen(table: str) -> str:
    """Return whether a mail is seen: with what it is about; of what nothing is known, not at all."""
    return (
        f"{table}.about_kind IS NULL OR CASE {table}.about_kind {_cases(table, 'about_id', TABLES_OF_MAILS)} "
        "ELSE false END"
    )
