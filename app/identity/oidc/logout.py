"""Signing out with OpenID: our way there (RP-Initiated Logout 1.0), and its word to us (Back-Channel Logout 1.0)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from app.identity.oidc.discovery import discover
from app.identity.oidc.ports import Outside, OutsideFailed
from app.identity.oidc.tokens import LEEWAY, signed_claims
from app.identity.providers.identities import LogoutHint, SsoFailed
from app.identity.providers.models import IdentityProvider

EVENT = "http://schemas.openid.net/event/backchannel-logout"
TYPES = (None, "JWT", "logout+jwt", "application/logout+jwt")
OLDEST = timedelta(minutes=5)
LONGEST_TOKEN = 20_000
LONGEST_NAME = 500


@dataclass(frozen=True, slots=True)
class LogoutToken:
    """Whose sessions a provider ends: one by its name, or all of a person's. One of both is there."""

    id: str
    subject: str | None
    session: str | None
    valid_until: datetime  # after which its times alone refuse it


def sign_out_url(provider: IdentityProvider, hint: LogoutHint, *, state: str, back_to: str) -> str:
    """Return where the browser goes to end the session at the provider."""
    query = {
        "id_token_hint": hint.id_token,
        "client_id": provider.client_id or "",
        "post_logout_redirect_uri": back_to,
        "state": state,
    }
    joint = "&" if "?" in hint.end_session_url else "?"
    return f"{hint.end_session_url}{joint}{urlencode(query)}"


def read_logout_token(token: str, provider: IdentityProvider, *, outside: Outside, at: datetime) -> LogoutToken:
    """Return what a logout token of a provider says; raises SsoFailed.

    What it claims is looked at before the provider is asked for its keys: forgeries at random cause no calls. It calls
    the provider: no transaction may be open.
    """
    if len(token) > LONGEST_TOKEN:
        raise SsoFailed("the logout token is too long")
    header, claims = _unproven(token)
    if header.get("typ") not in TYPES:
        raise SsoFailed("this is no logout token")
    _check(claims, provider, at)
    try:
        keys = outside.get_json(discover(provider.issuer or "", outside).keys_url)
    except OutsideFailed as error:
        raise SsoFailed(error.reason) from error
    proven = signed_claims(token, keys)
    return _check(proven, provider, at)


def _unproven(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, claims, signature
        raise SsoFailed("this is no signed token")
    try:
        header, claims = (
            json.loads(base64.b64decode(each + "=" * (-len(each) % 4), b"-_", validate=True)) for each in parts[:2]
        )
    except (binascii.Error, ValueError) as error:
        raise SsoFailed("this is no signed token") from error
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise SsoFailed("this is no signed token")
    return header, claims


def _check(claims: Mapping[str, Any], provider: IdentityProvider, at: datetime) -> LogoutToken:
    if claims.get("iss") != provider.issuer:
        raise SsoFailed("the logout token is of another issuer")
    audience = claims.get("aud")
    if provider.client_id not in (audience if isinstance(audience, list) else [audience]):
        raise SsoFailed("the logout token is for another client")
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise SsoFailed("the token does not say that somebody signed out")
    if "nonce" in claims:
        raise SsoFailed("an ID token is no logout token")
    issued, expires = claims.get("iat"), claims.get("exp")
    if not all(isinstance(each, int | float) and not isinstance(each, bool) for each in (issued, expires)):
        raise SsoFailed("the logout token says nothing about its time")
    now, leeway = at.timestamp(), LEEWAY.total_seconds()
    if float(issued or 0) > now + leeway or float(issued or 0) < now - (OLDEST + LEEWAY).total_seconds():
        raise SsoFailed("the logout token was not issued just now")
    if now >= float(expires or 0) + leeway:
        raise SsoFailed("the logout token has expired")
    token_id, subject, session = (_name(claims, name) for name in ("jti", "sub", "sid"))
    if token_id is None or (subject is None and session is None):
        raise SsoFailed("the logout token names nobody, or not itself")
    until = min(float(expires or 0), float(issued or 0) + OLDEST.total_seconds()) + 2 * leeway
    return LogoutToken(token_id, subject, session, datetime.fromtimestamp(until, UTC))


def _name(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME:
        raise SsoFailed(f"the logout token's {name} is no name")
    return value
