"""Changing the address one signs in with: password, new address, code by mail, and only then (SF-16)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select, update

from app.audit.services import Actor, record
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.identity.admission import is_address_taken
from app.identity.companies.queries import takes_password
from app.identity.errors import ChallengeEnded, CodeRefused, TooSoon
from app.identity.locking import count_wrong_try, lock_credential
from app.identity.mails import mail_person
from app.identity.models import EmailChange, SignInName, User
from app.identity.passwords import is_password
from app.identity.queries import get_user_for_update, person_of
from app.identity.realms import open_realm, realms_of
from app.identity.second_factor import code_digest, is_code, new_mail_code
from app.identity.services import address_errors
from app.identity.sessions import end_sessions
from app.identity.sign_in import normal_email
from app.notifications.services import MailTemplate
from tenants.context import current_scope

VALID_FOR = timedelta(minutes=10)
WRONG_CODES = 5
RESEND_AFTER = timedelta(seconds=60)
COMPANYS_ADDRESS = "Your company signs you in with your present address. Ask your administrator."


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks, in which realm, and from where."""

    user_id: UUID
    realm_id: UUID
    session_id: UUID
    actor: Actor


class WrongPassword(Invalid):
    """The present password is wrong; the try is counted, so the caller commits."""

    code = "wrong_password"

    def __init__(self) -> None:
        super().__init__(FieldError("current", "wrong_password", "This is not your present password"))


def is_present_password(requester: Requester, password: str, *, at: datetime) -> bool:
    """Whether somebody signed in typed their password; a wrong one counts to the lock. The caller commits."""
    name = _name(requester)
    credential = lock_credential(name)
    if credential is None or credential.is_locked(at):
        return False
    if is_password(credential.password_hash, password):
        return True
    count_wrong_try(credential, name, requester.realm_id, at=at, address=requester.actor.address)
    return False


def ask_for_email(requester: Requester, new_email: str, *, at: datetime) -> None:
    """Mail a code to the address somebody wants to sign in with; one that was asked for before is dropped.

    Raises Invalid at `new_email`: not an address, the same, or one that cannot be used; any, where the person's company
    has switched passwords off: with an address elsewhere they would be on again (GO-14).
    """
    user, wanted = get_user_for_update(requester.user_id), normal_email(new_email)
    errors = list(address_errors("new_email", wanted))
    if not errors and wanted == user.email:
        errors.append(FieldError("new_email", "same", "This is your address already"))
    if not errors and is_address_taken(wanted, person_of(user), apart_from=user.id):
        errors.append(FieldError("new_email", "email_in_use", "This address cannot be used"))
    if not errors and not takes_password(_name(requester)):
        errors.append(FieldError("new_email", "company_sign_in", COMPANYS_ADDRESS))
    if errors:
        raise Invalid(*errors)
    with open_realm(requester.realm_id):
        session.execute(
            delete(EmailChange).where(
                EmailChange.distributor_id == user.distributor_id,
                EmailChange.realm_id == requester.realm_id,
                EmailChange.user_id == user.id,
            )
        )
        change = EmailChange(
            realm_id=requester.realm_id,
            user_id=user.id,
            new_email=wanted,
            code_digest="",
            code_sent_at=at,
            wrong_tries=0,
            valid_until=at + VALID_FOR,
        )
        session.add(change)
        session.flush()
    _mail_code(change, user, at=at)


def send_email_code_again(requester: Requester, *, at: datetime) -> None:
    """Mail a new code, valid for another ten minutes; wrong ones count on. Raises ChallengeEnded, TooSoon within a minute."""
    change = find_change(requester)
    if change is None:
        raise ChallengeEnded
    if at - change.code_sent_at < RESEND_AFTER:
        raise TooSoon
    _mail_code(change, get_user_for_update(requester.user_id), at=at)


def find_change(requester: Requester) -> EmailChange | None:
    """Return the address that waits for its code."""
    with open_realm(requester.realm_id):
        return session.scalar(
            select(EmailChange)
            .where(
                EmailChange.distributor_id == current_scope().distributor_id,
                EmailChange.realm_id == requester.realm_id,
                EmailChange.user_id == requester.user_id,
            )
            .execution_options(populate_existing=True)
        )


def verify_email(requester: Requester, code: str, *, at: datetime) -> bool:
    """Sign in with the new address from now on; other sessions end, the old address is told.

    False for a wrong or late code, which is counted: the caller commits. Raises ChallengeEnded after five, Invalid where
    somebody else has taken the address in between.
    """
    user = get_user_for_update(requester.user_id)
    change = find_change(requester)
    if change is None or change.wrong_tries >= WRONG_CODES:
        raise ChallengeEnded
    if change.valid_until <= at or not is_code(change.code_digest, change.id, code):
        with open_realm(requester.realm_id):
            change.wrong_tries += 1
            session.flush()
        return False
    person = person_of(user)
    if is_address_taken(change.new_email, person, apart_from=user.id):
        raise Invalid(FieldError("code", "email_in_use", "This address cannot be used"))
    if not takes_password(_name(requester)):
        raise Invalid(FieldError("code", "company_sign_in", COMPANYS_ADDRESS))
    before, user.email = user.email, change.new_email
    session.flush()
    for realm_id in realms_of(person):
        with open_realm(realm_id):
            session.execute(
                update(SignInName)
                .where(
                    SignInName.distributor_id == user.distributor_id,
                    SignInName.realm_id == realm_id,
                    SignInName.user_id == user.id,
                )
                .values(email=user.email)
            )
        end_sessions(realm_id, user.id, except_id=requester.session_id)
    with open_realm(requester.realm_id):
        session.delete(change)
        session.flush()
    record(
        "user.email_changed", actor=requester.actor, at=at, target_kind="user", target_id=user.id,
        before={"email": before}, after={"email": user.email},
    )  # fmt: skip
    mail_person(
        MailTemplate.EMAIL_CHANGED,
        requester.realm_id,
        email=before,
        full_name=user.full_name,
        fields={"new_email": user.email},
        user_id=user.id,
        at=at,
    )
    return True


def _name(requester: Requester) -> SignInName:
    with open_realm(requester.realm_id):
        return session.scalars(
            select(SignInName).where(
                SignInName.distributor_id == current_scope().distributor_id,
                SignInName.realm_id == requester.realm_id,
                SignInName.user_id == requester.user_id,
            )
        ).one()


def _mail_code(change: EmailChange, user: User, *, at: datetime) -> None:
    code = new_mail_code()
    with open_realm(change.realm_id):
        change.code_digest, change.code_sent_at = code_digest(change.id, code), at
        change.valid_until = at + VALID_FOR
        session.flush()
    mail_person(
        MailTemplate.EMAIL_CODE,
        change.realm_id,
        email=change.new_email,
        full_name=user.full_name,
        fields={"email_code": code, "minutes": str(int(VALID_FOR.total_seconds() // 60))},
        user_id=user.id,
        at=at,
    )


__all__ = (
    "CodeRefused", "Requester", "WrongPassword", "ask_for_email", "find_change", "is_present_password",
    "send_email_code_again", "verify_email",
)  # fmt: skip
