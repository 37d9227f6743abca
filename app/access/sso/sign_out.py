"""Signing out: here at once, and then at the provider where it wants to know; and the other way round (BC-27).

What a provider sends changes only sessions it vouched for. No cookie counts for that, and none is written.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from uuid import UUID

import flask
from flask import abort, flash, make_response, redirect, request
from flask.typing import ResponseReturnValue

from app.access.cookies import REMEMBER, delete_cookie, delete_kept, read_kept
from app.access.doors import Door
from app.access.limits import SIGN_OUT, require_within
from app.access.sso.pages import BROWSER, outside
from app.access.sso.saml import addresses_of
from app.access.viewer import current_viewer
from app.core.clock import utc_now
from app.core.db import session, unit_of_work
from app.identity.oidc.logout import read_logout_token, sign_out_url
from app.identity.providers.identities import SsoFailed
from app.identity.providers.models import IdentityProvider, ProviderKind, SsoPurpose
from app.identity.providers.queries import get_provider, has_local_login
from app.identity.providers.sign_out import SignOutThere, end_sessions_of_provider, note_message, wants_to_know
from app.identity.providers.trips import Arrival, set_out, take_answer
from app.identity.remembered import forget
from app.identity.saml.logout import (
    answer_sign_out,
    ask_to_sign_out,
    check_logout_response,
    read_logout_request,
    verify_query,
)
from app.identity.sessions import end_session
from app.web.pages import page

DONE = "You have signed out."
DONE_THERE = "You have signed out, at {name} too."
NOT_DONE_THERE = "You have signed out here. {name} did not confirm that you have signed out there."
log = logging.getLogger(__name__)


def sign_out(door: Door) -> ResponseReturnValue:
    """End the session here and now, whatever the provider says; the browser forgets it."""
    viewer, remembered = current_viewer(), read_kept(REMEMBER, door.realm_id)
    there = None
    with unit_of_work():
        if viewer is not None:
            there = wants_to_know(viewer.realm_id, viewer.session_id) if viewer.realm_id == door.realm_id else None
            end_session(viewer.realm_id, viewer.session_id)
        if remembered is not None:
            forget(door.realm_id, remembered)
    flask.session.clear()
    response = make_response(_to_sign_in(door, DONE) if there is None else _on_to_provider(door, there))
    delete_cookie(response, door.realm_id, door.surface)
    delete_kept(response, REMEMBER, door.realm_id, door.surface)
    return response


def _to_sign_in(door: Door, words: str) -> ResponseReturnValue:
    flash(words, "success")
    stay = None if has_local_login(door.realm_id) else 1  # or a lone provider would sign them in again at once
    return redirect(door.url("login", stay=stay), code=HTTPStatus.SEE_OTHER)


def _on_to_provider(door: Door, there: SignOutThere) -> ResponseReturnValue:
    """Lead to the provider by a page: our policy of forms would stop a form that is redirected away."""
    provider, at = there.provider, utc_now()
    if provider.kind is ProviderKind.SAML:
        asked = ask_to_sign_out(provider, addresses_of(door, provider.id), there.hint, there.session, at=at)
        with unit_of_work():
            departure = set_out(provider, SsoPurpose.SIGN_OUT, at=at, state=asked.id)
        url = asked.url
    else:
        with unit_of_work():
            departure = set_out(provider, SsoPurpose.SIGN_OUT, at=at)
        back_to = door.url("sso_signed_out", provider_id=provider.id, _external=True)
        url = sign_out_url(provider, there.hint, state=departure.state, back_to=back_to)
    flask.session[BROWSER] = departure.browser
    response = make_response(
        page(
            "storefront/sessions/signing_out.html",
            title="You have signed out here",
            provider_name=provider.name,
            url=url,
            login_url=door.url("login", stay=1),
        )
    )
    response.headers["Refresh"] = f"0; url={url}"
    return response


def signed_out(door: Door, provider_id: UUID) -> ResponseReturnValue:
    """Come back from an OpenID provider that has ended its session; without our state nothing is said of it."""
    require_within(SIGN_OUT, request.remote_addr)
    provider = get_provider(door.realm_id, provider_id)
    try:
        _arrival(door, provider_id, request.args.get("state", ""))
    except SsoFailed as error:
        log.info("sign_out_not_confirmed", extra={"reason": error.reason})
        return redirect(door.url("login", stay=1), code=HTTPStatus.SEE_OTHER)
    return _to_sign_in(door, DONE_THERE.format(name=provider.name))


def _arrival(door: Door, provider_id: UUID, state: str) -> Arrival:
    with unit_of_work():
        arrival = take_answer(door.realm_id, provider_id, state, browser=flask.session.get(BROWSER, ""), at=utc_now())
    if arrival.purpose is not SsoPurpose.SIGN_OUT:
        raise SsoFailed("nobody signed out")
    return arrival


def take_logout(door: Door, provider_id: UUID) -> ResponseReturnValue:
    """Take a SAML provider's message: its answer to ours, or its wish to end sessions here."""
    require_within(SIGN_OUT, request.remote_addr)
    provider = get_provider(door.realm_id, provider_id)
    if provider.kind is not ProviderKind.SAML:
        abort(HTTPStatus.NOT_FOUND)
    if "SAMLResponse" in request.args:
        return _take_logout_response(door, provider)
    return _take_logout_request(door, provider)


