"""A database where commits are real: for tests that need several connections."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
from sqlalchemy import create_engine

from app.core import db
from app.core.ids import new_id
from tenants.directory import directory
from tests.conftest import template_name


@contextmanager
def committed_database() -> Iterator[None]:
    """Clone an empty, migrated database for the block; dropped afterwards."""
    owner_url = os.environ["DATABASE_URL"].replace("+psycopg", "")
    name = f"committed_{new_id().hex}"
    db.session.remove()
    for role in db.Role:
        db.engine(role).dispose()
    template = template_name()  # the test's own database may have somebody connected
    with psycopg.connect(urlunsplit(urlsplit(owner_url)._replace(path="/postgres")), autocommit=True) as owner:
        owner.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        engine = create_engine(
            urlunsplit(urlsplit(os.environ["DATABASE_URL_APP"])._replace(path=f"/{name}")), pool_size=10
        )
        db.BoundSession.bound_to = engine
        try:
            yield
        finally:
            db.session.remove()
            db.BoundSession.bound_to = None
            engine.dispose()
            directory.forget()
            owner.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
