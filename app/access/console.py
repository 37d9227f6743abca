"""The console's requests: another database role, no scope, a cookie of its own."""

from __future__ import annotations

from contextlib import ExitStack
from uuid import UUID

from flask import g, request

from app.access.cookies import read_cookie
from app.access.viewer import Viewer
from app.core.clock import utc_now
from app.core.db import Role, unit_of_work, using_role
from app.identity.operators import find_operator, touch_operator
from app.identity.permissions import Permission
from app.identity.sessions import TOUCH_EVERY
from tenants.context import enter_scope

CONSOLE = "console"  # what the cookie is named and signed by


def open_console() -> Viewer | None:
    """Work under the console's database role until the request ends, and return the operator who is signed in."""
    enter_scope(None)
    role = ExitStack()
    role.enter_context(using_role(Role.PLATFORM))
    g.console_role = role
    token = read_cookie(CONSOLE)
    at = utc_now()
    facts = find_operator(token, at=at) if token else None
    if facts is None:
        return None
    if at - facts.last_seen_at >= TOUCH_EVERY:
        with unit_of_work():
            touch_operator(facts.token_digest, at=at)
    nobody = UUID(int=0)  # operators have no sign-in name, session row or realm of a distributor
    return Viewer(
        user_id=facts.operator_id,
        sign_in_name_id=nobody,
        session_id=nobody,
        realm_id=nobody,
        name=facts.name,
        email=facts.email,
        kind=None,
        is_admin=True,
        roles=(),
        account_id=None,
        reseller_id=None,
        permissions=frozenset({Permission.PLATFORM}),
        address=request.remote_addr,
        request_id=g.get("request_id"),
    )


def close_console() -> None:
    """Leave the console's database role, if it was entered."""
    role: ExitStack | None = g.pop("console_role", None)
    if role is not None:
        role.close()
