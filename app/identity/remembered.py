"""Staying signed in: a secret that starts sessions for 30 days and is changed each time it does (BC-28).

Whoever shows a secret that has been changed already has a copy of it: all of the person's remembered sign-ins end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, or_, select

from app.audit.services import Actor, record
from app.core.db import session
from app.core.secrets import digest, new_token
from app.identity.companies.queries import takes_password
from app.identity.locking import lock_credential
from app.identity.models import RememberedSignIn, SignInName, UserStatus
from app.identity.realms import open_realm
from app.identity.rules import first_step
from app.identity.sessions import end_sessions, start_session
from tenants.context import current_scope

VALID_FOR = timedelta(days=30)
GRACE = timedelta(seconds=30)  # two pages that were asked for at once come with the same secret


@dataclass(frozen=True, slots=True)
class Resumed:
    """A session that was started without a password. `remember` None: another request has just changed the secret."""

    token: str
    remember: str | None


def remember(name: SignInName, *, at: datetime) -> str:
    """Return a secret that starts sessions of a sign-in name for 30 days."""
    secret = new_token()
    with open_realm(name.realm_id):
        session.add(
            RememberedSignIn(
                realm_id=name.realm_id,
                token_digest=digest(secret),
                rotated_at=at,
                sign_in_name_id=name.id,
                user_id=name.user_id,
                valid_until=at + VALID_FOR,
            )
        )
        session.flush()
    return secret


def resume(
    realm_id: UUID, secret: str, *, device: str | None, at: datetime, address: str | None, browser: str | None
) -> Resumed | None:
    """Start a session for a remembered browser and change its secret; None where it opens nothing.

    It stands in for the password and nothing else: where a code, the set-up of an app or a new password is asked for, the
    person signs in. The caller commits in both cases: a copied secret ends all that was remembered.
    """
    shown = digest(secret)
    with open_realm(realm_id):
        row = session.scalar(
            select(RememberedSignIn)
            .where(
                RememberedSignIn.distributor_id == current_scope().distributor_id,
                RememberedSignIn.realm_id == realm_id,
                or_(RememberedSignIn.token_digest == shown, RememberedSignIn.earlier_digest == shown),
            )
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        if row is None or row.valid_until <= at:
            return None
        is_earlier = row.token_digest != shown
        if is_earlier and at - row.rotated_at > GRACE:
            _end_all(row, at=at, address=address)
            return None
        name = session.scalar(
            select(SignInName).where(
                SignInName.distributor_id == row.distributor_id,
                SignInName.id == row.sign_in_name_id,
                SignInName.status == UserStatus.ACTIVE,
            )
        )
        if name is None:
            session.delete(row)
            return None
    credential = lock_credential(name)
    if credential is None or first_step(name, credential, device, at=at) is not None or not takes_password(name):
        return None
    with open_realm(realm_id):
        token, _ = start_session(name, at=at, address=address, browser=browser)
        actor = Actor(name.user_id, name.full_name, reseller_id=name.reseller_id, address=address)
        record("sign_in.resumed", actor=actor, at=at, target_kind="user", target_id=name.user_id)
        if is_earlier:
            return Resumed(token, None)
        following = new_token()
        row.earlier_digest, row.token_digest, row.rotated_at = row.token_digest, digest(following), at
        session.flush()
        return Resumed(token, following)


def forget(realm_id: UUID, secret: str) -> None:
    """End one remembered sign-in: its person has signed out."""
    with open_realm(realm_id):
        session.execute(
            delete(RememberedSignIn).where(
                RememberedSignIn.distributor_id == current_scope().distributor_id,
                RememberedSignIn.realm_id == realm_id,
                RememberedSignIn.token_digest == digest(secret),
            )
        )


def forget_all(realm_id: UUID, user_id: UUID) -> None:
    """End every remembered sign-in of a person in a realm: a new password, or no access any more."""
    with open_realm(realm_id):
        session.execute(
            delete(RememberedSignIn).where(
                RememberedSignIn.distributor_id == current_scope().distributor_id,
                RememberedSignIn.realm_id == realm_id,
                RememberedSignIn.user_id == user_id,
            )
        )


def _end_all(row: RememberedSignIn, *, at: datetime, address: str | None) -> None:
    somebody = Actor(None, "Somebody with a copied cookie", address=address)
    record("user.remembered_sign_in_copied", actor=somebody, at=at, target_kind="user", target_id=row.user_id)
    realm_id, user_id = row.realm_id, row.user_id
    forget_all(realm_id, user_id)
    end_sessions(realm_id, user_id)
