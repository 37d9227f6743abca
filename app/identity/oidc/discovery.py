"""What a provider says about itself (OpenID Connect Discovery 1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from app.identity.oidc.ports import Outside, OutsideFailed

WELL_KNOWN = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class ProviderMetadata:
    """The addresses of one provider."""

    issuer: str
    authorization_url: str
    token_url: str
    keys_url: str
    userinfo_url: str | None
    end_session_url: str | None
    names_itself: bool  # its answers carry `iss` (RFC 9207), which a mixed-up one would not match
    takes_basic: bool


def discover(issuer: str, outside: Outside) -> ProviderMetadata:
    """Read a provider's metadata; raises OutsideFailed, also where it says it is another issuer."""
    found = outside.get_json(f"{issuer.rstrip('/')}{WELL_KNOWN}")
    if found.get("issuer") != issuer:
        raise OutsideFailed(f"It names itself {found.get('issuer')!s:.200}, not {issuer}")
    methods = found.get("token_endpoint_auth_methods_supported")
    return ProviderMetadata(
        issuer=issuer,
        authorization_url=_address(found, "authorization_endpoint"),
        token_url=_address(found, "token_endpoint"),
        keys_url=_address(found, "jwks_uri"),
        userinfo_url=_address(found, "userinfo_endpoint") if "userinfo_endpoint" in found else None,
        end_session_url=_address(found, "end_session_endpoint") if found.get("end_session_endpoint") else None,
        names_itself=found.get("authorization_response_iss_parameter_supported") is True,
        takes_basic=not isinstance(methods, list) or "client_secret_basic" in methods,
    )


def _address(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        raise OutsideFailed(f"Its {name} is missing or no address")
    if urlsplit(value).scheme not in ("https", "http") or not urlsplit(value).hostname:
        raise OutsideFailed(f"Its {name} is missing or no address")
    return value
