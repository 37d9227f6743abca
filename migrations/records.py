"""Row security of records with permission rules (BC-04, docs/adr/0025). Frozen: added to, never edited.

These policies bind one database role alone. A transaction takes it while somebody who does not see every record is
looking (`tenants.scoping`); for everybody else, and so for storefronts and workers, no statement is planned differently.
They narrow what the policies of the row families (`migrations.rls`) let through. The settings they read:
`app.viewer`, who looks; `app.rules_read`, `app.rules_edit`, `app.rules_full`: the rules that give them at least that.
"""

from __future__ import annotations

from alembic import op

from migrations.rls import create_role, role

LEVELS = ("read", "edit", "full")
OWNERS = {"accounts": "owner_id", "orders": "placed_by_id", "offers": "owner_id"}
VIEWER = "(SELECT current_setting('app.viewer')::uuid)"
HERE = "(SELECT current_setting('app.distributor')::uuid)"


def create_narrow_role() -> None:
    """Make the role and let the application's roles take it, without having what binds it by themselves.

    NOINHERIT: a policy for a role binds also who has that role's rights without taking it.
    """
    create_role("narrow")
    narrow = role("narrow")
    for name in ("app", "bulk"):
        op.execute(
            f"""DO $do$ BEGIN
                IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{role(name)}' AND rolinherit) THEN
                    ALTER ROLE "{role(name)}" NOINHERIT;
                END IF;
                IF NOT EXISTS (
                    SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles u ON u.oid = m.member
                    WHERE r.rolname = '{narrow}' AND u.rolname = '{role(name)}'
                ) THEN
                    GRANT "{narrow}" TO "{role(name)}";
                END IF;
            END $do$"""
        )
    drop_narrow_grants()  # where another database of the server has made the role, earlier migrations have granted to it
    op.execute(f'GRANT USAGE ON SCHEMA public TO "{narrow}"')
    op.execute(
        f"""DO $do$ DECLARE found record; BEGIN
            FOR found IN SELECT table_name, privilege_type FROM information_schema.role_table_grants
                WHERE grantee = '{role("app")}' AND table_schema = 'public'
            LOOP
                EXECUTE format('GRANT %s ON %I TO "{narrow}"', found.privilege_type, found.table_name);
            END LOOP;
            FOR found IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'
                AND has_sequence_privilege('{role("app")}', quote_ident(sequencename), 'USAGE')
            LOOP
                EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE %I TO "{narrow}"', found.sequencename);
            END LOOP;
        END $do$"""
    )


def drop_narrow_grants() -> None:
    """Take everything in this database from the role; the role stays, for other databases of the server may use it."""
    for what in ("ALL TABLES IN SCHEMA public", "ALL SEQUENCES IN SCHEMA public", "SCHEMA public"):
        op.execute(f'REVOKE ALL ON {what} FROM "{role("narrow")}"')


def _held(level: str) -> str:
    """Return the viewer's rules of a level; a level of a function's argument is read by its name."""
    setting = f"'app.rules_' || {level}" if level == "level" else f"'app.rules_{level}'"
    return f"(SELECT current_setting({setting})::uuid[])::uuid[]"


def _condition(table: str, level: str) -> str:
    """Return whether a row of a table with rules is open to the viewer: its account is seen, and its rule allows it."""
    argument = level if level == "level" else f"'{level}'"
    closed = f"(SELECT accounts_closed({argument}))"
    if table == "accounts":
        return f"{table}.id NOT IN {closed}"
    otherwise = "true" if level == "read" else f"{table}.account_id IS NULL OR {table}.account_id NOT IN {closed}"
    ruled = (
        f"CASE WHEN {table}.permission_rule_id IS NOT NULL THEN {table}.permission_rule_id = ANY ({_held(level)}) "
        f"ELSE {otherwise} END"
    )
    owner = OWNERS.get(table)
    mine = f"{table}.{owner} = {VIEWER} OR " if owner else ""
    account_is_seen = f"({table}.account_id IS NULL OR {table}.account_id NOT IN (SELECT accounts_closed('read')))"
    return f"{account_is_seen} AND ({mine}{ruled})"


def _held_by(level: str) -> str:
    setting = "'app.rules_' || level" if level == "level" else f"'app.rules_{level}'"
    return f"a.permission_rule_id = ANY (current_setting({setting})::uuid[])"


def create_functions() -> None:
    """Which accounts are closed to the viewer, and whether one record is open; they see past the policies.

    A reseller's customer is closed with its reseller, for its pages name it; it follows its reseller's rule unless it has
    its own.
    """
    _function(
        "accounts_closed(level text) RETURNS SETOF uuid",
        f"""WITH ruled AS (
            SELECT a.id, {_held_by("read")} AS is_read, {_held_by("level")} AS is_open
            FROM accounts a
            WHERE a.distributor_id = current_setting('app.distributor')::uuid AND a.permission_rule_id IS NOT NULL
            AND a.owner_id IS DISTINCT FROM current_setting('app.viewer')::uuid
        )
        SELECT id FROM ruled WHERE NOT is_open
        UNION
        SELECT a.id FROM ruled JOIN accounts a ON a.reseller_id = ruled.id
        WHERE a.distributor_id = current_setting('app.distributor')::uuid
        AND (NOT is_read OR NOT is_open AND a.permission_rule_id IS NULL
             AND a.owner_id IS DISTINCT FROM current_setting('app.viewer')::uuid)""",
    )
    for table in ("accounts", "orders", "offers", "subscriptions", "assets", "invoices"):
        _function(
            f"{table}_open(wanted uuid, level text) RETURNS boolean",
            f"SELECT EXISTS (SELECT FROM {table} WHERE {table}.distributor_id = {HERE} AND {table}.id = wanted "
            f"AND {_condition(table, 'level')})",
        )


