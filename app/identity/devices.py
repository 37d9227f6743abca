"""Browsers people sign in with: a new one is told by mail, a trusted one is not asked for a code (SF-12, BC-28)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import exists, select, update

from app.core.db import session
from app.core.secrets import digest, new_token
from app.identity.mails import local_time, mail_person, realm_url
from app.identity.models import SignInDevice, SignInName
from app.identity.realms import open_realm
from app.notifications.services import MailTemplate
from tenants.context import current_scope

TRUSTED_FOR = timedelta(days=30)


def is_trusted(realm_id: UUID, user_id: UUID, device: str | None, *, at: datetime) -> bool:
    """Whether a browser's secret is one the person trusts."""
    found = _find(realm_id, user_id, device)
    return found is not None and found.trusted_until is not None and found.trusted_until > at


def note_device(
    name: SignInName, device: str | None, *, trust: bool, at: datetime, address: str | None, browser: str | None
) -> str:
    """Remember the browser of a sign-in and return its secret; a new one of somebody known gets a mail.

    `device` is the secret the browser brought, if any.
    """
    found = _find(name.realm_id, name.user_id, device)
    with open_realm(name.realm_id):
        if found is not None and device is not None:
            found.last_seen_at = at
            if trust:
                found.trusted_until = at + TRUSTED_FOR
            session.flush()
            return device
        is_first = not session.scalar(
            select(
                exists().where(
                    SignInDevice.distributor_id == current_scope().distributor_id,
                    SignInDevice.realm_id == name.realm_id,
                    SignInDevice.user_id == name.user_id,
                )
            )
        )
        secret = new_token()
        session.add(
            SignInDevice(
                realm_id=name.realm_id,
                user_id=name.user_id,
                token_digest=digest(secret),
                browser=browser[:300] if browser else None,
                trusted_until=at + TRUSTED_FOR if trust else None,
                first_seen_at=at,
                last_seen_at=at,
            )
        )
        session.flush()
    if not is_first:
        _tell(name, at=at, address=address, browser=browser)
    return secret


def list_devices(realm_id: UUID, user_id: UUID) -> Sequence[SignInDevice]:
    """Return a person's browsers, the last used first."""
    with open_realm(realm_id):
        return session.scalars(
            select(SignInDevice)
            .where(
                SignInDevice.distributor_id == current_scope().distributor_id,
                SignInDevice.realm_id == realm_id,
                SignInDevice.user_id == user_id,
            )
            .order_by(SignInDevice.last_seen_at.desc())
        ).all()


def distrust_devices(realm_id: UUID, user_id: UUID) -> None:
    """Ask for a code in every browser again."""
    with open_realm(realm_id):
        session.execute(
            update(SignInDevice)
            .where(
                SignInDevice.distributor_id == current_scope().distributor_id,
                SignInDevice.realm_id == realm_id,
                SignInDevice.user_id == user_id,
            )
            .values(trusted_until=None)
        )


def _find(realm_id: UUID, user_id: UUID, device: str | None) -> SignInDevice | None:
    if not device:
        return None
    with open_realm(realm_id):
        return session.scalar(
            select(SignInDevice).where(
                SignInDevice.distributor_id == current_scope().distributor_id,
                SignInDevice.realm_id == realm_id,
                SignInDevice.user_id == user_id,
                SignInDevice.token_digest == digest(device),
            )
        )


def _tell(name: SignInName, *, at: datetime, address: str | None, browser: str | None) -> None:
    mail_person(
        MailTemplate.NEW_DEVICE,
        name.realm_id,
        email=name.email,
        full_name=name.full_name,
        fields={
            "browser": (browser or "-")[:200],
            "address": address or "-",
            "signed_in_at": local_time(at, name.realm_id),
            "reset_url": realm_url(name.realm_id, "/password"),
        },
        user_id=name.user_id,
        at=at,
    )
