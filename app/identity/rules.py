"""What a realm asks for beside a password: a mailed code, an authenticator app, a new password every so often."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from app.identity.devices import is_trusted
from app.identity.mails import settings_of_realm
from app.identity.models import Credential, SignInName, SignInStep
from app.identity.passwords import BSS_PASSWORDS, STOREFRONT_PASSWORDS, PasswordPolicy
from app.identity.realms import is_bss_realm
from app.identity.second_factor import has_app
from tenants.settings import distributor_settings


class AppRule(enum.Enum):
    """Whether people of a realm sign in with an authenticator app (BC-02)."""

    OFF = "off"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class SignInRules:
    """The rules of one realm. Local passwords only: who comes from an identity provider is asked nothing here."""

    has_mail_code: bool
    app: AppRule
    password_age: timedelta | None  # None: it never expires


def rules_of(realm_id: UUID) -> SignInRules:
    """Return what a realm's owner has set."""
    if is_bss_realm(realm_id):
        back_office = distributor_settings()
        return SignInRules(False, AppRule(back_office.bss_second_factor), _age(back_office.bss_password_days))
    storefront = settings_of_realm(realm_id)
    return SignInRules(storefront.second_factor_by_mail, AppRule.OPTIONAL, _age(storefront.password_days))


def passwords_of(realm_id: UUID) -> PasswordPolicy:
    """Return what new passwords of a realm need; of a reseller's staff the root's count, where theirs stand (SF-13)."""
    if is_bss_realm(realm_id):
        return BSS_PASSWORDS
    return replace(STOREFRONT_PASSWORDS, min_length=settings_of_realm(realm_id).password_length)


def code_step(name: SignInName, device: str | None, *, at: datetime) -> SignInStep | None:
    """Return the code that is asked for after the password, None for a trusted browser or where there is none."""
    rules = rules_of(name.realm_id)
    if is_trusted(name.realm_id, name.user_id, device, at=at):
        return None
    if rules.app is not AppRule.OFF and has_app(name.credential_realm_id, name.user_id):
        return SignInStep.APP_CODE
    return SignInStep.MAIL_CODE if rules.has_mail_code else None


def first_step(name: SignInName, credential: Credential, device: str | None, *, at: datetime) -> SignInStep | None:
    """Return what is asked for after a right password, or instead of it: a code, the set-up of an app, a new password."""
    code = code_step(name, device, at=at)
    if code is not None:
        return code
    if rules_of(name.realm_id).app is AppRule.REQUIRED and not has_app(name.credential_realm_id, name.user_id):
        return SignInStep.SET_UP_APP
    return last_step(name, credential, at=at)


def last_step(name: SignInName, credential: Credential, *, at: datetime) -> SignInStep | None:
    """Return what is asked for after any code: a new password where the present one is too old."""
    age = rules_of(name.realm_id).password_age
    return SignInStep.NEW_PASSWORD if age is not None and at - credential.changed_at >= age else None


def _age(days: int) -> timedelta | None:
    return timedelta(days=days) if days else None
