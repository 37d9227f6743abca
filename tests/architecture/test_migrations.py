"""Migrations match the models, run down and up again, and are a line without forks."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from app.core.db import Base

ROOT = Path(__file__).resolve().parents[2]


def config() -> Config:
    """Alembic's configuration for our folder."""
    made = Config()
    made.set_main_option("script_location", str(ROOT / "migrations"))
    return made


@pytest.fixture
def empty_database(monkeypatch: pytest.MonkeyPatch) -> str:
    """A database of its own; DATABASE_URL leads there."""
    owner = os.environ["DATABASE_URL"]
    name = f"migrations_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(owner.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    url = urlunsplit(urlsplit(owner)._replace(path=f"/{name}"))
    monkeypatch.setenv("DATABASE_URL", url)
    yield url
    with psycopg.connect(owner.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_migrations_match_models_and_run_down_and_up_again(empty_database: str) -> None:
    command.upgrade(config(), "head")
    command.downgrade(config(), "base")
    command.upgrade(config(), "head")
    engine = create_engine(empty_database)
    with engine.connect() as connection:
        different = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata)
    engine.dispose()
    assert different == []


def test_the_newest_migration_stands_in_the_head_file() -> None:
    script = ScriptDirectory.from_config(config())
    assert script.get_heads() == [(ROOT / "migrations" / ".current-head").read_text().strip()]
    assert [r.revision for r in script.walk_revisions()] == sorted(
        (r.revision for r in script.walk_revisions()), reverse=True
    )
