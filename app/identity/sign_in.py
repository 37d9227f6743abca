"""Signing in with e-mail and password. Wrong realm, unknown address, wrong password and lock look and cost the same."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from app.audit.services import Actor, record
from app.core.db import session
from app.identity.challenges import proceed
from app.identity.companies.queries import find_route
from app.identity.entering import Challenged, SignedIn, Visit, enter
from app.identity.locking import count_wrong_try, lock_credential
from app.identity.models import SignInName, UserStatus
from app.identity.passwords import hash_password, is_outdated, is_password
from app.identity.realms import open_realm
from tenants.context import current_scope

__all__ = ("Challenged", "SignedIn", "Visit", "normal_email", "sign_in", "sign_in_by_hop")
LONGEST_EMAIL = 254


def normal_email(email: str) -> str:
    """Return an address as it is stored and compared: trimmed, lower case."""
    return email.strip().lower()


def sign_in(
    realm_id: UUID, email: str, password: str, visit: Visit, *, is_remembered: bool = False
) -> SignedIn | Challenged | None:
    """Start a session in a realm, ask for a second factor, or return None and count the wrong try.

    The caller commits in every case. Of parallel tries at one user each waits for the one before, so no try goes
    uncounted. A lock sends one mail. People whose company takes no passwords get the same None for a right one.
    Source: SF-12, BC-02, GO-14.
    """
    route = find_route(realm_id, email)
    name = find_name(realm_id, normal_email(email))
    credential = lock_credential(name) if name is not None else None
    is_right = is_password(credential.password_hash if credential else None, password)
    if name is None or credential is None or name.status is not UserStatus.ACTIVE:
        return None
    if credential.is_locked(visit.at):
        return None
    if not is_right:
        count_wrong_try(credential, name, realm_id, at=visit.at, address=visit.address)
        return None
    if route is not None and not route.takes_password_of(name):
        return None
    if is_outdated(credential.password_hash):
        with open_realm(credential.realm_id):
            credential.password_hash = hash_password(password)
            session.flush()
    if route is not None and route.is_kept_for(name):
        actor = Actor(name.user_id, name.full_name, reseller_id=name.reseller_id, address=visit.address)
        record("sign_in.break_glass", actor=actor, at=visit.at, target_kind="user", target_id=name.user_id)
    return proceed(name, credential, visit, is_remembered=is_remembered)


def sign_in_by_hop(realm_id: UUID, user_id: UUID, visit: Visit, *, acting_account_id: UUID | None) -> SignedIn | None:
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
    return enter(name, visit, acting_account_id=acting_account_id)


def find_name(realm_id: UUID, email: str) -> SignInName | None:
    """Return the sign-in name of an address as it is compared; whether it may be used is the caller's to see."""
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
