"""The doors of a realm: signing in and out, activation, forgotten passwords. Storefronts and the back office share them."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

import flask
from flask import abort, flash, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access.cookies import delete_cookie, set_cookie
from app.access.forms import ChangePasswordForm, ForgotForm, NewPasswordForm, SignInForm
from app.access.landing import safe_next
from app.access.limits import SIGN_IN, require_within
from app.access.requests import realm_of_request
from app.access.viewer import current_address, current_viewer, signed_in_viewer
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.errors import LinkNoLongerValid, SignInRefused
from app.identity.hops import land_hop
from app.identity.models import TokenPurpose
from app.identity.permissions import Permission, permissions_of
from app.identity.realms import passwords_of
from app.identity.recovery import (
    activate,
    change_password,
    check_link,
    request_new_activation,
    request_reset,
    reset_password,
)
from app.identity.sessions import end_session
from app.identity.sign_in import SignedIn, sign_in
from app.web.pages import page
from app.web.surfaces import PREFIXES, Surface, surface_of_request
from tenants.directory import AddressKind
from tenants.settings import storefront_settings

NOT_AVAILABLE = "Signing in is not available at the moment"
HIDDEN_WHEN_CLOSED = ("/register", "/password")


@dataclass(frozen=True, slots=True)
class Door:
    """Where people of one surface sign in."""

    surface: Surface

    @property
    def realm_id(self) -> UUID:
        """The realm of the request's address."""
        return realm_of_request(current_address(), self.surface)

    def url(self, view: str, **values: Any) -> str:
        """Return the address of another page of this door."""
        return url_for(f"{self.surface.value}_sessions.{view}", **values)

    @property
    def home(self) -> str:
        """Return where this surface starts."""
        prefix = PREFIXES[self.surface] if self.surface is Surface.BSS else ""
        return f"{request.script_root}{prefix}/"


LANDING_PATHS = {"catalogue": "/catalogue", "dashboard": "/billing"}  # StorefrontSettings.landing_page; else home
STOREFRONT_DOOR = Door(Surface.STOREFRONT)
BSS_DOOR = Door(Surface.BSS)


def show_sign_in(door: Door) -> ResponseReturnValue:
    """Show the form, and on POST let in who proves to be known. Every refusal reads and costs the same."""
    wanted = safe_next(request.args.get("next"), door.surface)
    if current_viewer() is not None and request.method == "GET":
        return redirect(wanted or door.home, code=HTTPStatus.SEE_OTHER)
    form = SignInForm()
    if form.validate_on_submit():
        require_within(SIGN_IN, request.remote_addr)
        with unit_of_work():
            found = sign_in(
                door.realm_id,
                form.email.data or "",
                form.password.data or "",
                at=utc_now(),
                address=request.remote_addr,
                browser=request.user_agent.string,
            )
        if found is not None:
            return let_in(door, found, wanted or _landing(door, found))
        form.form_errors.append(str(SignInRefused()))
    return page(
        "storefront/sessions/login.html", title="Sign in", form=form, forgot_url=door.url("forgot")
    ), form.status


def let_in(door: Door, signed_in: SignedIn, to: str) -> ResponseReturnValue:
    """Answer with a session: a new secret, and nothing kept of what the browser carried before."""
    viewer = current_viewer()
    if viewer is not None:
        with unit_of_work():
            end_session(viewer.realm_id, viewer.session_id)
    flask.session.clear()
    response = make_response(redirect(to, code=HTTPStatus.SEE_OTHER))
    set_cookie(response, door.realm_id, signed_in.token, door.surface)
    return response


def _landing(door: Door, signed_in: SignedIn) -> str:
    """Reseller staff with the right to it start in the admin area of their own storefront, others where its owner says.

    Source: RS-09, RS-14.
    """
    address = current_address()
    if address.kind is AddressKind.ALIAS:
        rights = permissions_of(signed_in.kind, signed_in.type, signed_in.roles, address.edition)
        if Permission.MANAGE_STOREFRONT in rights:
            return f"{request.script_root}{PREFIXES[Surface.MANAGE]}/"
    if door.surface is Surface.STOREFRONT and address.storefront_id is not None:
        chosen = LANDING_PATHS.get(storefront_settings(address.storefront_id).landing_page)
        if chosen is not None:
            return f"{request.script_root}{chosen}"
    return door.home


def sign_out(door: Door) -> ResponseReturnValue:
    """End the session here and now; the browser forgets it."""
    viewer = current_viewer()
    if viewer is not None:
        with unit_of_work():
            end_session(viewer.realm_id, viewer.session_id)
    flask.session.clear()
    flash("You have signed out.", "success")
    response = make_response(redirect(door.url("login"), code=HTTPStatus.SEE_OTHER))
    delete_cookie(response, door.realm_id, door.surface)
    return response


def show_activation(door: Door, token: str) -> ResponseReturnValue:
    """Let an invited person choose their first password."""
    return _choose_password(
        door, TokenPurpose.ACTIVATION, token, title="Choose a password", done="Your account is active. Sign in now."
    )


