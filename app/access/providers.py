"""Signing in through identity providers, and each person's own login options (SF-14, SF-15, BC-27).

A browser leaves by GET links, for our policy of forms ends at ourselves; what changes an account carries a proof that
only a page of the same session can hold.
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from uuid import UUID

import flask
from flask import Blueprint, abort, flash, g, redirect, request
from flask.typing import ResponseReturnValue

from app.access.doors import CHALLENGE, Door, go_on, visit_of
from app.access.forms import PresentPasswordForm, SignInForm
from app.access.guards import public
from app.access.landing import safe_next
from app.access.limits import SIGN_IN, require_within
from app.access.outside import GuardedOutside
from app.access.viewer import current_viewer, signed_in_viewer
from app.audit.services import Actor
from app.core.clock import utc_now
from app.core.db import session, unit_of_work
from app.core.secrets import is_signed, sign
from app.identity.email_change import WrongPassword
from app.identity.errors import SignInRefused
from app.identity.oidc.discovery import discover
from app.identity.oidc.flow import authorization_url, prove
from app.identity.oidc.ports import Outside, OutsideFailed
from app.identity.providers.break_glass import sign_in_as_administrator
from app.identity.providers.identities import SsoFailed, SsoRefused
from app.identity.providers.matching import (
    PasswordNeeded,
    awaits_password,
    confirm_by_password,
    finish_link,
    finish_sign_in,
)
from app.identity.providers.models import IdentityProvider, ProviderKind, SsoPurpose
from app.identity.providers.queries import get_provider, has_local_login, login_options
from app.identity.providers.services import LastLoginMethod, disconnect, pass_test
from app.identity.providers.trips import (
    Arrival,
    Traveller,
    fetch,
    is_open_for,
    keep_identity,
    next_path_of,
    set_out,
    take_answer,
)
from app.identity.realms import credential_realm
from app.identity.recovery import send_reset
from app.web.pages import page
from app.web.surfaces import Surface

View = Callable[..., ResponseReturnValue]
BROWSER = "sso_browser"  # where the signed cookie holds the secret of a browser that is on its way
log = logging.getLogger(__name__)


def add_provider_views(blueprint: Blueprint, door: Door, own: Callable[[View], View], *, below: str = "") -> None:
    """Add the views to a sign-in blueprint; `own` is the declaration of pages for people who are signed in."""
    for path, endpoint, methods, answer in ON_THE_WAY:
        blueprint.add_url_rule(path, endpoint, public(_at(door, answer)), methods=methods)
    for path, endpoint, methods, answer in OWN:
        blueprint.add_url_rule(f"{below}{path}", endpoint, own(_at(door, answer)), methods=methods)
    if door.surface is Surface.BSS:
        blueprint.add_url_rule("/login/administrator", "break_glass", public(_at(door, show_break_glass)), methods=BOTH)


def _at(door: Door, answer: Callable[..., ResponseReturnValue]) -> View:
    @functools.wraps(answer)
    def view(**values: Any) -> ResponseReturnValue:
        return answer(door, **values)

    return view


def outside() -> Outside:
    """Return the outside world; tests put another one into the application's config."""
    found: Outside = flask.current_app.config.get("SSO_OUTSIDE") or GuardedOutside()
    return found


def proof(purpose: SsoPurpose, provider_id: UUID, session_id: UUID) -> str:
    """Return what a link carries so that only pages of one session can start a change or a test."""
    return sign(f"sso-{purpose.value}", f"{provider_id}:{session_id}")


def start(door: Door, provider_id: UUID) -> ResponseReturnValue:
    """Send the browser to an enabled provider."""
    require_within(SIGN_IN, request.remote_addr)
    provider = get_provider(door.realm_id, provider_id)
    if not is_open_for(provider, SsoPurpose.SIGN_IN):
        abort(HTTPStatus.NOT_FOUND)
    return leave(door, provider, SsoPurpose.SIGN_IN, next_path=safe_next(request.args.get("next"), door.surface))


