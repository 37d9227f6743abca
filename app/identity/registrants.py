"""People who chose their password when they registered, before there was anybody it could belong to (SF-04)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.core.db import session
from app.identity.locking import count_wrong_try, lock_credential
from app.identity.models import Credential, SignInName, User, UserStatus
from app.identity.passwords import check_password, hash_password, is_password
from app.identity.queries import person_of
from app.identity.realms import credential_realm, open_realm
from app.identity.recovery import send_activation
from app.identity.rules import passwords_of
from app.identity.sign_in import normal_email
from tenants.context import current_scope


def hash_chosen_password(realm_id: UUID, password: str, *, name: str, email: str, is_wanted: bool) -> str:
    """Check a password against the realm's policy and return its hash, or "" where it is not wanted yet.

    Raises PasswordRefused. What was typed is kept nowhere.
    """
    check_password(password, passwords_of(realm_id), name=name, email=email)
    return hash_password(password) if is_wanted else ""


def keep_hash(user: User, realm_id: UUID, password_hash: str, *, at: datetime) -> None:
    """Make a hash the password of a person who has none; it opens nothing before the person is activated."""
    home = credential_realm(person_of(user), realm_id)
    with open_realm(home):
        session.add(
            Credential(
                realm_id=home, user_id=user.id, password_hash=password_hash, earlier_hashes=[], failed_tries=0,
                changed_at=at,
            )
        )  # fmt: skip


def is_chosen_password(name: SignInName, password: str, *, at: datetime, address: str | None) -> bool:
    """Whether somebody who activates knows the password of the registration; a wrong one counts. The caller commits."""
    credential = lock_credential(name)
    if credential is None or credential.is_locked(at):
        return False
    if is_password(credential.password_hash, password):
        return True
    count_wrong_try(credential, name, name.realm_id, at=at, address=address)
    return False


def standing_of(realm_id: UUID, email: str) -> SignInName | None:
    """Return the sign-in name an address has in a realm."""
    with open_realm(realm_id):
        return session.scalar(
            select(SignInName).where(
                SignInName.distributor_id == current_scope().distributor_id,
                SignInName.realm_id == realm_id,
                SignInName.email == normal_email(email),
            )
        )


def invite_again(name: SignInName, *, at: datetime) -> bool:
    """Mail a new activation link to somebody who has not used theirs; False where there is nothing to activate."""
    if name.status is not UserStatus.PENDING:
        return False
    user = session.scalars(
        select(User).where(User.distributor_id == current_scope().distributor_id, User.id == name.user_id)
    ).one()
    send_activation(user, name.realm_id, at=at)
    return True
