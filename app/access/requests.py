"""One fixed order for every request: address, session, scope, right. What comes after is the view's.

The session and its person are read in the visitor's scope with the realm opened; then, in a new transaction, the
person's own scope is in force (decisions section 3).
"""

from __future__ import annotations

from http import HTTPStatus
from itertools import chain
from uuid import UUID

from flask import Flask, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import BadRequest, Unauthorized

from app.access import console
from app.access.cookies import read_cookie
from app.access.guards import Access
from app.access.landing import here
from app.access.records import keep_to_record
from app.access.viewer import Viewer, current_viewer
from app.audit.origin import NOWHERE, Channel, Origin, came_from
from app.core.clock import utc_now
from app.core.db import session, unit_of_work
from app.core.errors import Forbidden
from app.identity.models import UserKind, UserType
from app.identity.permission_rules.held import rules_of
from app.identity.permissions import MANAGE, Permission, permissions_of
from app.identity.realms import scope_of
from app.identity.sessions import TOUCH_EVERY, SessionFacts, find_session, touch_session
from app.pricing.queries import default_price_list_ids, price_list_ids_of
from app.web.error_pages import wants_json
from app.web.surfaces import ANSWERS_AT, Surface, WrongSurface, surface_of_request
from tenants.context import Reach, Scope, alias_visitor_scope, enter_scope, root_visitor_scope, scope_or_none
from tenants.directory import AddressKind, AddressMatch
from tenants.resolution import address_of
from tenants.settings import storefront_settings

ANSWERS_CLOSED = ("static", "storefront_looks")  # endpoint and blueprint a closed storefront still answers
# Reseller staff look at their own shop as a preview; they order at the root (decisions section 8).
NOT_AT_OWN_ALIAS = frozenset(
    {
        Permission.ORDER_PLACE,
        Permission.CHECKOUT,
        Permission.TRIAL_REQUEST,
        Permission.ORDERS_SCHEDULE,
        Permission.RESELLER_PLANS_BUY,
        Permission.STOREFRONT_HOP,
    }
)
CHANNELS = {Surface.BSS: Channel.BSS, Surface.PLATFORM: Channel.CONSOLE}  # all other pages are a storefront's
NUL = "\x00"
csrf = CSRFProtect()


class UndeclaredAccess(RuntimeError):
    """A view says nothing about who may open it."""


def declared_access(endpoint: str | None) -> Access | Permission:
    """Return what the view of an endpoint declares; unknown paths are public. Raises UndeclaredAccess."""
    if endpoint is None:
        return Access.PUBLIC
    found = getattr(current_app.view_functions[endpoint], "access", None)
    if found is None:
        raise UndeclaredAccess(endpoint)
    return found if isinstance(found, Permission) else Access(found)


def visitor_scope(address: AddressMatch) -> Scope:
    """Return the scope of somebody not signed in at a storefront's address."""
    if address.distributor_id is None:
        raise RuntimeError("The console has no scope")
    if address.reseller_id is not None:
        return alias_visitor_scope(address.distributor_id, address.reseller_id)
    return root_visitor_scope(address.distributor_id)


def realm_of_request(address: AddressMatch, surface: Surface) -> UUID:
    """Return the realm people sign in to here: the storefront's, or the distributor's for the back office."""
    found = address.distributor_id if surface is Surface.BSS else address.storefront_id
    if found is None:
        raise RuntimeError("The console has no realm")
    return found


def _begin() -> ResponseReturnValue | None:
    g.outer_scope = scope_or_none()  # None but in tests, which make their rows in scopes of their own
    g.is_scoped = False
    address = address_of(request.environ)
    access = declared_access(request.endpoint)
    if address is None or request.endpoint == "static":
        return None
    g.is_scoped = True
    came_from(Origin(_channel(access), request.user_agent.string or None, request.remote_addr, g.get("request_id")))
    if address.kind is AddressKind.PLATFORM:
        if request.path == "/":
            return redirect(url_for("platform_distributors.index"), code=HTTPStatus.SEE_OTHER)
        g.viewer = console.open_console()
        if request.endpoint is not None and surface_of_request() is not Surface.PLATFORM:
            raise WrongSurface
    else:
        surface = surface_of_request()
        enter_scope(visitor_scope(address))
        if request.endpoint is not None and address.kind not in ANSWERS_AT[surface]:
            raise WrongSurface
        if access is Access.TOKEN:
            return None
        if not address.state.is_open and not _answers_closed():
            return _closed()
        _open_viewer(address, surface)
    _check_text()
    _check_form_token()
    refused = _guard(access, address)
    if refused is None:
        keep_to_record(access)
    return refused


def _channel(access: Access | Permission) -> Channel:
    if access is Access.TOKEN:
        return Channel.API
    return CHANNELS.get(surface_of_request(), Channel.STOREFRONT)


def _answers_closed() -> bool:
    return request.endpoint == ANSWERS_CLOSED[0] or request.blueprint == ANSWERS_CLOSED[1]


def _closed() -> ResponseReturnValue:
    from app.access.doors import closed_door  # noqa: PLC0415 - doors render pages, which need this package

    return closed_door()


