"""The session cookie: a secret, signed for one realm and named by it, kept below the path of the address.

Paths of one host share an origin, so name and signature tell realms apart, and PostgreSQL decides: the secret is
looked up in its realm only.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from flask import Response, request
from itsdangerous import BadSignature, Signer

from app.core.config import settings
from app.web.surfaces import PREFIXES, Surface


def cookie_name(realm: UUID | str) -> str:
    """Return the cookie's name; of a realm's id the last digits, for the first ones are only the time it was made."""
    return f"g_{realm.hex[-12:] if isinstance(realm, UUID) else realm}"


def cookie_path(surface: Surface) -> str:
    """Return where the cookie is sent: below the alias; the back office's and the console's below their prefix."""
    below = PREFIXES[surface] if surface in (Surface.BSS, Surface.PLATFORM) else ""
    return f"{request.script_root}{below}" or "/"


def _signer(realm: UUID | str) -> Signer:
    return Signer(settings().secret_key, salt=f"session:{realm}")


def signed(realm: UUID | str, token: str) -> str:
    """Return the cookie's value for a session's secret."""
    return _signer(realm).sign(token).decode()


def read_cookie(realm: UUID | str) -> str | None:
    """Return the session's secret the browser sent for a realm, if we signed it for this realm."""
    value = request.cookies.get(cookie_name(realm))
    if not value:
        return None
    try:
        return _signer(realm).unsign(value).decode()
    except (BadSignature, UnicodeDecodeError):
        return None


def set_cookie(response: Response, realm: UUID | str, token: str, surface: Surface) -> None:
    """Give the browser a session; it forgets it when it closes."""
    response.set_cookie(
        cookie_name(realm),
        signed(realm, token),
        path=cookie_path(surface),
        httponly=True,
        samesite="Lax",
        secure=settings().is_https,
    )


def delete_cookie(response: Response, realm: UUID | str, surface: Surface) -> None:
    """Take the session away from the browser."""
    response.delete_cookie(
        cookie_name(realm), path=cookie_path(surface), httponly=True, samesite="Lax", secure=settings().is_https
    )


DEVICE, REMEMBER = "device", "remember"  # what a browser keeps beside its session
KEPT_FOR = {DEVICE: timedelta(days=365), REMEMBER: timedelta(days=30)}


def read_kept(kind: str, realm: UUID) -> str | None:
    """Return a secret the browser keeps for a realm beside its session, if we signed it for this realm and use."""
    value = request.cookies.get(f"{cookie_name(realm)}_{kind}")
    if not value:
        return None
    try:
        return _signer(f"{kind}:{realm}").unsign(value).decode()
    except (BadSignature, UnicodeDecodeError):
        return None


def set_kept(response: Response, kind: str, realm: UUID, secret: str, surface: Surface) -> None:
    """Let the browser keep a secret: which device it is, or that it stays signed in (BC-28)."""
    response.set_cookie(
        f"{cookie_name(realm)}_{kind}",
        _signer(f"{kind}:{realm}").sign(secret).decode(),
        max_age=KEPT_FOR[kind],
        path=cookie_path(surface),
        httponly=True,
        samesite="Lax",
        secure=settings().is_https,
    )


def delete_kept(response: Response, kind: str, realm: UUID, surface: Surface) -> None:
    """Let the browser forget a secret."""
    response.delete_cookie(
        f"{cookie_name(realm)}_{kind}",
        path=cookie_path(surface),
        httponly=True,
        samesite="Lax",
        secure=settings().is_https,
    )
