"""Setting a password: by activation link, by reset link, or knowing the present one (SF-13, BC-02)."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update

from app.audit.services import Actor, record
from app.core.db import session
from app.identity.errors import LinkNoLongerValid
from app.identity.links import count_links, find_holder, get_holder, make_link, use_link
from app.identity.mails import local_time, mail_person, owner_name, realm_url
from app.identity.models import Credential, SignInName, TokenPurpose, User, UserStatus
from app.identity.passwords import NOT_REUSED, check_password, check_unused, hash_password
from app.identity.queries import get_user, get_user_for_update, person_of
from app.identity.realms import (
    Person,
    credential_realm,
    open_realm,
    realms_of,
    scope_of,
)
from app.identity.rules import passwords_of
from app.identity.signing_out import end_all_sessions
from app.notifications.services import MailTemplate
from tenants.context import current_scope, scope

A_DAY, RESENDS_A_DAY = timedelta(days=1), 5  # beside the first one


def send_activation(user: User, realm_id: UUID, *, at: datetime) -> str:
    """Make an activation link (72 h), mail it (RSN-6) and return its address, for staff to hand over."""
    link = make_link(TokenPurpose.ACTIVATION, realm_id, user.id, at=at)
    url = realm_url(realm_id, f"/activate/{link.token}")
    mail_person(
        MailTemplate.USER_ACTIVATION,
        realm_id,
        email=user.email,
        full_name=user.full_name,
        fields={
            "company_name": owner_name(realm_id),
            "activation_url": url,
            "valid_until": local_time(link.valid_until, realm_id),
        },
        user_id=user.id,
        at=at,
    )
    return url


def send_reset(user_id: UUID, realm_id: UUID, *, email: str, full_name: str, at: datetime) -> str:
    """Make a reset link (60 min), mail it (RSN-8) and return its address."""
    link = make_link(TokenPurpose.RESET, realm_id, user_id, at=at)
    url = realm_url(realm_id, f"/password/{link.token}")
    mail_person(
        MailTemplate.PASSWORD_RESET,
        realm_id,
        email=email,
        full_name=full_name,
        fields={"reset_url": url, "valid_until": local_time(link.valid_until, realm_id)},
        user_id=user_id,
        at=at,
    )
    return url


def store_password(user: User, realm_id: UUID, password: str, *, at: datetime) -> None:
    """Set the password and end a lock; raises PasswordRefused, also for one of the last five.

    `realm_id` is where the password stands.
    """
    check_password(password, passwords_of(realm_id), name=user.full_name, email=user.email)
    with open_realm(realm_id):
        credential = session.scalar(
            select(Credential)
            .where(
                Credential.distributor_id == user.distributor_id,
                Credential.realm_id == realm_id,
                Credential.user_id == user.id,
            )
            .with_for_update()
        )
        if credential is None:
            credential = Credential(realm_id=realm_id, user_id=user.id, earlier_hashes=[])
            session.add(credential)
        else:
            known = [credential.password_hash, *credential.earlier_hashes]
            check_unused(password, known)
            credential.earlier_hashes = known[: NOT_REUSED - 1]
        credential.password_hash = hash_password(password)
        credential.failed_tries, credential.locked_until, credential.changed_at = 0, None, at


def activate(realm_id: UUID, token: str, password: str | None, *, at: datetime) -> None:
    """Spend an activation link: set the first password and let the person in (RSN-7).

    `password` None keeps the one that was chosen at registration (SF-04): without one the link opens nothing.
    Raises LinkNoLongerValid, PasswordRefused; the link still works after a refused password if the caller rolls back.
    """
    holder = use_link(TokenPurpose.ACTIVATION, realm_id, token, at=at)
    if holder.name.status is not UserStatus.PENDING:
        raise LinkNoLongerValid
    with scope(scope_of(holder.person)):
        user = get_user_for_update(holder.user_id)
        if password is not None:
            store_password(user, holder.name.credential_realm_id, password, at=at)
        elif not has_password(holder.name):
            raise LinkNoLongerValid
        user.status, user.activated_at = UserStatus.ACTIVE, at
        set_status_of_names(user, UserStatus.ACTIVE)
        record("user.activated", actor=_actor(user), at=at, target_kind="user", target_id=user.id)
    mail_person(
        MailTemplate.ACTIVATION_DONE,
        realm_id,
        email=user.email,
        full_name=user.full_name,
        fields={"login_url": realm_url(realm_id, "/login")},
        user_id=user.id,
        at=at,
    )


def has_password(name: SignInName) -> bool:
    """Whether a password stands already for a sign-in name: a registrant chose it (SF-04)."""
    with open_realm(name.credential_realm_id):
        found = session.scalar(
            select(Credential.id).where(
                Credential.distributor_id == name.distributor_id,
                Credential.realm_id == name.credential_realm_id,
                Credential.user_id == name.user_id,
            )
        )
    return found is not None


def request_new_activation(realm_id: UUID, token: str, *, at: datetime) -> None:
    """Mail a new activation link to the holder of one that no longer works; silent where there is nothing to activate.

    Silent too after five in a day (SF-04): people of staff may still send one by hand.
    """
    holder = find_holder(TokenPurpose.ACTIVATION, realm_id, token, at=at)
    if holder is None or holder.name.status is not UserStatus.PENDING:
        return
    if count_links(realm_id, holder.user_id, TokenPurpose.ACTIVATION, since=at - A_DAY) >= RESENDS_A_DAY + 1:
        return
    with scope(scope_of(holder.person)):
        send_activation(get_user(holder.user_id), realm_id, at=at)


def reset_password(realm_id: UUID, token: str, password: str, *, at: datetime) -> None:
    """Spend a reset link: new password, no lock, every session ended (RSN-9). Raises LinkNoLongerValid, PasswordRefused."""
    holder = use_link(TokenPurpose.RESET, realm_id, token, at=at)
    if holder.name.status is not UserStatus.ACTIVE:
        raise LinkNoLongerValid
    with scope(scope_of(holder.person)):
        user = get_user(holder.user_id)
        store_password(user, holder.name.credential_realm_id, password, at=at)
        end_all_sessions(user)
        record("user.password_reset", actor=_actor(user), at=at, target_kind="user", target_id=user.id)
    _tell_password_changed(user, realm_id, at=at)


def change_password(
    user_id: UUID, realm_id: UUID, *, new: str, keep_session_id: UUID, actor: Actor, at: datetime
) -> None:
    """Change one's own password once the present one was typed; other sessions end. Raises PasswordRefused."""
    user = get_user(user_id)
    home = credential_realm(person_of(user), realm_id)
    store_password(user, home, new, at=at)
    end_all_sessions(user, except_id=keep_session_id)
    record("user.password_changed", actor=actor, at=at, target_kind="user", target_id=user_id)
    _tell_password_changed(user, realm_id, at=at)


