"""The console works under a database role of its own: these tests commit for real and empty the tables after."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import psycopg
import pytest
from flask import Flask

from app.core import db
from app.core.config import settings
from app.identity.operators import add_operator
from tenants.context import _current
from tests.domain.identity.people import PASSWORD
from tests.factories.world import MONDAY_NOON
from tests.web.conftest import Browser

TOUCHED = "distributors, storefronts, addresses, operators, operator_sessions, users, sign_in_names, credentials, "
TOUCHED += "user_sessions, single_use_tokens, outbound_mails, audit_events"


@pytest.fixture
def operator(database: None) -> Iterator[str]:
    """The e-mail of an operator who may sign in."""
    with db.using_role(db.Role.PLATFORM), db.unit_of_work():
        add_operator("olga@platform.example", "Olga Operator", PASSWORD, at=MONDAY_NOON)
    yield "olga@platform.example"
    db.session.remove()
    _current.set(None)
    with psycopg.connect(os.environ["DATABASE_URL"].replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute(f"TRUNCATE {TOUCHED} CASCADE")


@pytest.fixture
def browser(app: Flask, operator: str) -> Browser:
    """A browser at the platform's host."""
    made = app.test_client()
    assert isinstance(made, Browser)
    made.host = settings().platform_host
    made.environ_base["REMOTE_ADDR"] = ".".join(str(random.randint(1, 250)) for _ in range(4))
    return made
