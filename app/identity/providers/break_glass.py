"""The way into the back office while passwords are off: an Admin's password and app code, on a path of its own (BC-27)."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from app.audit.services import Actor, record
from app.core.db import session
from app.identity.challenges import name_of
from app.identity.entering import Challenged, Visit
from app.identity.models import SignInStep, UserType
from app.identity.sign_in import sign_in


def sign_in_as_administrator(realm_id: UUID, email: str, password: str, visit: Visit) -> Challenged | None:
    """Ask an Admin with an authenticator app for its code; None for everybody else, as for a wrong password.

    No device is trusted here. The caller commits in every case.
    """
    attempt = session.begin_nested()
    found = sign_in(realm_id, email, password, replace(visit, device=None))
    if found is None:  # a wrong password stays counted
        attempt.commit()
        return None
    if isinstance(found, Challenged) and found.step is SignInStep.APP_CODE:
        name = name_of(realm_id, found.token, at=visit.at)
        if name.type is UserType.ADMIN:
            attempt.commit()
            record(
                "sign_in.break_glass",
                actor=Actor(name.user_id, name.full_name, address=visit.address),
                at=visit.at,
                target_kind="user",
                target_id=name.user_id,
            )
            return found
    attempt.rollback()
    return None