def connect(door: Door, provider_id: UUID) -> ResponseReturnValue:
    """Send somebody signed in to a provider, to connect it; only from their own page."""
    viewer = signed_in_viewer()
    provider = get_provider(door.realm_id, provider_id)
    given = request.args.get("proof", "")
    is_ours = is_signed(f"sso-{SsoPurpose.LINK.value}", f"{provider_id}:{viewer.session_id}", given)
    if not is_ours or not is_open_for(provider, SsoPurpose.LINK):
        abort(HTTPStatus.NOT_FOUND)
    return leave(door, provider, SsoPurpose.LINK, traveller=Traveller(viewer.user_id, viewer.session_id))


def leave(
    door: Door,
    provider: IdentityProvider,
    purpose: SsoPurpose,
    *,
    next_path: str | None = None,
    traveller: Traveller | None = None,
) -> ResponseReturnValue:
    """Note the trip and redirect to the provider; a provider that cannot be reached is told of."""
    if provider.kind is ProviderKind.SAML:
        from app.access.saml import leave_by_saml  # noqa: PLC0415 - which needs this module for what comes back

        return leave_by_saml(door, provider, purpose, next_path=next_path, traveller=traveller)
    session.commit()  # nothing was changed: no transaction is open while the provider is asked
    try:
        metadata = discover(provider.issuer or "", outside())
    except OutsideFailed as error:
        return failed(door, SsoFailed(error.reason), purpose)
    with unit_of_work():
        departure = set_out(
            provider,
            purpose,
            at=utc_now(),
            browser=flask.session.get(BROWSER),
            next_path=next_path,
            traveller=traveller,
        )
    flask.session[BROWSER] = departure.browser
    where = authorization_url(provider, metadata, departure, redirect_uri=callback_uri(door, provider.id))
    return redirect(where, code=HTTPStatus.SEE_OTHER)


def callback_uri(door: Door, provider_id: UUID) -> str:
    """Return where a provider sends browsers back to; each provider has its own, so that none answers for another."""
    return door.url("sso_callback", provider_id=provider_id, _external=True)


def callback(door: Door, provider_id: UUID) -> ResponseReturnValue:
    """Take an answer in: spent first, then looked at, with no transaction open while the provider is asked."""
    require_within(SIGN_IN, request.remote_addr)
    purpose, at = SsoPurpose.SIGN_IN, utc_now()
    try:
        with unit_of_work():
            arrival = take_answer(
                door.realm_id,
                provider_id,
                request.args.get("state", ""),
                browser=flask.session.get(BROWSER, ""),
                at=at,
            )
        purpose = arrival.purpose
        code = _code_of_answer(arrival)
        identity = prove(
            arrival,
            code,
            request.args.get("iss"),
            redirect_uri=callback_uri(door, provider_id),
            outside=outside(),
            at=utc_now(),
        )
        with unit_of_work():
            keep_identity(door.realm_id, arrival.request_id, identity)
    except SsoFailed as error:
        return failed(door, error, purpose)
    return arrive(door, arrival.request_id, purpose)


def _code_of_answer(arrival: Arrival) -> str:
    code = request.args.get("code")
    if arrival.provider.kind is not ProviderKind.OIDC:
        raise SsoFailed("the provider speaks another protocol")
    if code and "error" not in request.args:
        return code
    said = request.args.get("error_description") or request.args.get("error") or "no code"
    raise SsoFailed(f"the provider says: {said[:200]}")


def finish(door: Door, request_id: UUID) -> ResponseReturnValue:
    """Fetch an answer that came in without our cookies, as SAML's do."""
    try:
        purpose = fetch(door.realm_id, request_id, flask.session.get(BROWSER, ""), at=utc_now()).purpose
    except SsoFailed as error:
        return failed(door, error, SsoPurpose.SIGN_IN)
    session.commit()  # gives the row back
    return arrive(door, request_id, purpose)


def arrive(door: Door, request_id: UUID, purpose: SsoPurpose) -> ResponseReturnValue:
    """Do what the trip was for, in the browser that set out."""
    browser = flask.session.get(BROWSER, "")
    try:
        if purpose is SsoPurpose.TEST:
            return _show_test(door, request_id, browser)
        if purpose is SsoPurpose.LINK:
            return _finish_link(door, request_id, browser)
        return _finish_sign_in(door, request_id, browser)
    except SsoFailed as error:
        return failed(door, error, purpose)
    except SsoRefused as error:
        return _refused(door, error)


