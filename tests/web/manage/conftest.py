"""A browser in the admin area of Tech Solutions, and quick ways to what it shows."""

from __future__ import annotations

from typing import Any, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.factories.world import World
from tests.web.conftest import SignIn

MANAGE = "/techsolutions/manage"


@pytest.fixture
def admin(sign_in: SignIn, world: World) -> FlaskClient:
    """Signed in as the reseller's Admin."""
    return sign_in(world.tech.admin)


@pytest.fixture
def visitor(app: Flask, world: World) -> FlaskClient:
    """Somebody not signed in."""
    browser: FlaskClient = app.test_client()
    cast("Any", browser).host = world.host
    return browser
