"""Signing in with e-mail and password. Wrong realm, unknown address, wrong password and lock look and cost the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.audit.services import Actor, record
from app.core.db import session
from app.identity.mails import mail_person, realm_url
from app.identity.models import Credential, SignInName, UserKind, UserStatus, UserType
from app.identity.passwords import hash_password, is_outdated, is_password
from app.identity.realms import lock_of, open_realm, reseller_of
from app.identity.sessions import start_session
from app.notifications.services import MailTemplate
from tenants.context import current_scope

LONGEST_EMAIL = 254


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session; `token` is the cookie's secret and is known only now."""

    token: str
    session_id: UUID
    user_id: UUID
    kind: UserKind
    type: UserType
    roles: tuple[str, ...]


def normal_email(email: str) -> str:
    """Return an address as it is stored and compared: trimmed, lower case."""
    return email.strip().lower()


def sign_in(
    realm_id: UUID, email: str, password: str, *, at: datetime, address: str | None, browser: str | None
) -> SignedIn | None:
    """Start a session in a realm, or return None and count the wrong try: the caller commits in both cases.

    Of parallel tries at one user each waits for the one before, so no try goes uncounted. A lock sends one mail.
    Source: SF-12, BC-02.
    """
    name = _find_name(realm_id, normal_email(email))
    credential = None
    if name is not None:
        with open_realm(name.credential_realm_id):
            credential = session.scalar(
                select(Credential)
                .where(
                    Credential.distributor_id == current_scope().distributor_id,
                    Credential.realm_id == name.credential_realm_id,
                    Credential.user_id == name.user_id,
                )
                .with_for_update()
                .execution_options(populate_existing=True)
            )
    is_right = is_password(credential.password_hash if credential else None, password)
    if name is None or credential is None or name.status is not UserStatus.ACTIVE:
        return None
    if credential.locked_until is not None and credential.locked_until > at:
        return None
    with open_realm(credential.realm_id):
        if not is_right:
            _count_wrong_try(credential, name, realm_id, at=at, address=address)
            return None
        credential.failed_tries, credential.locked_until = 0, None
        if is_outdated(credential.password_hash):
            credential.password_hash = hash_password(password)
    return _start(name, at=at, address=address, browser=browser)


def sign_in_by_hop(
    realm_id: UUID,
    user_id: UUID,
    *,
    acting_account_id: UUID | None,
    at: datetime,
    address: str | None,
    browser: str | None,
) -> SignedIn | None:
    """Start a session for somebody who already proved who they are in another realm; None without access here."""
    with open_realm(realm_id):
        name = session.scalar(
            select(SignInName).where(
                SignInName.distributor_id == current_scope().distributor_id,
                SignInName.realm_id == realm_id,
                SignInName.user_id == user_id,
                SignInName.status == UserStatus.ACTIVE,
            )
        )
    if name is None:
        return None
    return _start(name, at=at, address=address, browser=browser, acting_account_id=acting_account_id)


def _find_name(realm_id: UUID, email: str) -> SignInName | None:
    if len(email) > LONGEST_EMAIL:
        return None
    with open_realm(realm_id):
        return session.scalar(
            select(SignInName).where(
                SignInName.distributor_id == current_scope().distributor_id,
                SignInName.realm_id == realm_id,
                SignInName.email == email,
            )
        )


def _count_wrong_try(
    credential: Credential, name: SignInName, realm_id: UUID, *, at: datetime, address: str | None
) -> None:
    credential.failed_tries += 1
    lock = lock_of(credential.realm_id).lock_after(credential.failed_tries)
    if lock is None:
        return
    credential.locked_until = at + lock
    somebody = Actor(None, "Somebody with a wrong password", reseller_id=reseller_of(realm_id), address=address)
    record("user.locked", actor=somebody, at=at, target_kind="user", target_id=name.user_id)
    mail_person(
        MailTemplate.USER_LOCKED,
        realm_id,
        email=name.email,
        full_name=name.full_name,
        fields={"reset_url": realm_url(realm_id, "/password"), "login_url": realm_url(realm_id, "/login")},
        at=at,
    )


def _start(
    name: SignInName,
    *,
    at: datetime,
    address: str | None,
    browser: str | None,
    acting_account_id: UUID | None = None,
) -> SignedIn:
    token, session_id = start_session(
        name, at=at, address=address, browser=browser, acting_account_id=acting_account_id
    )
    return SignedIn(token, session_id, name.user_id, name.kind, name.type, tuple(name.roles))