def _finish_sign_in(door: Door, request_id: UUID, browser: str) -> ResponseReturnValue:
    visit = visit_of(door)
    with unit_of_work():
        found = finish_sign_in(door.realm_id, request_id, browser, visit)
        wanted = safe_next(next_path_of(door.realm_id, request_id), door.surface)
    if isinstance(found, PasswordNeeded):
        return redirect(door.url("sso_confirm", request_id=request_id), code=HTTPStatus.SEE_OTHER)
    return go_on(door, found, wanted)


def show_confirm(door: Door, request_id: UUID) -> ResponseReturnValue:
    """Ask for the password once before an identity with the same address opens the door."""
    browser, form = flask.session.get(BROWSER, ""), PresentPasswordForm()
    try:
        asked = awaits_password(door.realm_id, request_id, browser, at=utc_now())
        session.commit()  # gives the row back
        if form.validate_on_submit():
            require_within(SIGN_IN, request.remote_addr)
            with unit_of_work():
                wanted = safe_next(next_path_of(door.realm_id, request_id), door.surface)
                found = confirm_by_password(door.realm_id, request_id, browser, form.current.data or "", visit_of(door))
            if found is not None:
                return go_on(door, found, wanted)
            form.take(WrongPassword())
    except SsoFailed as error:
        return failed(door, error, SsoPurpose.SIGN_IN)
    except SsoRefused as error:
        return _refused(door, error)
    return page(
        "storefront/sessions/sso_confirm.html",
        title="Enter your password once",
        form=form,
        email=asked.email,
        provider_name=asked.provider_name,
        forgot_url=door.url("forgot"),
        login_url=door.url("login", stay=1),
    ), form.status


def _finish_link(door: Door, request_id: UUID, browser: str) -> ResponseReturnValue:
    viewer = current_viewer()
    if viewer is None:
        raise SsoFailed("nobody is signed in any more")
    try:
        with unit_of_work():
            name = finish_link(
                door.realm_id,
                request_id,
                browser,
                session_id=viewer.session_id,
                actor=viewer.actor,
                at=utc_now(),
            )
    except SsoRefused as refusal:
        flash(str(refusal), "warning")
    else:
        flash(f"{name} is connected. You can sign in with it from now on.", "success")
    return redirect(door.url("login_options"), code=HTTPStatus.SEE_OTHER)


def _show_test(door: Door, request_id: UUID, browser: str) -> ResponseReturnValue:
    viewer = current_viewer()
    with unit_of_work():
        trip = pass_test(
            door.realm_id,
            request_id,
            browser,
            actor=viewer.actor if viewer else Actor(None, "Sign-in test", address=request.remote_addr),
            at=utc_now(),
        )
    return page(
        "storefront/sessions/sso_test.html",
        title="The test sign-in worked",
        received=json.loads(trip.received or "[]"),
        subject=trip.subject,
        email=trip.email,
        is_email_verified=trip.is_email_verified,
    )


def failed(door: Door, error: SsoFailed, purpose: SsoPurpose) -> ResponseReturnValue:
    """Say that it did not work, and nothing more; an owner's own test says why."""
    log.warning("sso_failed", extra={"reason": error.reason, "purpose": purpose.value})
    return page(
        "storefront/sessions/sso_failed.html",
        title="Signing in did not work",
        words="Nothing was changed. Try again, or tell us this number:",
        reference=g.get("request_id"),
        reason=error.reason if purpose is SsoPurpose.TEST else None,
        login_url=door.url("login", stay=1),
    ), HTTPStatus.FORBIDDEN


def _refused(door: Door, error: SsoRefused) -> ResponseReturnValue:
    return page(
        "storefront/sessions/sso_failed.html",
        title="You cannot sign in this way",
        words=str(error),
        reference=None,
        reason=None,
        login_url=door.url("login", stay=1),
    ), HTTPStatus.FORBIDDEN


