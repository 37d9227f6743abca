"""Row security of the six row families (decisions section 3). Frozen: added to, never edited.

Every policy reads the scope in its missing-is-an-error form: an unset or empty setting cannot be cast, so a query
without a scope fails. `SELECT` around `current_setting` lets PostgreSQL evaluate it once per statement.
"""

from __future__ import annotations

import os
from urllib.parse import unquote, urlsplit

from alembic import op

DISTRIBUTOR = "distributor_id = (SELECT current_setting('app.distributor')::uuid)"
ALL_RESELLERS = "(SELECT current_setting('app.reseller')) = 'all'"
OWN_RESELLER = (
    "reseller_id IS NOT DISTINCT FROM (SELECT nullif(nullif(current_setting('app.reseller'), 'all'), 'none')::uuid)"
)
ALL_ACCOUNTS = "(SELECT current_setting('app.account')) = 'all'"
OWN_ACCOUNT = "{column} = (SELECT nullif(nullif(current_setting('app.account'), 'all'), 'none')::uuid)"
NAMED_LIST = (
    "((SELECT current_setting('app.price_lists')) = 'all' OR price_list_id = ANY "
    "((SELECT nullif(current_setting('app.price_lists'), 'all')::uuid[])::uuid[]))"
)
REALM = "realm_id = (SELECT nullif(current_setting('app.realm'), 'none')::uuid)"


def role(name: str) -> str:
    """Return the database role of `app`, `bulk` or `platform`: the user of its URL, or galleria_<name>."""
    url = os.environ.get(f"DATABASE_URL_{name.upper()}")
    user = urlsplit(url).username if url else None
    return unquote(user) if user else f"galleria_{name}"


