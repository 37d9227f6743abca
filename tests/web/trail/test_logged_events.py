"""What is told of although nothing was changed: coming in, failing to, taking a list away (BC-30, SF section on audit)."""

from __future__ import annotations

from sqlalchemy import select

from app.audit.models import AuditEvent
from tenants.context import scope
from tests.domain.identity.people import PASSWORD, give_password


def events(session, world, action):
    with scope(world.scope):
        return session.scalars(select(AuditEvent).where(AuditEvent.action == action).order_by(AuditEvent.id)).all()


def come(client, email, password, path="/bss/login"):
    return client.post(path, data={"email": email, "password": password}, environ_base={"REMOTE_ADDR": "192.0.2.9"})


def test_coming_in_and_failing_to_is_told(client, session, world):
    """BC-30: login ok and failed, with the address; never a password."""
    give_password(world, world.bss_user, world.id)
    come(client, world.bss_user.email, "Wrong-1234")
    come(client, world.bss_user.email, PASSWORD)
    (failed,), (came,) = (events(session, world, f"sign_in.{how}") for how in ("failed", "succeeded"))

    assert (failed.target_id, failed.actor_id, failed.address) == (world.bss_user.id, None, "192.0.2.9")
    assert (came.target_id, came.actor_id, came.channel) == (world.bss_user.id, world.bss_user.id, "bss")
    assert "Wrong-1234" not in str(failed.after) + str(failed.before)


def test_an_unknown_address_is_not_told_of(client, session, world):
    """Or anybody could fill the log."""
    come(client, "nobody@nowhere.example", "Wrong-1234")
    assert events(session, world, "sign_in.failed") == []


def test_taking_a_list_away_is_told(client, session, world, sign_in):
    """BC-31: exports are audited."""
    sign_in(world.bss_user)
    client.get("/bss/accounts?format=csv")
    client.get("/bss/audit?format=xlsx")
    told = [
        (each.actor_id, each.after["list"], each.after["format"]) for each in events(session, world, "list.exported")
    ]

    assert told == [(world.bss_user.id, "accounts", "csv"), (world.bss_user.id, "audit-log", "xlsx")]