def show_options(door: Door) -> ResponseReturnValue:
    """Show one's ways in, alphabetical; there is no such page where there is nothing to choose (SF-F29)."""
    viewer = signed_in_viewer()
    options = login_options(
        door.realm_id,
        viewer.user_id,
        credential_realm_id=credential_realm(viewer.person, viewer.realm_id),
        account_id=viewer.account_id,
    )
    if not options:
        abort(HTTPStatus.NOT_FOUND)
    return page(
        f"{'bss' if door.surface is Surface.BSS else 'storefront'}/sessions/login_options.html",
        title="Login options",
        options=[
            {
                "option": each,
                "url": door.url(
                    "sso_connect",
                    provider_id=each.provider_id,
                    proof=proof(SsoPurpose.LINK, each.provider_id, viewer.session_id),
                )
                if each.provider_id is not None
                else None,
                "disconnect_url": door.url("sso_disconnect", provider_id=each.provider_id)
                if each.provider_id is not None
                else None,
            }
            for each in options
        ],
        password_url=door.url("mail_password_link"),
    )


def disconnect_one(door: Door, provider_id: UUID) -> ResponseReturnValue:
    """Disconnect a provider from one's account, unless it is the last way in (SF-F30)."""
    viewer = signed_in_viewer()
    try:
        with unit_of_work():
            disconnect(
                door.realm_id,
                viewer.user_id,
                provider_id,
                credential_realm_id=credential_realm(viewer.person, viewer.realm_id),
                actor=viewer.actor,
                at=utc_now(),
            )
    except LastLoginMethod as refusal:
        flash(str(refusal), "warning")
    else:
        flash("The provider is disconnected.", "success")
    return redirect(door.url("login_options"), code=HTTPStatus.SEE_OTHER)


def mail_password_link(door: Door) -> ResponseReturnValue:
    """Mail a link to set a first password: how somebody without one connects it."""
    require_within(SIGN_IN, request.remote_addr)
    viewer = signed_in_viewer()
    if not has_local_login(door.realm_id):
        abort(HTTPStatus.NOT_FOUND)
    with unit_of_work():
        send_reset(viewer.user_id, door.realm_id, email=viewer.email, full_name=viewer.name, at=utc_now())
    flash("A link to set a password is in your mailbox.", "success")
    return redirect(door.url("login_options"), code=HTTPStatus.SEE_OTHER)


def show_break_glass(door: Door) -> ResponseReturnValue:
    """Let an administrator in with password and app code while passwords are off (BC-27)."""
    if has_local_login(door.realm_id):
        return redirect(door.url("login"), code=HTTPStatus.SEE_OTHER)
    form = SignInForm()
    if form.validate_on_submit():
        require_within(SIGN_IN, request.remote_addr)
        with unit_of_work():
            found = sign_in_as_administrator(
                door.realm_id, form.email.data or "", form.password.data or "", visit_of(door)
            )
        if found is not None:
            flask.session[CHALLENGE] = found.token
            return redirect(door.url("go_on"), code=HTTPStatus.SEE_OTHER)
        form.form_errors.append(str(SignInRefused()))
    return page("storefront/sessions/login.html", title="Administrator", form=form, forgot_url=None), form.status


SEEN, SENT, BOTH = ("GET",), ("POST",), ("GET", "POST")
Added = tuple[str, str, tuple[str, ...], Callable[..., ResponseReturnValue]]
ON_THE_WAY: tuple[Added, ...] = (
    ("/sso/<uuid:provider_id>", "sso_start", SEEN, start),
    ("/sso/<uuid:provider_id>/callback", "sso_callback", SEEN, callback),
    ("/sso/finish/<uuid:request_id>", "sso_finish", SEEN, finish),
    ("/sso/confirm/<uuid:request_id>", "sso_confirm", BOTH, show_confirm),
)
OWN: tuple[Added, ...] = (
    ("/login-options", "login_options", SEEN, show_options),
    ("/login-options/password", "mail_password_link", SENT, mail_password_link),
    ("/login-options/<uuid:provider_id>/connect", "sso_connect", SEEN, connect),
    ("/login-options/<uuid:provider_id>/disconnect", "sso_disconnect", SENT, disconnect_one),
)