def drop_functions() -> None:
    """Drop what `create_functions` made."""
    for table in ("accounts", "orders", "offers", "subscriptions", "assets", "invoices"):
        op.execute(f"DROP FUNCTION {table}_open(uuid, text)")
    op.execute("DROP FUNCTION accounts_closed(text)")


def _function(head: str, body: str) -> None:
    op.execute(
        f"CREATE FUNCTION {head} LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $sql${body}$sql$"
    )
    name = head.partition(" RETURNS")[0]
    signature = name if "wanted" not in name else name.replace("wanted uuid, level text", "uuid, text")
    signature = signature.replace("(level text)", "(text)")
    op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
    op.execute(f'GRANT EXECUTE ON FUNCTION {signature} TO "{role("narrow")}"')


def _narrow(table: str, command: str, *, using: str = "", check: str = "") -> None:
    clauses = (f" USING ({using})" if using else "") + (f" WITH CHECK ({check})" if check else "")
    op.execute(
        f"CREATE POLICY {table}_rules_{command.lower()} ON {table} AS RESTRICTIVE FOR {command} "
        f'TO "{role("narrow")}"{clauses}'
    )


def keep_to_rule(table: str) -> None:
    """A table whose rows may have a rule: seen at read, changed at edit, deleted at full; made where the account is open."""
    _narrow(table, "SELECT", using=_condition(table, "read"))
    _narrow(table, "UPDATE", using="true", check=_condition(table, "edit"))
    _narrow(table, "DELETE", using=_condition(table, "full"))
    account = "reseller_id" if table == "accounts" else "account_id"
    made = f"{account} IS NULL OR {account} NOT IN (SELECT accounts_closed('edit'))"
    _narrow(table, "INSERT", check=made)


def follow_account(table: str, *, column: str = "account_id") -> None:
    """A table whose rows belong to an account, or to none: as open as the account; changed and deleted at edit."""
    seen = f"{column} IS NULL OR {column} NOT IN (SELECT accounts_closed('read'))"
    changed = f"{column} IS NULL OR {column} NOT IN (SELECT accounts_closed('edit'))"
    _follow(table, seen, changed)


def follow_record(table: str, parent: str, *, column: str) -> None:
    """A table whose rows belong to a record with a rule, or to none: as open as the record."""
    seen = (
        f"{table}.{column} IS NULL OR EXISTS (SELECT FROM {parent} p "
        f"WHERE p.distributor_id = {table}.distributor_id AND p.id = {table}.{column})"
    )
    _follow(table, seen, f"{column} IS NULL OR {parent}_open({column}, 'edit')")


def _follow(table: str, seen: str, changed: str) -> None:
    _narrow(table, "SELECT", using=seen)
    _narrow(table, "INSERT", check=changed)
    _narrow(table, "UPDATE", using="true", check=changed)
    _narrow(table, "DELETE", using=changed)


def show_with(table: str, parents: dict[str, str], *, optional: bool = False) -> None:
    """A table that is read with its parents: a row is seen with any of them, `{parent: column}`; written freely."""
    seen = " OR ".join(
        f"EXISTS (SELECT FROM {parent} p WHERE p.distributor_id = {table}.distributor_id AND p.id = {table}.{column})"
        for parent, column in parents.items()
    )
    if optional:
        seen = " OR ".join((*(f"{table}.{column} IS NULL" for column in parents.values()), seen))
    _narrow(table, "SELECT", using=seen)


def write_with_account(table: str, *, column: str) -> None:
    """A table everybody may read and whose rows are an account's: written where the account may be changed."""
    open_ = f"{column} IS NULL OR {column} NOT IN (SELECT accounts_closed('edit'))"
    _narrow(table, "INSERT", check=open_)
    _narrow(table, "UPDATE", using="true", check=open_)


def show_targets(table: str, *, kind: str, column: str, tables: dict[str, str]) -> None:
    """A table that tells of records of several kinds, `{kind: table}`: a row is seen with its record."""
    cases = " ".join(
        f"WHEN '{name}' THEN EXISTS (SELECT FROM {parent} p "
        f"WHERE p.distributor_id = {table}.distributor_id AND p.id = {table}.{column})"
        for name, parent in tables.items()
    )
    _narrow(table, "SELECT", using=f"{table}.{column} IS NULL OR CASE {table}.{kind} {cases} ELSE true END")
