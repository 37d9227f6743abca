"""The application, for rules about its routes."""

from __future__ import annotations

import pytest
from flask import Flask

from app.factory import create_app


@pytest.fixture(scope="session")
def app(database: None) -> Flask:
    """The application as it runs."""
    return create_app()