def _force(table: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def _grant(table: str, privileges: str = "SELECT, INSERT, UPDATE, DELETE") -> None:
    op.execute(f'GRANT {privileges} ON {table} TO "{role("app")}", "{role("bulk")}"')
    _grant_to_narrow(f"{privileges} ON {table}")


def _grant_to_narrow(what: str) -> None:
    """Give the role of restricted viewers (migrations.records) what the application's has; it is made by 0026."""
    op.execute(
        f"""DO $do$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{role("narrow")}') THEN
                GRANT {what} TO "{role("narrow")}";
            END IF;
        END $do$"""
    )


def _policy(table: str, command: str, using: str | None, check: str | None) -> None:
    clauses = (f" USING ({using})" if using else "") + (f" WITH CHECK ({check})" if check else "")
    op.execute(f"CREATE POLICY {table}_{command.lower()} ON {table} FOR {command}{clauses}")


def _for_all(table: str, condition: str) -> None:
    _force(table)
    _policy(table, "ALL", condition, condition)
    _grant(table)


def read_by_all_written_by_distributor(table: str, *, only_named_lists: bool = False) -> None:
    """Family 1, catalogue. `only_named_lists` for price-list entries: those of the lists the scope names."""
    _force(table)
    read = f"{DISTRIBUTOR} AND {NAMED_LIST}" if only_named_lists else DISTRIBUTOR
    write = f"{DISTRIBUTOR} AND {ALL_RESELLERS}"
    _policy(table, "SELECT", read, None)
    _policy(table, "INSERT", None, write)
    _policy(table, "UPDATE", write, write)
    _policy(table, "DELETE", write, None)
    _grant(table)


def share_with_distributor(table: str, *, account_column: str = "account_id") -> None:
    """Family 2, shared: distributor, the row's reseller, the row's account. `accounts` names its own id."""
    account = OWN_ACCOUNT.format(column=account_column)
    _for_all(table, f"{DISTRIBUTOR} AND ({ALL_RESELLERS} OR {OWN_RESELLER}) AND ({ALL_ACCOUNTS} OR {account})")


def keep_to_reseller(table: str) -> None:
    """Family 3, reseller-private: that storefront owner's scope only; a scope of all resellers sees nothing of it."""
    _for_all(table, f"{DISTRIBUTOR} AND NOT ({ALL_RESELLERS}) AND {OWN_RESELLER}")


def keep_to_distributor(table: str) -> None:
    """Family 4, distributor-private: only with all resellers in scope."""
    _for_all(table, f"{DISTRIBUTOR} AND {ALL_RESELLERS}")


def keep_to_realm(table: str) -> None:
    """Family 5, realm: only while an identity service has opened the realm."""
    _for_all(table, f"{DISTRIBUTOR} AND {REALM}")


def take_in(table: str) -> None:
    """Family 6, intake: every scope of the distributor may insert, only its jobs and BSS read and change."""
    _force(table)
    own = f"{DISTRIBUTOR} AND {ALL_RESELLERS}"
    _policy(table, "INSERT", None, DISTRIBUTOR)
    _policy(table, "SELECT", own, None)
    _policy(table, "UPDATE", own, own)
    _policy(table, "DELETE", own, None)
    _grant(table)


def publish_directory(table: str, *, column: str = "distributor_id", resellers_hold: bool = False) -> None:
    """The directory: read without a scope, written only in the distributor's scope of all resellers.

    `resellers_hold` for addresses: a reseller at checkout may hold an alias for its own order, and let it go.
    The console's role may write every row: it creates distributors.
    """
    _force(table)
    own = f"{column} = (SELECT current_setting('app.distributor')::uuid)"
    write = f"{own} AND {ALL_RESELLERS}"
    if resellers_hold:
        write = f"{own} AND ({ALL_RESELLERS} OR (state = 'held' AND {OWN_RESELLER}))"
    members = f'"{role("app")}", "{role("bulk")}"'
    op.execute(f"CREATE POLICY {table}_read ON {table} FOR SELECT USING (true)")
    op.execute(f"CREATE POLICY {table}_insert ON {table} FOR INSERT TO {members} WITH CHECK ({write})")
    op.execute(f"CREATE POLICY {table}_update ON {table} FOR UPDATE TO {members} USING ({write}) WITH CHECK ({write})")
    op.execute(f"CREATE POLICY {table}_delete ON {table} FOR DELETE TO {members} USING ({write})")
    op.execute(
        f'CREATE POLICY {table}_console ON {table} FOR ALL TO "{role("platform")}" USING (true) WITH CHECK (true)'
    )
    _grant(table)
    op.execute(f'GRANT SELECT, INSERT, UPDATE ON {table} TO "{role("platform")}"')


def keep_to_console(table: str) -> None:
    """Operators and their sessions: the console's role alone."""
    op.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO "{role("platform")}"')


def create_role(name: str) -> None:
    """Make the role of `app`, `bulk` or `platform` if it does not exist; it owns nothing and bypasses nothing.

    Its password is the one of its URL; without a URL it cannot sign in until somebody sets one.
    """
    url = os.environ.get(f"DATABASE_URL_{name.upper()}")
    password = unquote(urlsplit(url).password or "") if url else ""
    if "$" in password or "'" in password:
        message = f"DATABASE_URL_{name.upper()}: choose a password without $ and '"
        raise ValueError(message)
    sign_in = f"LOGIN PASSWORD '{password}'" if password else "NOLOGIN"
    op.execute(
        f"""DO $do$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role(name)}') THEN
                CREATE ROLE "{role(name)}" NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE {sign_in};
            END IF;
        END $do$"""
    )
    op.execute(f'GRANT USAGE ON SCHEMA public TO "{role(name)}"')


def create_sequence(name: str) -> None:
    """Make a sequence the application's roles may draw from."""
    op.execute(f"CREATE SEQUENCE {name}")
    _grant_to_narrow(f"USAGE, SELECT ON SEQUENCE {name}")
    op.execute(f'GRANT USAGE, SELECT ON SEQUENCE {name} TO "{role("app")}", "{role("bulk")}", "{role("platform")}"')