def _open_viewer(address: AddressMatch, surface: Surface) -> None:
    """Find who is asking, then put their scope in force."""
    at = utc_now()
    realm_id = realm_of_request(address, surface)
    token = read_cookie(realm_id)
    visitor = visitor_scope(address)
    facts = None
    if token:
        enter_scope(visitor.in_realm(realm_id))
        facts = find_session(realm_id, token, at=at)
        session.commit()  # nothing was changed: it ends the transaction that could read sign-in data
        enter_scope(visitor)
    if facts is not None and not _belongs(facts, address, surface):
        facts = None
    entered = visitor if facts is None else scope_of(facts.person)
    if surface is not Surface.BSS:
        entered = entered.with_price_lists(_price_lists(facts, address))
    if facts is not None:
        g.viewer = viewer = _viewer(facts, realm_id, address)
        if not isinstance(viewer.rules, Reach):
            entered = entered.under_rules(viewer.rules)
        if at - facts.last_seen_at >= TOUCH_EVERY:
            with unit_of_work():
                touch_session(realm_id, facts.session_id, at=at)
    if session.registry.has():
        session.commit()  # nothing was changed: it ends the transaction of the visitor's scope
    enter_scope(entered)


def _belongs(facts: SessionFacts, address: AddressMatch, surface: Surface) -> bool:
    """Say once more what the realm already guarantees: nobody is let in where their kind has no business."""
    if surface is Surface.BSS:
        return facts.kind is UserKind.BSS
    if address.kind is AddressKind.ROOT:
        return facts.kind in (UserKind.DIRECT, UserKind.RESELLER)
    return facts.kind in (UserKind.RESELLER, UserKind.END_CUSTOMER) and facts.reseller_id == address.reseller_id


def _price_lists(facts: SessionFacts | None, address: AddressMatch) -> tuple[UUID, ...]:
    payer_id = address.reseller_id if facts is None else facts.reseller_id or facts.account_id
    return default_price_list_ids() if payer_id is None else price_list_ids_of(payer_id)


def _viewer(facts: SessionFacts, realm_id: UUID, address: AddressMatch) -> Viewer:
    permissions = permissions_of(facts.kind, facts.type, facts.roles, facts.edition, facts.rights)
    if facts.kind is UserKind.RESELLER:
        permissions -= MANAGE if address.kind is AddressKind.ROOT else NOT_AT_OWN_ALIAS
    return Viewer(
        user_id=facts.user_id,
        sign_in_name_id=facts.sign_in_name_id,
        session_id=facts.session_id,
        realm_id=realm_id,
        name=facts.name,
        email=facts.email,
        kind=facts.kind,
        is_admin=facts.type is UserType.ADMIN,
        roles=facts.roles,
        account_id=facts.account_id,
        reseller_id=facts.reseller_id,
        permissions=permissions,
        rules=rules_of(facts.user_id, facts.rule_access, permissions) if facts.kind is UserKind.BSS else Reach.ALL,
        acting_account_id=facts.acting_account_id,
        own_storefront_id=facts.own_storefront_id,
        edition=facts.edition,
        address=request.remote_addr,
        request_id=g.get("request_id"),
        session_began_at=facts.created_at,
        notices_seen_at=facts.notices_seen_at,
    )


def _check_text() -> None:
    """Refuse the one character that no text column can hold; nobody types it."""
    typed = chain((("", request.path),), request.args.items(multi=True), request.form.items(multi=True))
    if any(NUL in name or NUL in value for name, value in typed):
        raise BadRequest("This request holds a character that nothing can be named by.")


def _check_form_token() -> None:
    if request.endpoint is None:
        return  # nothing is there to protect: 404, or 405
    if not current_app.config["WTF_CSRF_ENABLED"] or request.method not in current_app.config["WTF_CSRF_METHODS"]:
        return
    if getattr(current_app.view_functions.get(request.endpoint or ""), "takes_foreign_posts", False):
        return
    try:
        csrf.protect()
    except CSRFError as error:
        raise BadRequest("This form is no longer valid. Go back, reload the page and try again.") from error


def _guard(access: Access | Permission, address: AddressMatch) -> ResponseReturnValue | None:
    if access is Access.PUBLIC:
        return None
    viewer = current_viewer()
    if viewer is None:
        if access is Access.CATALOGUE and address.storefront_id and _is_open_to_all(address.storefront_id):
            return None
        return _to_sign_in()
    if isinstance(access, Permission) and not viewer.can(access):
        raise Forbidden("You do not have access to this area")
    return None


def _is_open_to_all(storefront_id: UUID) -> bool:
    return storefront_settings(storefront_id).anonymous_access


def _to_sign_in() -> ResponseReturnValue:
    if wants_json():
        raise Unauthorized("Sign in first")
    surface = surface_of_request()
    prefix = {Surface.BSS: "bss", Surface.PLATFORM: "platform"}.get(surface, "storefront")
    if request.method == "GET" and surface is not Surface.PLATFORM:
        from app.access.doors import BSS_DOOR, STOREFRONT_DOOR, resume_visit  # noqa: PLC0415 - as `_closed`

        answer = resume_visit(BSS_DOOR if surface is Surface.BSS else STOREFRONT_DOOR, here() or "")
        if answer is not None:
            return answer
    return redirect(url_for(f"{prefix}_sessions.login", next=here()), code=HTTPStatus.SEE_OTHER)


def _end(_error: BaseException | None) -> None:
    """Give the connection back and forget the scope, whatever happened."""
    if not g.pop("is_scoped", False):
        return
    console.close_console()
    session.close()
    enter_scope(g.pop("outer_scope", None))
    came_from(NOWHERE)


def install_access(app: Flask) -> None:
    """Open and close the scope of every request and enforce what views declare."""
    app.before_request(_begin)
    app.teardown_request(_end)
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False  # checked in _begin, after the scope that its error page needs
    csrf.init_app(app)
    people = LoginManager()
    people.session_protection = None  # the session is a row of ours; Flask-Login's `current_user` only reads it
    people.request_loader(lambda _request: current_viewer())
    app.login_manager = people  # type: ignore[attr-defined]  # without its after_request, which would vary every answer