def replace_expired_password(realm_id: UUID, user_id: UUID, password: str, *, at: datetime) -> None:
    """Set a new password in the middle of a sign-in: the present one was right, and is too old. Raises PasswordRefused."""
    name = name_of_user(realm_id, user_id)
    with scope(scope_of(Person(name.kind, name.reseller_id, name.account_id))):
        user = get_user(user_id)
        store_password(user, name.credential_realm_id, password, at=at)
        end_all_sessions(user)
        record("user.password_changed", actor=_actor(user), at=at, target_kind="user", target_id=user.id)
    _tell_password_changed(user, realm_id, at=at)


def name_of_user(realm_id: UUID, user_id: UUID) -> SignInName:
    """Return a person's sign-in name in a realm."""
    with open_realm(realm_id):
        return session.scalars(
            select(SignInName).where(
                SignInName.distributor_id == current_scope().distributor_id,
                SignInName.realm_id == realm_id,
                SignInName.user_id == user_id,
            )
        ).one()


def check_link(purpose: TokenPurpose, realm_id: UUID, token: str, *, at: datetime) -> SignInName:
    """Return the sign-in name a working link belongs to, for the page that asks for a password; raises LinkNoLongerValid."""
    return get_holder(purpose, realm_id, token, at=at).name


def set_status_of_names(user: User, status: UserStatus) -> None:
    """Bring the status of the user's sign-in names in step with the user's."""
    for realm_id in realms_of(person_of(user)):
        with open_realm(realm_id):
            session.execute(
                update(SignInName)
                .where(
                    SignInName.distributor_id == user.distributor_id,
                    SignInName.realm_id == realm_id,
                    SignInName.user_id == user.id,
                )
                .values(status=status)
            )


def _tell_password_changed(user: User, realm_id: UUID, *, at: datetime) -> None:
    mail_person(
        MailTemplate.PASSWORD_CHANGED,
        realm_id,
        email=user.email,
        full_name=user.full_name,
        fields={"login_url": realm_url(realm_id, "/login")},
        user_id=user.id,
        at=at,
    )


def _actor(user: User) -> Actor:
    return Actor(user.id, user.full_name, reseller_id=user.reseller_id)
