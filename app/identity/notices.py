"""What administrators of the back office are told of each other (BC-03)."""

from __future__ import annotations

from datetime import datetime

from app.audit.services import Actor
from app.identity.mails import mail_person
from app.identity.models import User, UserStatus, UserType
from app.identity.queries import UserFilter, list_bss_users
from app.notifications.templates import MailTemplate
from tenants.context import current_scope

BECAME, CEASED = "is now an administrator", "is no longer an administrator"


def tell_administrators(user: User, what: str, *, actor: Actor, at: datetime) -> None:
    """Mail all active administrators that somebody became one or is one no more."""
    for administrator in list_bss_users(UserFilter(status=UserStatus.ACTIVE, type=UserType.ADMIN)):
        mail_person(
            MailTemplate.ADMINISTRATORS_CHANGED,
            current_scope().distributor_id,
            email=administrator.email,
            full_name=administrator.full_name,
            fields={"person_name": user.full_name, "person_email": user.email, "what": what, "by": actor.name},
            user_id=administrator.id,
            at=at,
        )
