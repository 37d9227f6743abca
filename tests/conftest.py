"""Real PostgreSQL with row security on, real Valkey; every test ends in a rollback.

Each xdist worker clones a database that was migrated once. All sessions of a test share one connection of the
application's role, whose outer transaction is rolled back; `committed` is for tests that need several connections.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit, urlunsplit

import hypothesis
import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from app.core import db
from app.core.config import settings
from tenants.context import _current
from tests.factories.world import World, make_world

# Examples are the same in every run, and a busy machine is no reason to fail.
hypothesis.settings.register_profile(
    "galleria", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("galleria")

ROOT = Path(__file__).resolve().parent.parent
URLS = ("DATABASE_URL", "DATABASE_URL_APP", "DATABASE_URL_BULK", "DATABASE_URL_PLATFORM")


def _to_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _owner(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def migrate_to_head() -> None:
    """Upgrade the database of DATABASE_URL."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    command.upgrade(config, "head")


def _schema_digest() -> str:
    found = hashlib.sha256()
    for path in sorted((ROOT / "migrations").glob("**/*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


def template_name() -> str:
    """Return the migrated database that nobody is connected to: what a test with real commits clones."""
    return f"template_{_schema_digest()}"


@pytest.fixture(scope="session", autouse=True)
def database(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[None]:
    """Clone this worker's database from a template that is migrated once per schema."""
    originals = {name: os.environ[name] for name in URLS}
    template = template_name()
    own = f"test_{os.getpid()}_{worker_id}"
    lock = Path(os.environ["MEDIA_PATH"]).parent / "test-template.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle, _owner(originals["DATABASE_URL"]) as owner:
        fcntl.flock(handle, fcntl.LOCK_EX)
        found = owner.execute("SELECT 1 FROM pg_database WHERE datname = %s AND datistemplate", (template,)).fetchone()
        if found is None:
            owner.execute(f'DROP DATABASE IF EXISTS "{template}"')
            owner.execute(f'CREATE DATABASE "{template}"')
            os.environ["DATABASE_URL"] = _to_database(originals["DATABASE_URL"], template)
            migrate_to_head()
            owner.execute(f'ALTER DATABASE "{template}" IS_TEMPLATE true ALLOW_CONNECTIONS false')
        owner.execute(f'DROP DATABASE IF EXISTS "{own}" WITH (FORCE)')
        owner.execute(f'CREATE DATABASE "{own}" TEMPLATE "{template}"')
    for name in URLS:
        os.environ[name] = _to_database(originals[name], own)
    settings.cache_clear()
    yield
    db.session.remove()
    for role in db.Role:
        db.engine(role).dispose()
    os.environ.update(originals)
    with _owner(originals["DATABASE_URL"]) as owner:
        owner.execute(f'DROP DATABASE IF EXISTS "{own}" WITH (FORCE)')


@pytest.fixture
def connection(database: None) -> Iterator[Connection]:
    """One connection of the application's role; what the test did is rolled back."""
    with db.engine().connect() as opened:
        outer = opened.begin()
        db.BoundSession.bound_to = opened
        try:
            yield opened
        finally:
            db.session.remove()
            db.BoundSession.bound_to = None
            _current.set(None)
            outer.rollback()


@pytest.fixture
def session(connection: Connection) -> db.BoundSession:
    """The thread's session, on the test's connection. It sees only what the scope in force allows.

    It is the registry's proxy, as in the product: a request or job that ends its session does not leave the test with a
    stale one.
    """
    return cast("db.BoundSession", db.session)


@pytest.fixture
def world(session: db.BoundSession) -> World:
    """One distributor with two storefronts, customers, products and prices; see tests/factories/world.py."""
    return make_world(session)
