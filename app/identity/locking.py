"""Wrong passwords in a row, and the lock they end in (SF-12, BC-02)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.audit.services import Actor, record
from app.core.db import session
from app.identity.mails import mail_person, realm_url
from app.identity.models import Credential, SignInName
from app.identity.realms import lock_of, open_realm, reseller_of
from app.notifications.services import MailTemplate
from tenants.context import current_scope


def lock_credential(name: SignInName) -> Credential | None:
    """Lock and return the password of a sign-in name: of parallel tries each waits for the one before."""
    with open_realm(name.credential_realm_id):
        return session.scalar(
            select(Credential)
            .where(
                Credential.distributor_id == current_scope().distributor_id,
                Credential.realm_id == name.credential_realm_id,
                Credential.user_id == name.user_id,
            )
            .with_for_update()
            .execution_options(populate_existing=True)
        )


def count_wrong_try(
    credential: Credential, name: SignInName, realm_id: UUID, *, at: datetime, address: str | None
) -> None:
    """Count a wrong try; the one that is too many locks the person and tells them, once."""
    with open_realm(credential.realm_id):
        credential.failed_tries += 1
        lock = lock_of(credential.realm_id).lock_after(credential.failed_tries)
        if lock is not None:
            credential.locked_until = at + lock
        session.flush()
    somebody = Actor(None, "Somebody with a wrong password", reseller_id=reseller_of(realm_id), address=address)
    record("sign_in.failed", actor=somebody, at=at, target_kind="user", target_id=name.user_id)
    if lock is None:
        return
    record("user.locked", actor=somebody, at=at, target_kind="user", target_id=name.user_id)
    mail_person(
        MailTemplate.USER_LOCKED,
        realm_id,
        email=name.email,
        full_name=name.full_name,
        fields={"reset_url": realm_url(realm_id, "/password"), "login_url": realm_url(realm_id, "/login")},
        user_id=name.user_id,
        at=at,
    )


def forget_wrong_tries(credential: Credential) -> None:
    """Begin to count anew: the person has proved who they are."""
    with open_realm(credential.realm_id):
        credential.failed_tries, credential.locked_until = 0, None
        session.flush()
