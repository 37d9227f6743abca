"""Proving the caller before each call: credentials, limit, scope of its owner, right. In this order.

A bearer token (RFC 6750, in the header alone) or an API key; addresses and bodies are never searched for secrets.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes
from uuid import UUID

from flask import Blueprint, Response, current_app, g, request
from werkzeug.exceptions import BadRequest

from app.access import current_address, public, token_required
from app.access.limits import Limit
from app.access.requests import realm_of_request
from app.api.answers import refusal
from app.api.limits import count, seconds_to_wait
from app.audit.services import Actor
from app.core.clock import utc_now
from app.core.db import session, unit_of_work
from app.identity.api_clients.checks import Caller, check_key, check_token, is_use_noted, note_use
from app.identity.api_clients.models import ApiScope
from app.orders.programs import Program
from app.resellers.plans import has_dead_plan
from app.web.surfaces import Surface, surface_blueprint
from tenants.context import Reach, Scope, direct_business_scope, distributor_scope, enter_scope, reseller_scope
from tenants.directory import AddressMatch

View = TypeVar("View", bound=Callable[..., Any])

LONGEST_BODY = 1024 * 1024  # BC-32
CALLS = {
    Surface.STOREFRONT: Limit("api_storefront", 120, timedelta(minutes=1)),
    Surface.BSS: Limit("api_bss", 600, timedelta(minutes=1)),
}  # decisions section 8
GUESSES = Limit("api_guess", 20, timedelta(minutes=5))  # wrong credentials of an IP address
API_KEY = "X-ApiKey"
NUL = "\x00"
NOBODY = 'Bearer realm="api"'
WRONG = 'Bearer realm="api", error="invalid_token"'


def needs(*scopes: ApiScope) -> Callable[[View], View]:
    """Declare what a client must be allowed for a view; without a scope any client may call it."""

    def declare(view: View) -> View:
        view.api_scopes = frozenset(scopes)  # type: ignore[attr-defined]
        return token_required(view)

    return declare


def proves_itself(view: View) -> View:
    """Declare a view that reads credentials on its own: the token endpoint."""
    view.api_scopes = None  # type: ignore[attr-defined]
    return token_required(view)


def is_published(view: View) -> View:
    """Declare a view that anybody may read: the description of the API."""
    view.api_scopes = None  # type: ignore[attr-defined]
    return public(view)


def api_blueprint(surface: Surface) -> Blueprint:
    """Return the API's blueprint of a surface; every call to it has shown who it is before its view runs."""
    blueprint = surface_blueprint("api", "app.api", surface=surface, path="/api/v1")

    @blueprint.before_request
    def prove() -> Response | None:
        request.max_content_length = LONGEST_BODY
        if NUL in request.path or NUL in unquote_to_bytes(request.query_string).decode("latin-1"):
            raise BadRequest("This request holds a character that nothing can be named by.")
        wanted: frozenset[ApiScope] | None = getattr(_view(), "api_scopes")  # noqa: B009 - a view without it fails here
        return None if wanted is None else _prove(surface, wanted)

    @blueprint.after_request
    def keep_private(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        response.vary.update(["Authorization", API_KEY])
        return response

    return blueprint


def _view() -> Callable[..., Any]:
    return current_app.view_functions[request.endpoint or ""]


def current_caller() -> Caller:
    """Return the client that calls."""
    found: Caller = g.api_caller
    return found


def acting() -> Actor:
    """Return the client as the audit trail names it: with the person it acts for."""
    caller = current_caller()
    return Actor(
        caller.acts_for_id,
        caller.name,
        reseller_id=current_address().reseller_id,
        address=request.remote_addr,
        request_id=g.get("request_id"),
    )


def program_here() -> Program:
    """Return the client as orders name it."""
    caller = current_caller()
    return Program(caller.id, caller.name)


def guesser() -> str:
    """Return whose guesses are counted together."""
    return request.remote_addr or ""


def realm_here(surface: Surface) -> UUID:
    """Return the realm whose clients may call here."""
    return realm_of_request(current_address(), surface)


def _prove(surface: Surface, wanted: frozenset[ApiScope]) -> Response | None:
    at = utc_now()
    caller = _who(realm_here(surface), at)
    if isinstance(caller, Response):
        return caller
    if (wait := count(CALLS[surface], str(caller.id))) is not None:
        return _too_many("Too many calls", wait)
    _enter(caller, surface, at)
    if is_owner_out(surface):
        return _not_valid()
    if not wanted <= caller.scopes:
        names = " ".join(sorted(each.value for each in wanted))
        return refusal(HTTPStatus.FORBIDDEN, "insufficient_scope", f"This needs the scope {names}")
    return None


def _who(realm_id: UUID, at: datetime) -> Caller | Response:
    """Return the client of the request's credentials, or why there is none."""
    key, authorization = request.headers.get(API_KEY), request.authorization
    token = authorization.token if authorization is not None and authorization.type == "bearer" else None
    if not key and not token:
        return refusal(
            HTTPStatus.UNAUTHORIZED, "credentials_required", "Send a bearer token or an API key", challenge=NOBODY
        )
    if key and token:
        return refusal(HTTPStatus.BAD_REQUEST, "invalid_request", "Send a bearer token or an API key, not both")
    if (wait := seconds_to_wait(GUESSES, guesser())) is not None:
        return _too_many("Too many wrong credentials from your address", wait)
    found = check_key(realm_id, key, at=at) if key else check_token(realm_id, token or "", at=at)
    if found is not None:
        return found
    count(GUESSES, guesser())
    return _not_valid()


def _not_valid() -> Response:
    return refusal(
        HTTPStatus.UNAUTHORIZED, "invalid_credentials", "These credentials are not valid here", challenge=WRONG
    )


def _too_many(message: str, wait: int) -> Response:
    return refusal(HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests", f"{message}. Wait {wait} s.", retry_after=wait)


def _enter(caller: Caller, surface: Surface, at: datetime) -> None:
    """Put the scope of the client's owner in force; sign-in data is out of reach from here on."""
    if not is_use_noted(caller, at=at):
        with unit_of_work():
            note_use(caller, at=at)
    else:
        session.commit()  # nothing was changed: it ends the transaction of the visitor's scope
    g.api_caller = caller
    entered = scope_of_owner(current_address(), surface)
    enter_scope(entered if isinstance(caller.rules, Reach) else entered.under_rules(caller.rules))


def is_owner_out(surface: Surface) -> bool:
    """Whether the plan behind the storefront has ended or is suspended: its programs are out at once (RS-30).

    Its storefront may answer a little longer, until a job closes it. Needs the owner's scope.
    """
    reseller_id = current_address().reseller_id
    return surface is Surface.STOREFRONT and reseller_id is not None and has_dead_plan(reseller_id)


def scope_of_owner(address: AddressMatch, surface: Surface) -> Scope:
    """Return whose rows an API reaches: all, a reseller's, or the distributor's direct business. Never a customer's."""
    if address.distributor_id is None:
        raise RuntimeError("The console has no API")
    if surface is Surface.BSS:
        return distributor_scope(address.distributor_id)
    if address.reseller_id is not None:
        return reseller_scope(address.distributor_id, address.reseller_id)
    return direct_business_scope(address.distributor_id)
