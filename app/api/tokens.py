"""The token endpoint: OAuth 2.0 client credentials (RFC 6749, sections 2.3.1, 4.4, 5.1 and 5.2), by HTTP Basic only.

BC-F79: a secret in the body or in the address is refused and never looked at. No password grant, no refresh token.
"""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_plus

from flask import Blueprint, Response, jsonify, request

from app.access import current_address
from app.api.answers import oauth_refusal
from app.api.callers import GUESSES, guesser, is_owner_out, proves_itself, realm_here, scope_of_owner
from app.api.limits import count, seconds_to_wait
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.identity.api_clients.checks import Caller, check_secret, issue_token, note_use
from app.identity.api_clients.models import ApiScope
from app.identity.api_clients.services import known_scopes
from app.web.surfaces import Surface
from tenants.context import scope

GRANT = "client_credentials"
PARAMETERS = ("grant_type", "scope")
OTHER_PROOFS = ("client_secret", "client_assertion", "client_assertion_type")


REFUSAL = {
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
                "required": ["error", "error_description"],
            }
        }
    }
}
DESCRIPTION: dict[str, Any] = {
    "security": [{"basic": []}],
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "properties": {"grant_type": {"const": GRANT}, "scope": {"type": "string"}},
                    "required": ["grant_type"],
                }
            }
        },
    },
    "responses": {
        "200": {
            "description": "A bearer token",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {
                            "access_token": {"type": "string"},
                            "token_type": {"const": "Bearer"},
                            "expires_in": {"type": "integer"},
                            "scope": {"type": "string"},
                        },
                        "required": ["access_token", "token_type", "expires_in", "scope"],
                    }
                }
            },
        },
        "400": {"description": "The request is not as RFC 6749 has it", **REFUSAL},
        "401": {"description": "Unknown client or wrong secret", **REFUSAL},
        "429": {"description": "Too many wrong credentials", **REFUSAL},
    },
}


class BadTokenRequest(Exception):
    """A request the endpoint refuses, in the words of RFC 6749, section 5.2."""

    def __init__(self, status: HTTPStatus, error: str, description: str, retry_after: int | None = None) -> None:
        super().__init__(description)
        self.status, self.error, self.retry_after = status, error, retry_after


def token_endpoint(blueprint: Blueprint, surface: Surface) -> None:
    """Add the endpoint to an API."""

    @blueprint.post("/oauth/token", endpoint="token")
    @proves_itself
    def token() -> Response:
        """Give a client a token of an hour."""
        at = utc_now()
        try:
            caller = _client(surface, at)
            scopes = _scopes(caller)
        except BadTokenRequest as bad:
            return oauth_refusal(bad.status, bad.error, str(bad), retry_after=bad.retry_after)
        with unit_of_work():
            issued = issue_token(caller, scopes, at=at)
            note_use(caller, at=at)
        answer = jsonify(
            access_token=issued.token,
            token_type="Bearer",  # noqa: S106 - RFC 6749's word
            expires_in=issued.seconds,
            scope=" ".join(sorted(each.value for each in issued.scopes)),
        )
        answer.headers["Pragma"] = "no-cache"  # beside Cache-Control: no-store, section 5.1
        return answer

    token.api_description = DESCRIPTION  # type: ignore[attr-defined]


def _client(surface: Surface, at: datetime) -> Caller:
    realm_id = realm_here(surface)
    public_id, secret = _proof()
    if request.form["grant_type"] != GRANT:
        raise BadTokenRequest(HTTPStatus.BAD_REQUEST, "unsupported_grant_type", f"Only {GRANT} is offered")
    if (wait := seconds_to_wait(GUESSES, guesser())) is not None:
        raise BadTokenRequest(
            HTTPStatus.TOO_MANY_REQUESTS, "slow_down", "Too many wrong credentials from your address", wait
        )
    found = check_secret(realm_id, public_id, secret, at=at)
    with scope(scope_of_owner(current_address(), surface)):
        is_out = found is not None and is_owner_out(surface)
    if found is None or is_out:
        count(GUESSES, guesser())
        raise BadTokenRequest(HTTPStatus.UNAUTHORIZED, "invalid_client", "Unknown client or wrong secret")
    return found


def _proof() -> tuple[str, str]:
    """Return client id and secret of the header; section 2.3: one way of proof per request, and Basic is ours."""
    basic = request.authorization
    has_basic = basic is not None and basic.type == "basic"
    if any(name in request.form or name in request.args for name in OTHER_PROOFS):
        if has_basic:
            raise BadTokenRequest(
                HTTPStatus.BAD_REQUEST, "invalid_request", "Send the client secret by HTTP Basic alone"
            )
        raise BadTokenRequest(HTTPStatus.UNAUTHORIZED, "invalid_client", "Send the client secret by HTTP Basic")
    repeated = [name for name in PARAMETERS if len(request.form.getlist(name)) > 1]
    if repeated or not request.form.get("grant_type"):
        said = f"{repeated[0]} is there twice" if repeated else "grant_type is missing"
        raise BadTokenRequest(HTTPStatus.BAD_REQUEST, "invalid_request", said)
    if basic is None or not has_basic:
        raise BadTokenRequest(HTTPStatus.UNAUTHORIZED, "invalid_client", "Send client id and secret by HTTP Basic")
    return unquote_plus(basic.username or ""), unquote_plus(basic.password or "")


def _scopes(caller: Caller) -> frozenset[ApiScope]:
    """Return the scopes asked for: some of the client's, or all of them where none is named (section 3.3)."""
    names = frozenset(request.form.get("scope", "").split())
    if not names:
        return caller.scopes
    wanted = known_scopes(names)
    if len(wanted) != len(names) or not wanted <= caller.scopes:
        raise BadTokenRequest(HTTPStatus.BAD_REQUEST, "invalid_scope", "The client does not have all of these scopes")
    return wanted