def _take_logout_response(door: Door, provider: IdentityProvider) -> ResponseReturnValue:
    """No stored trip, no parsing; right or wrong, the session here has ended already."""
    request_id, name, at = request.args.get("RelayState", ""), provider.name, utc_now()
    try:
        _arrival(door, provider.id, request_id)
        query = verify_query(_query(), "SAMLResponse", provider.certificates, at=at)
        check_logout_response(query, request_id, provider, addresses_of(door, provider.id), at=at)
    except SsoFailed as error:
        log.warning("sign_out_not_confirmed", extra={"reason": error.reason})
        flash(NOT_DONE_THERE.format(name=name), "warning")
        return redirect(door.url("login", stay=1), code=HTTPStatus.SEE_OTHER)
    return _to_sign_in(door, DONE_THERE.format(name=name))


def _take_logout_request(door: Door, provider: IdentityProvider) -> ResponseReturnValue:
    at, addresses = utc_now(), addresses_of(door, provider.id)
    try:
        query = verify_query(_query(), "SAMLRequest", provider.certificates, at=at)
        asked = read_logout_request(query, provider, addresses, at=at)
        with unit_of_work():
            note_message(provider, "logout", asked.id, valid_until=asked.valid_until, at=at)
            end_sessions_of_provider(
                provider, subject=asked.subject, sessions=asked.sessions, address=request.remote_addr, at=at
            )
    except SsoFailed as error:
        log.warning("sso_sign_out_refused", extra={"reason": error.reason})
        abort(HTTPStatus.BAD_REQUEST)
    if not provider.slo_url or not provider.own_key_encrypted:
        return redirect(door.url("login", stay=1), code=HTTPStatus.SEE_OTHER)
    return redirect(answer_sign_out(provider, addresses, asked.id, query.relay_state, at=at), code=HTTPStatus.SEE_OTHER)


def _query() -> str:
    return request.query_string.decode("latin-1")


def take_logout_token(door: Door, provider_id: UUID) -> ResponseReturnValue:
    """Take an OpenID provider's word that somebody signed out, from machine to machine."""
    require_within(SIGN_OUT, request.remote_addr)
    provider, at = get_provider(door.realm_id, provider_id), utc_now()
    if provider.kind is not ProviderKind.OIDC:
        abort(HTTPStatus.NOT_FOUND)
    session.commit()  # nothing was changed: no transaction is open while the provider is asked
    try:
        token = read_logout_token(request.form.get("logout_token", ""), provider, outside=outside(), at=at)
        with unit_of_work():
            note_message(provider, "logout-token", token.id, valid_until=token.valid_until, at=at)
            end_sessions_of_provider(
                provider,
                subject=token.subject,
                sessions=(token.session,) if token.session else (),
                address=request.remote_addr,
                at=at,
            )
    except SsoFailed as error:
        log.warning("sso_sign_out_refused", extra={"reason": error.reason})
        answer = flask.jsonify(error="invalid_request"), HTTPStatus.BAD_REQUEST
    else:
        answer = flask.jsonify({}), HTTPStatus.OK
    response = make_response(answer)
    response.headers["Cache-Control"] = "no-store"
    return response
