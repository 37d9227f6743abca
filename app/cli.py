"""`flask` commands of an installation, beside Flask-Migrate's `flask db`."""

from __future__ import annotations

import click
from flask import Flask


@click.command("seed")
def seed_command() -> None:
    """Fill the demo; a second run adds nothing."""
    from app.seed import seed  # noqa: PLC0415 - the demo's data is needed by this command alone

    seed()


def install_commands(app: Flask) -> None:
    """Register the commands."""
    app.cli.add_command(seed_command)