def show_reset(door: Door, token: str) -> ResponseReturnValue:
    """Let somebody with a reset link choose a new password."""
    return _choose_password(
        door, TokenPurpose.RESET, token, title="Choose a new password", done="Your password is changed. Sign in now."
    )


def _choose_password(door: Door, purpose: TokenPurpose, token: str, *, title: str, done: str) -> ResponseReturnValue:
    at = utc_now()
    try:
        name = check_link(purpose, door.realm_id, token, at=at)
    except LinkNoLongerValid:
        return _link_ended(door, purpose, token)
    email = name.email
    form = NewPasswordForm()
    if form.validate_on_submit():
        require_within(SIGN_IN, request.remote_addr)
        spend = activate if purpose is TokenPurpose.ACTIVATION else reset_password
        try:
            with unit_of_work():
                spend(door.realm_id, token, form.password.data or "", at=at)
        except Invalid as refusal:
            form.take(refusal)
        except LinkNoLongerValid:  # another tab was faster
            return _link_ended(door, purpose, token)
        else:
            flash(done, "success")
            return redirect(door.url("login"), code=HTTPStatus.SEE_OTHER)
    form.email.data = email
    rules = passwords_of(door.realm_id).words
    return page("storefront/sessions/new_password.html", title=title, form=form, rules=rules), form.status


def _link_ended(door: Door, purpose: TokenPurpose, token: str) -> ResponseReturnValue:
    is_activation = purpose is TokenPurpose.ACTIVATION
    return page(
        "storefront/sessions/link_ended.html",
        title="This link is no longer valid",
        resend_url=door.url("resend", token=token) if is_activation else None,
        forgot_url=None if is_activation else door.url("forgot"),
        login_url=door.url("login"),
    ), HTTPStatus.GONE


def resend(door: Door, token: str) -> ResponseReturnValue:
    """Mail a new activation link to whom an ended one belonged; the answer never says whether there was anybody."""
    require_within(SIGN_IN, request.remote_addr)
    with unit_of_work():
        request_new_activation(door.realm_id, token, at=utc_now())
    return page("storefront/sessions/mail_is_out.html", title="Look into your mailbox", login_url=door.url("login"))


def show_forgot(door: Door) -> ResponseReturnValue:
    """Mail a reset link, if there is somebody to mail it to; the answer is the same either way (SF-F26)."""
    form = ForgotForm()
    if form.validate_on_submit():
        require_within(SIGN_IN, request.remote_addr)
        with unit_of_work():
            request_reset(door.realm_id, form.email.data or "", at=utc_now())
        return page("storefront/sessions/mail_is_out.html", title="Look into your mailbox", login_url=door.url("login"))
    return page(
        "storefront/sessions/forgot.html", title="Set a new password", form=form, login_url=door.url("login")
    ), form.status


def land(door: Door, token: str) -> ResponseReturnValue:
    """Spend a hop: a session here for somebody who is signed in over there; `next` is a path below this storefront."""
    require_within(SIGN_IN, request.remote_addr)
    try:
        with unit_of_work():
            found = land_hop(
                door.realm_id,
                token,
                at=utc_now(),
                address=request.remote_addr,
                browser=request.user_agent.string,
            )
    except LinkNoLongerValid:
        return _link_ended(door, TokenPurpose.HOP, token)
    wanted = safe_next(f"{request.script_root}{request.args.get('next', '')}", door.surface)
    return let_in(door, found, wanted or _landing(door, found))


def closed_door() -> ResponseReturnValue:
    """Answer for a storefront whose plan has ended: the sign-in page, whatever was asked for (RS-11)."""
    if request.path.startswith(HIDDEN_WHEN_CLOSED):
        abort(HTTPStatus.NOT_FOUND)
    if surface_of_request() is Surface.BSS:
        abort(HTTPStatus.NOT_FOUND)
    form = SignInForm(formdata=None)
    if request.method == "POST":
        form.form_errors.append(NOT_AVAILABLE)
    return page(
        "storefront/sessions/login.html", title="Sign in", form=form, forgot_url=None, is_closed=True
    ), form.status


def show_own_password(template: str, back_url: str) -> ResponseReturnValue:
    """Let somebody signed in change their password; their other sessions end (SF-13)."""
    viewer = signed_in_viewer()
    form = ChangePasswordForm()
    form.email.data = viewer.email
    if form.validate_on_submit():
        require_within(SIGN_IN, request.remote_addr)
        try:
            with unit_of_work():
                change_password(
                    viewer.user_id,
                    viewer.realm_id,
                    current=form.current.data or "",
                    new=form.password.data or "",
                    keep_session_id=viewer.session_id,
                    actor=viewer.actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Your password is changed. Other sessions have ended.", "success")
            return redirect(back_url, code=HTTPStatus.SEE_OTHER)
    rules = passwords_of(viewer.realm_id).words
    return page(template, title="Change password", form=form, rules=rules), form.status
