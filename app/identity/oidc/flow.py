"""The authorization code flow with PKCE (S256), state and nonce."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from authlib.oauth2.rfc7636 import create_s256_code_challenge

from app.core.secrets import decrypt
from app.identity.oidc.discovery import ProviderMetadata, discover
from app.identity.oidc.ports import Outside, OutsideFailed
from app.identity.oidc.tokens import Expected, read_id_token
from app.identity.providers.identities import Identity, LogoutHint, SsoFailed
from app.identity.providers.models import IdentityProvider, SsoPurpose
from app.identity.providers.trips import Arrival, Departure


def authorization_url(
    provider: IdentityProvider,
    metadata: ProviderMetadata,
    departure: Departure,
    *,
    redirect_uri: str,
    address: str | None = None,
) -> str:
    """Return where the browser goes to sign in; `address` is sent as `login_hint` (OpenID Connect Core, 3.1.2.1)."""
    query = {
        "response_type": "code",
        "client_id": provider.client_id or "",
        "redirect_uri": redirect_uri,
        "scope": provider.scopes,
        "state": departure.state,
        "nonce": departure.nonce,
        "code_challenge": create_s256_code_challenge(departure.verifier),
        "code_challenge_method": "S256",
    }
    if address is not None:
        query["login_hint"] = address
    joint = "&" if "?" in metadata.authorization_url else "?"
    return f"{metadata.authorization_url}{joint}{urlencode(query)}"


def prove(
    arrival: Arrival, code: str, issuer: str | None, *, redirect_uri: str, outside: Outside, at: datetime
) -> Identity:
    """Turn a code into a proven identity; raises SsoFailed. `issuer` is the answer's own `iss`, if it has one.

    It calls the provider: no transaction may be open.
    """
    provider = arrival.provider
    try:
        metadata = discover(provider.issuer or "", outside)
        if (issuer is not None or metadata.names_itself) and issuer != metadata.issuer:
            raise SsoFailed("the answer is of another provider")
        tokens = _exchange(provider, metadata, arrival, code, redirect_uri=redirect_uri, outside=outside)
        id_token = tokens.get("id_token")
        if not isinstance(id_token, str):
            raise SsoFailed("no ID token came back")
        expected = Expected(metadata.issuer, provider.client_id or "", arrival.nonce, at)
        claims = dict(read_id_token(id_token, outside.get_json(metadata.keys_url), expected))
        access_token = tokens.get("access_token")
        if metadata.userinfo_url and isinstance(access_token, str) and _lacks(arrival, claims):
            claims = _with_userinfo(claims, outside.get_json(metadata.userinfo_url, bearer=access_token))
    except OutsideFailed as error:
        raise SsoFailed(error.reason) from error
    return _identity(provider, metadata, claims, id_token)


def _exchange(
    provider: IdentityProvider,
    metadata: ProviderMetadata,
    arrival: Arrival,
    code: str,
    *,
    redirect_uri: str,
    outside: Outside,
) -> Mapping[str, Any]:
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": arrival.verifier,
    }
    client_id = provider.client_id or ""
    secret = decrypt(provider.client_secret_encrypted) if provider.client_secret_encrypted else None
    if secret is not None and metadata.takes_basic:
        return outside.post_form(metadata.token_url, fields, basic=(client_id, secret))
    fields["client_id"] = client_id
    if secret is not None:
        fields["client_secret"] = secret
    return outside.post_form(metadata.token_url, fields, basic=None)


def _lacks(arrival: Arrival, claims: Mapping[str, Any]) -> bool:
    """Whether what is needed of a person stands elsewhere; a test shows all there is."""
    provider = arrival.provider
    may_give_roles = provider.roles_follow or provider.creates_users or provider.account_id is not None
    wants_groups = may_give_roles or arrival.purpose is SsoPurpose.TEST
    return provider.email_claim not in claims or (wants_groups and provider.groups_claim not in claims)


def _with_userinfo(claims: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    if more.get("sub") != claims["sub"]:
        raise SsoFailed("what it says about the person is about another one")
    return {**more, **claims}


def _identity(
    provider: IdentityProvider, metadata: ProviderMetadata, claims: Mapping[str, Any], id_token: str
) -> Identity:
    return Identity(
        issuer=metadata.issuer,
        subject=str(claims["sub"]),
        email=_text(claims, provider.email_claim) or None,
        is_email_verified=claims.get("email_verified") is True,
        first_name=_text(claims, provider.first_name_claim),
        last_name=_text(claims, provider.last_name_claim),
        session=_text(claims, "sid") or None,
        groups=_groups(claims, provider.groups_claim),
        logout_hint=LogoutHint(id_token=id_token, end_session_url=metadata.end_session_url or ""),
        received=tuple(sorted((name[:200], str(value)[:500]) for name, value in claims.items())),
    )


def _groups(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return the groups, one or a list; raises SsoFailed where there were too many to be said (Entra ID's overage)."""
    elsewhere = claims.get("_claim_names")
    if isinstance(elsewhere, dict) and name in elsewhere:
        raise SsoFailed("the groups were left out, for there are too many: let the provider send assigned ones only")
    value = claims.get(name)
    if isinstance(value, str):
        return (value,) if value else ()
    return tuple(each for each in value if isinstance(each, str) and each) if isinstance(value, list) else ()


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""
