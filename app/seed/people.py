"""Letting people of the demo in without their activation mails: the password is known, the link is not needed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.identity.models import User, UserStatus
from app.identity.recovery import set_status_of_names, store_password
from app.seed.cast import PASSWORD


def let_in(user: User, home_realm_id: UUID, *, at: datetime) -> None:
    """Activate a person with the demo's password."""
    store_password(user, home_realm_id, PASSWORD, at=at)
    user.status, user.activated_at = UserStatus.ACTIVE, at
    set_status_of_names(user, UserStatus.ACTIVE)
