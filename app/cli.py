"""`flask` commands of an installation, beside Flask-Migrate's `flask db`."""

from __future__ import annotations

from datetime import timedelta

import click
from flask import Flask
from sqlalchemy import select

from app.audit import chain
from app.core.clock import utc_now
from app.core.db import Role, session, unit_of_work, using_role
from tenants.context import distributor_scope, scope
from tenants.models import Distributor

MONTH = timedelta(days=30.44)


@click.command("seed")
def seed_command() -> None:
    """Fill the demo; a second run adds nothing."""
    from app.seed import seed  # noqa: PLC0415 - the demo's data is needed by this command alone

    seed()


@click.group("audit")
def audit_group() -> None:
    """The audit trail of all distributors."""


@audit_group.command("verify")
def verify_command() -> None:
    """Check each distributor's chain; ends with 1 where one is broken."""
    broken = False
    with using_role(Role.BULK):
        for distributor in _distributors():
            with scope(distributor_scope(distributor.id)):
                found = chain.verify()
            broken = broken or found.problem is not None
            state = found.problem or "intact"
            numbers = f"links {found.first} to {found.last}, {found.erased} erased, {found.waiting} not linked yet"
            print(f"{distributor.name}: {state} ({numbers})")
    if broken:
        raise SystemExit(1)


@audit_group.command("expire")
@click.option("--months", type=click.IntRange(24), default=36, show_default=True, help="Keep events this long.")
def expire_command(months: int) -> None:
    """Remove events older than so many months, leaving a signed checkpoint in each chain."""
    at = utc_now()
    with using_role(Role.BULK):
        for distributor in _distributors():
            with scope(distributor_scope(distributor.id)), unit_of_work():
                removed = chain.expire(at - months * MONTH, at=at)
            print(f"{distributor.name}: {removed} removed")


def _distributors() -> list[Distributor]:
    found = list(session.scalars(select(Distributor).order_by(Distributor.name)))
    for distributor in found:
        session.expunge(distributor)
    return found


def install_commands(app: Flask) -> None:
    """Register the commands."""
    app.cli.add_command(seed_command)
    app.cli.add_command(audit_group)
