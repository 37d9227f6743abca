"""Proving an ID token (OpenID Connect Core 3.1.3.7): signature, issuer, audience, times and nonce."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from app.identity.providers.identities import SsoFailed

# Signatures of a key pair alone: `none` proves nothing, and HMAC would take a public key for a shared secret.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
KEY_TYPES = ("RSA", "EC", "OKP")
LEEWAY = timedelta(minutes=3)
OLDEST = timedelta(minutes=15)  # since it was issued: one that was kept is not taken


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token has to say to be meant for us, here and now."""

    issuer: str
    client_id: str
    nonce: str
    at: datetime


def read_id_token(token: str, keys: Mapping[str, Any], expected: Expected) -> Mapping[str, Any]:
    """Return the claims of a token that holds; raises SsoFailed with what is wrong about it."""
    claims = signed_claims(token, keys)
    if claims.get("iss") != expected.issuer:
        raise SsoFailed("the token is of another issuer")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if expected.client_id not in audiences:
        raise SsoFailed("the token is for another client")
    if (len(audiences) > 1 or "azp" in claims) and claims.get("azp") != expected.client_id:
        raise SsoFailed("the token was issued to another party")
    _check_times(claims, expected.at)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
        raise SsoFailed("the token belongs to another sign-in")
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise SsoFailed("the token names nobody")
    return claims


def signed_claims(token: str, keys: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a token says whose signature holds by one of a provider's keys; raises SsoFailed."""
    listed = keys.get("keys")
    usable = [
        key
        for key in (listed if isinstance(listed, list) else [])
        if isinstance(key, dict) and key.get("kty") in KEY_TYPES and key.get("use", "sig") == "sig"
    ]
    if not usable:
        raise SsoFailed("the provider shows no keys")
    try:
        return jwt.decode(token, KeySet.import_key_set({"keys": usable}), algorithms=list(ALGORITHMS)).claims
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise SsoFailed(f"the token's signature does not hold: {type(error).__name__}") from error


def _check_times(claims: Mapping[str, Any], at: datetime) -> None:
    now, leeway = at.timestamp(), LEEWAY.total_seconds()
    expires, issued, valid_from = claims.get("exp"), claims.get("iat"), claims.get("nbf", now)
    if not all(isinstance(each, int | float) and not isinstance(each, bool) for each in (expires, issued, valid_from)):
        raise SsoFailed("the token says nothing about its time")
    if now >= float(expires or 0) + leeway:
        raise SsoFailed("the token has expired")
    if float(issued or 0) > now + leeway or float(valid_from) > now + leeway:
        raise SsoFailed("the token is of the future")
    if now - float(issued or 0) > OLDEST.total_seconds() + leeway:
        raise SsoFailed("the token was issued too long ago")
