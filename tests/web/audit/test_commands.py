"""`flask audit verify` tells each distributor's chain, and fails where one is broken."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from app.audit.chain import Verified
from app.cli import audit_group


@pytest.fixture
def run(app, monkeypatch, session, world):
    """Run a command on the test's own connection, with what verifying finds."""
    monkeypatch.setattr("app.cli.using_role", lambda _role: nullcontext())

    def call(problem: str | None):
        monkeypatch.setattr("app.audit.chain.verify", lambda: Verified(1, 7, 0, 2, problem))
        return app.test_cli_runner().invoke(audit_group, ["verify"])

    return call


def test_an_intact_chain_is_told(run):
    result = run(None)
    assert result.exit_code == 0
    assert "Nordwind Distribution: intact (links 1 to 7, 0 erased, 2 not linked yet)" in result.output


def test_a_broken_chain_ends_with_an_error(run):
    result = run("Link 3 is missing")
    assert result.exit_code == 1
    assert "Link 3 is missing" in result.output
