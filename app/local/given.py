"""A database and a queue that belong to somebody else: `DATABASE_URL` and `REDIS_URL`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import psycopg
from alembic.script import ScriptDirectory

from app.local import databases, valkey
from app.local.places import CHECKOUT
from app.local.services import Backing
from app.local.surroundings import Unsuitable

VARIABLES = {
    databases.APP: "DATABASE_URL_APP",
    databases.BULK: "DATABASE_URL_BULK",
    databases.PLATFORM: "DATABASE_URL_PLATFORM",
}


def require_usable(backing: Backing) -> None:
    """Raise Unsuitable if the database or the queue does not answer."""
    for url in {backing.databases.owner, backing.databases.app, backing.databases.bulk, backing.databases.platform}:
        databases.connect(url).close()
    valkey.require_reachable(backing.redis_url)


def with_roles(backing: Backing, surrounding: Mapping[str, str], *, password: str) -> Backing:
    """Return the backing with an address for every restricted role, making those that were not given.

    A role that exists with somebody else's password is never changed.
    """
    missing = [role for role, variable in VARIABLES.items() if not surrounding.get(variable)]
    urls = backing.databases
    made = {role: databases.with_role(urls.owner, role, password) for role in missing}
    unusable = {role: password for role, url in made.items() if not _accepts(url)}
    if unusable:
        _make_roles(urls.owner, unusable)
    return replace(
        backing,
        databases=replace(
            urls,
            app=made.get(databases.APP, urls.app),
            bulk=made.get(databases.BULK, urls.bulk),
            platform=made.get(databases.PLATFORM, urls.platform),
        ),
    )


def _accepts(url: str) -> bool:
    try:
        psycopg.connect(databases.plain_url(url), connect_timeout=10).close()
    except psycopg.OperationalError:
        return False
    return True


def _make_roles(owner_url: str, passwords: dict[str, str]) -> None:
    variables = ", ".join(VARIABLES[role] for role in passwords)
    with databases.connect(owner_url) as connection:
        for role in passwords:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                raise Unsuitable(f"The role {role} exists with another password: give {variables}")
        try:
            databases.ensure_restricted_roles(connection, passwords)
        except psycopg.errors.InsufficientPrivilege as error:
            names = ", ".join(passwords)
            raise Unsuitable(f"DATABASE_URL may not make roles: make {names} and give {variables}") from error


def is_in_use(owner_url: str) -> bool:
    """Whether migrations ever ran here; an empty database may be filled without asking."""
    return current_revision(owner_url) is not None


def require_migrated(owner_url: str) -> None:
    """Raise Unsuitable if the database is not at the newest migration of this checkout."""
    newest = newest_revision()
    current = current_revision(owner_url)
    if current != newest:
        raise Unsuitable(
            f"Migration pending: the database at {databases.place_of(owner_url)} is at {current or 'none'}, "
            f"this code needs {newest}: run make migrate"
        )


def newest_revision() -> str | None:
    return ScriptDirectory(str(CHECKOUT / "migrations")).get_current_head()


def current_revision(owner_url: str) -> str | None:
    with databases.connect(owner_url) as connection:
        if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else None
