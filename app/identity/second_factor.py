"""The second factor: an authenticator app (TOTP, RFC 6238), its recovery codes, and codes by e-mail (SF-12, BC-02).

The app stands in the realm of the password it goes with: reseller staff use one for the root and their own alias.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timedelta
from uuid import UUID

import pyotp
from sqlalchemy import delete, select, update

from app.audit.services import Actor, record
from app.core.db import session
from app.core.ids import new_id
from app.core.secrets import decrypt, digest, encrypt
from app.identity.errors import CodeRefused
from app.identity.mails import mail_person
from app.identity.models import AuthenticatorApp, RecoveryCode, SignInName
from app.identity.realms import open_realm
from app.notifications.services import MailTemplate
from tenants.context import current_scope

STEP_SECONDS = 30
DRIFT = 1  # steps before and after: a telephone's clock may be wrong by so much
CODES = 10
CODE_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without those that look alike
CODE_LENGTH = 10


def new_mail_code() -> str:
    """Return six digits for a mail."""
    return f"{secrets.randbelow(10**6):06d}"


def mail_sign_in_code(name: SignInName, code: str, *, valid_for: timedelta, at: datetime) -> None:
    """Mail a code to the address somebody signs in with."""
    mail_person(
        MailTemplate.SIGN_IN_CODE,
        name.realm_id,
        email=name.email,
        full_name=name.full_name,
        fields={"sign_in_code": code, "minutes": str(int(valid_for.total_seconds() // 60))},
        user_id=name.user_id,
        at=at,
    )


def code_digest(owner_id: UUID, code: str) -> str:
    """Return what is stored of a short code; the owner's id keeps equal codes of two people apart."""
    return digest(f"{owner_id}:{code.strip().replace(' ', '').replace('-', '').lower()}")


def is_code(stored: str | None, owner_id: UUID, code: str) -> bool:
    """Compare a typed code with a stored one in constant time."""
    return stored is not None and hmac.compare_digest(stored, code_digest(owner_id, code))


def find_app(realm_id: UUID, user_id: UUID, *, for_update: bool = False) -> AuthenticatorApp | None:
    """Return a person's app, confirmed or being set up; `realm_id` is where the password stands."""
    statement = select(AuthenticatorApp).where(
        AuthenticatorApp.distributor_id == current_scope().distributor_id,
        AuthenticatorApp.realm_id == realm_id,
        AuthenticatorApp.user_id == user_id,
    )
    if for_update:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    with open_realm(realm_id):
        return session.scalar(statement)


def has_app(realm_id: UUID, user_id: UUID) -> bool:
    """Whether a person signs in with an app."""
    app = find_app(realm_id, user_id)
    return app is not None and app.confirmed_at is not None


def begin_app(realm_id: UUID, user_id: UUID, *, at: datetime) -> str:
    """Return the secret of an app to be set up, the same until it is confirmed; raises CodeRefused where one is in use."""
    app = find_app(realm_id, user_id, for_update=True)
    if app is None:
        app = AuthenticatorApp(
            realm_id=realm_id, user_id=user_id, secret_encrypted=encrypt(pyotp.random_base32()), created_at=at
        )
        with open_realm(realm_id):
            session.add(app)
            session.flush()
    elif app.confirmed_at is not None:
        raise CodeRefused
    return decrypt(app.secret_encrypted)


def app_address(secret: str, *, name: str, issuer: str) -> str:
    """Return the otpauth:// address that a QR code shows to the app."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)


def confirm_app(realm_id: UUID, user_id: UUID, code: str, *, actor: Actor, at: datetime) -> tuple[str, ...]:
    """Put an app into use with its first code; returns the recovery codes, known only now. Raises CodeRefused."""
    app = find_app(realm_id, user_id, for_update=True)
    if app is None or app.confirmed_at is not None:
        raise CodeRefused
    with open_realm(realm_id):
        if not _takes(app, code, at):
            raise CodeRefused
        app.confirmed_at = at
        session.flush()
    record("user.second_factor_on", actor=actor, at=at, target_kind="user", target_id=user_id)
    return new_recovery_codes(realm_id, user_id, at=at)


def remove_app(realm_id: UUID, user_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Take the app and its recovery codes away: by the person, or by an administrator after a lost telephone."""
    with open_realm(realm_id):
        for model in (AuthenticatorApp, RecoveryCode):
            session.execute(
                delete(model).where(
                    model.distributor_id == current_scope().distributor_id,
                    model.realm_id == realm_id,
                    model.user_id == user_id,
                )
            )
    record("user.second_factor_off", actor=actor, at=at, target_kind="user", target_id=user_id)


def is_app_code(realm_id: UUID, user_id: UUID, code: str, *, at: datetime) -> bool:
    """Whether a code is the app's, or an unused recovery code; either opens once."""
    app = find_app(realm_id, user_id, for_update=True)
    if app is None or app.confirmed_at is None:
        return False
    with open_realm(realm_id):
        if _takes(app, code, at):
            session.flush()
            return True
        used = session.execute(
            update(RecoveryCode)
            .where(
                RecoveryCode.distributor_id == current_scope().distributor_id,
                RecoveryCode.realm_id == realm_id,
                RecoveryCode.user_id == user_id,
                RecoveryCode.code_digest == code_digest(user_id, code),
                RecoveryCode.used_at.is_(None),
            )
            .values(used_at=at)
        )
        return bool(used.rowcount)  # type: ignore[attr-defined]


def new_recovery_codes(realm_id: UUID, user_id: UUID, *, at: datetime) -> tuple[str, ...]:
    """Return ten new codes in the place of all earlier ones."""
    codes = tuple("".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH)) for _ in range(CODES))
    with open_realm(realm_id):
        session.execute(
            delete(RecoveryCode).where(
                RecoveryCode.distributor_id == current_scope().distributor_id,
                RecoveryCode.realm_id == realm_id,
                RecoveryCode.user_id == user_id,
            )
        )
        session.add_all(
            RecoveryCode(
                id=new_id(), realm_id=realm_id, user_id=user_id, code_digest=code_digest(user_id, code), created_at=at
            )
            for code in codes
        )
        session.flush()
    return tuple(f"{code[:5]}-{code[5:]}" for code in codes)


def count_recovery_codes(realm_id: UUID, user_id: UUID) -> int:
    """Return how many recovery codes are left."""
    with open_realm(realm_id):
        found = session.scalars(
            select(RecoveryCode.id).where(
                RecoveryCode.distributor_id == current_scope().distributor_id,
                RecoveryCode.realm_id == realm_id,
                RecoveryCode.user_id == user_id,
                RecoveryCode.used_at.is_(None),
            )
        ).all()
    return len(found)


def _takes(app: AuthenticatorApp, code: str, at: datetime) -> bool:
    """Whether a code is of a step later than the last one that opened; it becomes the last one."""
    typed = code.strip().replace(" ", "")
    if not (typed.isascii() and typed.isdigit()):
        return False
    totp = pyotp.TOTP(decrypt(app.secret_encrypted))
    now = int(at.timestamp()) // STEP_SECONDS
    for step in range(now - DRIFT, now + DRIFT + 1):
        if step > app.last_step and hmac.compare_digest(totp.at(step * STEP_SECONDS), typed):
            app.last_step = step
            return True
    return False
