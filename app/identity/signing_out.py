"""Ending what somebody has started, in all the realms they may enter."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.audit.services import Actor, record
from app.identity.models import User
from app.identity.queries import get_user_for_update, person_of
from app.identity.realms import realms_of
from app.identity.remembered import forget_all
from app.identity.roles import require_may_manage
from app.identity.sessions import end_sessions


def end_all_sessions(user: User, *, except_id: UUID | None = None) -> None:
    """End a person's sessions, but one, and let no browser stay signed in."""
    for realm_id in realms_of(person_of(user)):
        end_sessions(realm_id, user.id, except_id=except_id)
        forget_all(realm_id, user.id)


def sign_person_out(user_id: UUID, *, actor: Actor, at: datetime) -> None:
    """End the sessions of somebody one looks after: a lost telephone, a shared computer (BC-28).

    They may sign in again at once. Raises UserNotFound, RightsNotHeld.
    """
    user = get_user_for_update(user_id)
    require_may_manage(user, actor)
    end_all_sessions(user)
    record("user.signed_out", actor=actor, at=at, target_kind="user", target_id=user_id)
