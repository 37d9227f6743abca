"""The doors of a realm: signing in and out, activation, forgotten passwords. Storefronts and the back office share them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

import flask
from flask import Blueprint, abort, flash, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access.cookies import (
    DEVICE,
    REMEMBER,
    read_kept,
    set_cookie,
    set_kept,
)
from app.access.forms import ChangePasswordForm, ChosenPasswordForm, ForgotForm, NewPasswordForm, SignInForm
from app.access.landing import safe_next
from app.access.limits import SIGN_IN, require_within
from app.access.requests import realm_of_request
from app.access.viewer import current_address, current_viewer, signed_in_viewer
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.email_change import Requester, WrongPassword, is_present_password
from app.identity.errors import LinkNoLongerValid
from app.identity.hops import land_hop
from app.identity.models import SignInName, TokenPurpose
from app.identity.permissions import Permission, permissions_of
from app.identity.providers.forgotten import ask_for_password
from app.identity.providers.queries import has_local_login
from app.identity.realms import credential_realm
from app.identity.recovery import (
    activate,
    change_password,
    check_link,
    has_password,
    request_new_activation,
    reset_password,
)
from app.identity.registrants import is_chosen_password
from app.identity.remembered import resume
from app.identity.rules import passwords_of
from app.identity.sessions import end_session
from app.identity.sign_in import Challenged, SignedIn, Visit
from app.web.pages import page
from app.web.surfaces import PREFIXES, Surface, surface_of_request
from tenants.directory import AddressKind
from tenants.settings import storefront_settings

NOT_AVAILABLE = "Signing in is not available at the moment"
CHALLENGE = "challenge"  # where the signed cookie holds a half-done sign-in
SEEN, SENT, BOTH = ("GET",), ("POST",), ("GET", "POST")
View = Callable[..., Any]
Route = tuple[
    str, str, tuple[str, ...], View
]  # path, endpoint, methods, and what answers: its first argument is the door
FROM_HERE = ("same-origin", "same-site")  # Sec-Fetch-Site: set by browsers, never by pages
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
    def templates(self) -> str:
        """The folder of pages about oneself: the back office has a frame of its own."""
        return f"{self.surface.value}/sessions"

    @property
    def home(self) -> str:
        """Return where this surface starts."""
        prefix = PREFIXES[self.surface] if self.surface is Surface.BSS else ""
        return f"{request.script_root}{prefix}/"


def add_views(blueprint: Blueprint, door: Door, routes: Iterable[Route], declare: View, *, below: str = "") -> None:
    """Add views that answer for a door; `declare` says who may come to them."""
    for path, endpoint, methods, answer in routes:
        view = functools.wraps(answer)(functools.partial(answer, door))
        blueprint.add_url_rule(f"{below}{path}", endpoint, declare(view), methods=methods)


LANDING_PATHS = {"catalogue": "/catalogue", "dashboard": "/billing"}  # StorefrontSettings.landing_page; else home
STOREFRONT_DOOR = Door(Surface.STOREFRONT)
BSS_DOOR = Door(Surface.BSS)


def visit_of(door: Door) -> Visit:
    """Return where the request comes from."""
    return Visit(utc_now(), request.remote_addr, request.user_agent.string, device=read_kept(DEVICE, door.realm_id))


def go_on(door: Door, found: SignedIn | Challenged, wanted: str | None) -> ResponseReturnValue:
    """Let somebody in, or lead to what is still asked for."""
    if isinstance(found, SignedIn):
        return let_in(door, found, wanted or _landing(door, found))
    flask.session[CHALLENGE] = found.token
    return redirect(door.url("go_on", next=wanted), code=HTTPStatus.SEE_OTHER)


def resume_visit(door: Door, to: str) -> ResponseReturnValue | None:
    """Start a session for a browser that stays signed in and go to a page; None where it is not remembered."""
    secret = read_kept(REMEMBER, door.realm_id)
    if secret is None or not has_local_login(door.realm_id):
        return None
    visit = visit_of(door)
    with unit_of_work():
        found = resume(
            door.realm_id,
            secret,
            device=visit.device,
            at=visit.at,
            address=visit.address,
            browser=visit.browser,
        )
    if found is None:
        return None
    response = make_response(redirect(to, code=HTTPStatus.SEE_OTHER))
    set_cookie(response, door.realm_id, found.token, door.surface)
    if found.remember is not None:
        set_kept(response, REMEMBER, door.realm_id, found.remember, door.surface)
    return response


def let_in(door: Door, signed_in: SignedIn, to: str) -> ResponseReturnValue:
    """Answer with a session: a new secret, and nothing kept of what the browser carried before."""
    viewer = current_viewer()
    if viewer is not None:
        with unit_of_work():
            end_session(viewer.realm_id, viewer.session_id)
    flask.session.clear()
    response = make_response(redirect(to, code=HTTPStatus.SEE_OTHER))
    set_cookie(response, door.realm_id, signed_in.token, door.surface)
    if signed_in.device is not None:
        set_kept(response, DEVICE, door.realm_id, signed_in.device, door.surface)
    if signed_in.remember is not None:
        set_kept(response, REMEMBER, door.realm_id, signed_in.remember, door.surface)
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
    if purpose is TokenPurpose.ACTIVATION and has_password(name) and not request.args.get("new"):
        return _confirm_activation(door, token, name, done=done)
    email, home = name.email, name.credential_realm_id
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
    rules = passwords_of(home).words
    return page("storefront/sessions/new_password.html", title=title, form=form, rules=rules), form.status


def _confirm_activation(door: Door, token: str, name: SignInName, *, done: str) -> ResponseReturnValue:
    """Activate who types the password of the registration: a stranger may have registered somebody else's address.

    Who did not choose that password, but reads the mail, chooses a new one.
    """
    form, email = ChosenPasswordForm(), name.email
    if form.validate_on_submit():
        require_within(SIGN_IN, request.remote_addr)
        at = utc_now()
        with unit_of_work():  # a wrong one counts
            is_right = is_chosen_password(name, form.password.data or "", at=at, address=request.remote_addr)
        if is_right:
            try:
                with unit_of_work():
                    activate(door.realm_id, token, None, at=at)
            except LinkNoLongerValid:
                return _link_ended(door, TokenPurpose.ACTIVATION, token)
            flash(done, "success")
            return redirect(door.url("login"), code=HTTPStatus.SEE_OTHER)
        form.take(Invalid.field("password", "wrong_password", "This is not the password of the registration"))
    return page(
        "storefront/registration/activate.html",
        title="Activate your account",
        form=form,
        email=email,
        new_url=door.url("activate", token=token, new=1),
    ), form.status


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
            ask_for_password(door.realm_id, form.email.data or "", at=utc_now())
        return page("storefront/sessions/mail_is_out.html", title="Look into your mailbox", login_url=door.url("login"))
    return page(
        "storefront/sessions/forgot.html", title="Set a new password", form=form, login_url=door.url("login")
    ), form.status


def land(door: Door, token: str) -> ResponseReturnValue:
    """Spend a hop: a session here for somebody who is signed in over there; `next` is a path below this storefront.

    A link that somebody else sent would sign its reader in as its sender: what does not come from our own pages has to
    be confirmed.
    """
    require_within(SIGN_IN, request.remote_addr)
    if request.method == "GET" and request.headers.get("Sec-Fetch-Site") not in FROM_HERE:
        return _confirm_hop(door, token)
    try:
        with unit_of_work():
            found = land_hop(door.realm_id, token, visit_of(door))
    except LinkNoLongerValid:
        return _link_ended(door, TokenPurpose.HOP, token)
    wanted = safe_next(f"{request.script_root}{request.args.get('next', '')}", door.surface)
    return let_in(door, found, wanted or _landing(door, found))


def _confirm_hop(door: Door, token: str) -> ResponseReturnValue:
    try:
        name = check_link(TokenPurpose.HOP, door.realm_id, token, at=utc_now())
    except LinkNoLongerValid:
        return _link_ended(door, TokenPurpose.HOP, token)
    return page(
        "storefront/sessions/confirm_hop.html",
        title="Continue",
        name=name.full_name,
        email=name.email,
        action=door.url("hop", token=token, next=request.args.get("next")),
    )


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


def show_own_password(door: Door) -> ResponseReturnValue:
    """Let somebody signed in change their password; their other sessions end (SF-13)."""
    viewer = signed_in_viewer()
    form = ChangePasswordForm()
    form.email.data = viewer.email
    if form.validate_on_submit():
        require_within(SIGN_IN, request.remote_addr)
        at = utc_now()
        requester = Requester(viewer.user_id, viewer.realm_id, viewer.session_id, viewer.actor)
        with unit_of_work():  # a wrong one counts, whatever comes next
            is_right = is_present_password(requester, form.current.data or "", at=at)
        try:
            if not is_right:
                raise WrongPassword
            with unit_of_work():
                change_password(
                    viewer.user_id,
                    viewer.realm_id,
                    new=form.password.data or "",
                    keep_session_id=viewer.session_id,
                    actor=viewer.actor,
                    at=at,
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Your password is changed. Other sessions have ended.", "success")
            return redirect(door.home, code=HTTPStatus.SEE_OTHER)
    rules = passwords_of(credential_realm(viewer.person, viewer.realm_id)).words
    return page(f"{door.templates}/own_password.html", title="Change password", form=form, rules=rules), form.status
