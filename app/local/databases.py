"""Roles and databases: what an owner with the right to make them needs before the first migration."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from app.local.surroundings import Unsuitable

OWNER = "galleria"
DATABASE = "galleria"
APP, BULK, PLATFORM = "galleria_app", "galleria_bulk", "galleria_platform"
RESTRICTED = (APP, BULK, PLATFORM)


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """One database as each of its roles sees it, in SQLAlchemy's form."""

    owner: str
    app: str
    bulk: str
    platform: str

    def environment(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.owner,
            "DATABASE_URL_APP": self.app,
            "DATABASE_URL_BULK": self.bulk,
            "DATABASE_URL_PLATFORM": self.platform,
        }

    def of_database(self, name: str) -> DatabaseUrls:
        return DatabaseUrls(*(with_database(url, name) for url in (self.owner, self.app, self.bulk, self.platform)))


def database_url(role: str, password: str, *, port: int, database: str = DATABASE) -> str:
    return f"postgresql+psycopg://{role}:{quote(password, safe='')}@127.0.0.1:{port}/{database}"


def plain_url(url: str) -> str:
    """Return the address as libpq reads it, without SQLAlchemy's driver."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}{separator}{rest}"


def sqlalchemy_url(url: str) -> str:
    """Return an owner's address with our driver, whichever of the usual forms it was given in."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.partition("+")[0] not in ("postgres", "postgresql"):
        raise Unsuitable("DATABASE_URL must look like postgresql://user:password@host:5432/name")
    return f"postgresql+psycopg://{rest}"


def with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def with_role(url: str, role: str, password: str) -> str:
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{quote(password, safe='')}@{place}"))


def place_of(url: str) -> str:
    """Return host, port and database without the password, fit to be shown."""
    parts = urlsplit(plain_url(url))
    return f"{parts.hostname or 'localhost'}:{parts.port or 5432}{unquote(parts.path)}"


def connect(url: str) -> psycopg.Connection:
    """Open an autocommit connection; raises Unsuitable with one line if the server cannot be reached."""
    try:
        return psycopg.connect(plain_url(url), autocommit=True, connect_timeout=10)
    except psycopg.Error as error:
        reason = (str(error).strip() or "no reason given").splitlines()[0]
        raise Unsuitable(f"The database at {place_of(url)} cannot be reached: {reason}") from error


def ensure_owner(superuser_url: str, *, password: str) -> None:
    """Make the embedded server's owner and its database; may be run any number of times."""
    with connect(superuser_url) as connection:
        _ensure_role(connection, OWNER, password, "LOGIN NOSUPERUSER CREATEDB CREATEROLE BYPASSRLS")
        ensure_restricted_roles(connection, dict.fromkeys(RESTRICTED, password))
        for role in RESTRICTED:
            # The owner may act as them, which tests of row security do.
            connection.execute(
                sql.SQL("GRANT {} TO {} WITH ADMIN OPTION").format(sql.Identifier(role), sql.Identifier(OWNER))
            )
        ensure_database(connection, DATABASE, owner=OWNER)


def ensure_restricted_roles(connection: psycopg.Connection, passwords: dict[str, str]) -> None:
    """Make the roles that row security binds. They own nothing and cannot pass it by."""
    for role, password in passwords.items():
        _ensure_role(connection, role, password, "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE")
    if APP in passwords:
        # Planning a six-table join costs five times its execution: the interactive role plans once.
        connection.execute(
            sql.SQL("ALTER ROLE {} SET plan_cache_mode = force_generic_plan").format(sql.Identifier(APP))
        )


def _ensure_role(connection: psycopg.Connection, role: str, password: str, rights: str) -> None:
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    verb = "ALTER" if known else "CREATE"
    connection.execute(
        sql.SQL(f"{verb} ROLE {{}} {rights} PASSWORD {{}}").format(sql.Identifier(role), sql.Literal(password))
    )


def ensure_database(connection: psycopg.Connection, name: str, *, owner: str | None = None) -> None:
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        return
    statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    if owner:
        statement += sql.SQL(" OWNER {}").format(sql.Identifier(owner))
    connection.execute(statement)


def drop_database(owner_url: str, name: str) -> None:
    """Drop a database made for one run, and what tests derived from it (`<name>_…`)."""
    with connect(with_database(owner_url, "postgres")) as connection:
        derived = connection.execute(
            "SELECT datname FROM pg_database WHERE datname = %s OR starts_with(datname, %s)", [name, f"{name}_"]
        ).fetchall()
        for (found,) in derived:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(found)))
