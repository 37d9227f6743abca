"""Beside the doors: what is asked for between password and session, and each person's own page of sign-in and security.

Storefronts, their admin areas and the back office add the same views to their sign-in blueprints.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from uuid import UUID

import flask
import segno
from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from app.access.doors import CHALLENGE, Door, go_on, visit_of
from app.access.forms import CodeForm, NewEmailForm, NewPasswordForm, PresentPasswordForm
from app.access.guards import public
from app.access.landing import safe_next
from app.access.limits import SIGN_IN, require_within
from app.access.viewer import Viewer, signed_in_viewer
from app.audit.services import Actor
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid, NotFound
from app.identity import challenges, email_change, second_factor
from app.identity.devices import distrust_devices, list_devices
from app.identity.email_change import Requester, WrongPassword
from app.identity.errors import ChallengeEnded, CodeRefused, TooSoon
from app.identity.mails import mail_person, owner_name
from app.identity.models import SignInName, SignInStep
from app.identity.providers.queries import login_options
from app.identity.realms import credential_realm, passwords_of, reseller_of
from app.identity.recovery import replace_expired_password
from app.identity.rules import AppRule, rules_of
from app.identity.sessions import end_own_session, end_sessions, list_sessions
from app.notifications.settings import is_switched_on
from app.notifications.templates import MailTemplate
from app.web.browsers import browser_words
from app.web.pages import page

View = Callable[..., ResponseReturnValue]
TITLES = {
    SignInStep.APP_CODE: "Enter the code of your app",
    SignInStep.MAIL_CODE: "Enter the code we mailed you",
    SignInStep.NEW_PASSWORD: "Your password has expired",
    SignInStep.SET_UP_APP: "Set up an authenticator app",
}
APP_ON = "An authenticator app was set up for your account."
APP_OFF = "The authenticator app was removed from your account."
NEW_CODES = "New recovery codes were made for your account."


def add_security_views(blueprint: Blueprint, door: Door, own: Callable[[View], View], *, below: str = "") -> None:
    """Add the views to a sign-in blueprint; `own` is the declaration of pages for people who are signed in."""
    for path, endpoint, methods, answer in BETWEEN:
        blueprint.add_url_rule(path, endpoint, public(_at(door, answer)), methods=methods)
    for path, endpoint, methods, answer in OWN:
        blueprint.add_url_rule(f"{below}{path}", endpoint, own(_at(door, answer)), methods=methods)


def _at(door: Door, answer: Callable[..., ResponseReturnValue]) -> View:
    @functools.wraps(answer)
    def view(**values: Any) -> ResponseReturnValue:
        return answer(door, **values)

    return view


def show_step(door: Door) -> ResponseReturnValue:
    """Ask for what a half-done sign-in still needs; a dead one starts over."""
    token: str = flask.session.get(CHALLENGE, "")
    try:
        step = challenges.find_step(door.realm_id, token, at=utc_now())
        if step is SignInStep.NEW_PASSWORD:
            return _ask_new_password(door, token)
        if step is SignInStep.SET_UP_APP:
            return _ask_set_up(door, token)
        return _ask_code(door, token, step)
    except ChallengeEnded as ended:
        flask.session.pop(CHALLENGE, None)
        flash(str(ended), "warning")
        return redirect(door.url("login", next=request.args.get("next")), code=HTTPStatus.SEE_OTHER)


def _ask_code(door: Door, token: str, step: SignInStep) -> ResponseReturnValue:
    form = CodeForm()
    if form.validate_on_submit():
        require_within(SIGN_IN, request.remote_addr)
        with unit_of_work():
            found = challenges.answer_code(
                door.realm_id, token, form.code.data or "", visit_of(door), trust=form.trust.data
            )
        if found is not None:
            return go_on(door, found, _wanted(door))
        form.take(CodeRefused())
    return page(
        "storefront/sessions/code.html",
        title=TITLES[step],
        form=form,
        resend_url=door.url("resend_code", next=request.args.get("next")) if step is SignInStep.MAIL_CODE else None,
        login_url=door.url("login"),
    ), form.status


def _ask_new_password(door: Door, token: str) -> ResponseReturnValue:
    form, at = NewPasswordForm(), utc_now()
    name = challenges.name_of(door.realm_id, token, at=at)
    email, user_id = name.email, name.user_id
    if form.validate_on_submit():
        require_within(SIGN_IN, request.remote_addr)
        try:
            with unit_of_work():
                replace_expired_password(door.realm_id, user_id, form.password.data or "", at=at)
                found = challenges.answer_new_password(door.realm_id, token, visit_of(door))
        except Invalid as refusal:
            form.take(refusal)
        else:
            return go_on(door, found, _wanted(door))
    form.email.data = email
    return page(
        "storefront/sessions/new_password.html",
        title=TITLES[SignInStep.NEW_PASSWORD],
        form=form,
        rules=passwords_of(door.realm_id).words,
    ), form.status


def _ask_set_up(door: Door, token: str) -> ResponseReturnValue:
    form, at = CodeForm(), utc_now()
    name = challenges.name_of(door.realm_id, token, at=at)
    home, user_id, email = name.credential_realm_id, name.user_id, name.email
    with unit_of_work():
        secret = second_factor.begin_app(home, user_id, at=at)
    if form.validate_on_submit():
        require_within(SIGN_IN, request.remote_addr)
        try:
            with unit_of_work():
                codes = second_factor.confirm_app(
                    home, user_id, form.code.data or "", actor=_actor_of(name), at=utc_now()
                )
                found = challenges.answer_set_up(door.realm_id, token, visit_of(door))
        except CodeRefused as refusal:
            form.take(refusal)
        else:
            answer = go_on(door, found, _wanted(door))
            flask.session["recovery_codes"] = codes
            return answer
    return _set_up_page(door, form, secret, email, TITLES[SignInStep.SET_UP_APP]), form.status


def resend_code_of(door: Door) -> ResponseReturnValue:
    """Mail another code: after a minute, three times at most."""
    require_within(SIGN_IN, request.remote_addr)
    token = flask.session.get(CHALLENGE)
    try:
        with unit_of_work():
            challenges.send_again(door.realm_id, token or "", at=utc_now())
    except TooSoon as refusal:
        flash(str(refusal), "warning")
    except ChallengeEnded as ended:
        flash(str(ended), "warning")
        return redirect(door.url("login"), code=HTTPStatus.SEE_OTHER)
    else:
        flash("Another code is on its way. Only the newest one counts.", "success")
    return redirect(door.url("go_on", next=request.args.get("next")), code=HTTPStatus.SEE_OTHER)


def show_security(door: Door) -> ResponseReturnValue:
    """Show one's sessions, devices, second factor and address."""
    viewer, at = signed_in_viewer(), utc_now()
    home = _home(viewer)
    has_app = second_factor.has_app(home, viewer.user_id)
    return page(
        f"{_place(door)}/security.html",
        title="Sign-in and security",
        sessions=list_sessions(viewer.realm_id, viewer.user_id, at=at),
        own_session_id=viewer.session_id,
        devices=list_devices(viewer.realm_id, viewer.user_id),
        now=at,
        has_app=has_app,
        codes_left=second_factor.count_recovery_codes(home, viewer.user_id) if has_app else 0,
        may_use_app=rules_of(viewer.realm_id).app is not AppRule.OFF,
        may_remove_app=rules_of(viewer.realm_id).app is not AppRule.REQUIRED,
        may_change_email=_may_change_email(viewer),
        email=viewer.email,
        has_options=bool(
            login_options(door.realm_id, viewer.user_id, credential_realm_id=home, account_id=viewer.account_id)
        ),
        door=door,
        new_codes=flask.session.pop("recovery_codes", None),
        browser_words=browser_words,
    )


def end_one(door: Door, session_id: UUID) -> ResponseReturnValue:
    """End one of one's sessions; somebody else's does not exist."""
    viewer = signed_in_viewer()
    with unit_of_work():
        if not end_own_session(viewer.realm_id, viewer.user_id, session_id):
            raise NotFound("There is no such session")
    flash("The session has ended.", "success")
    return redirect(door.url("security"), code=HTTPStatus.SEE_OTHER)


def end_all_others(door: Door) -> ResponseReturnValue:
    """End all of one's sessions but this one."""
    viewer = signed_in_viewer()
    with unit_of_work():
        end_sessions(viewer.realm_id, viewer.user_id, except_id=viewer.session_id)
    flash("All other sessions have ended.", "success")
    return redirect(door.url("security"), code=HTTPStatus.SEE_OTHER)


def distrust_all(door: Door) -> ResponseReturnValue:
    """Ask for a code on every device again."""
    viewer = signed_in_viewer()
    with unit_of_work():
        distrust_devices(viewer.realm_id, viewer.user_id)
    flash("A code is asked for on every device from now on.", "success")
    return redirect(door.url("security"), code=HTTPStatus.SEE_OTHER)


def show_set_up(door: Door) -> ResponseReturnValue:
    """Show the QR code, and put the app into use with its first code."""
    viewer, at, form = signed_in_viewer(), utc_now(), CodeForm()
    home = _home(viewer)
    if rules_of(viewer.realm_id).app is AppRule.OFF:
        raise NotFound("Authenticator apps are not used here")
    if second_factor.has_app(home, viewer.user_id):
        return redirect(door.url("security"), code=HTTPStatus.SEE_OTHER)
    with unit_of_work():
        secret = second_factor.begin_app(home, viewer.user_id, at=at)
    if form.validate_on_submit():
        require_within(SIGN_IN, request.remote_addr)
        try:
            with unit_of_work():
                codes = second_factor.confirm_app(home, viewer.user_id, form.code.data or "", actor=viewer.actor, at=at)
                _tell(viewer, APP_ON)
        except CodeRefused as refusal:
            form.take(refusal)
        else:
            return _show_codes(door, codes)
    return _set_up_page(door, form, secret, viewer.email, "Set up an authenticator app"), form.status


def show_remove_app(door: Door) -> ResponseReturnValue:
    """Remove the app after the password was typed once more."""
    viewer = signed_in_viewer()
    if rules_of(viewer.realm_id).app is AppRule.REQUIRED:
        raise NotFound("An authenticator app is required here")

    def remove() -> ResponseReturnValue:
        with unit_of_work():
            second_factor.remove_app(_home(viewer), viewer.user_id, actor=viewer.actor, at=utc_now())
            _tell(viewer, APP_OFF)
        flash("The authenticator app was removed.", "success")
        return redirect(door.url("security"), code=HTTPStatus.SEE_OTHER)

    return _after_password(door, "Remove the authenticator app", "Remove app", remove)


def show_new_codes(door: Door) -> ResponseReturnValue:
    """Make new recovery codes after the password was typed once more; the old ones are void."""
    viewer = signed_in_viewer()
    if not second_factor.has_app(_home(viewer), viewer.user_id):
        raise NotFound("There is no authenticator app")

    def make() -> ResponseReturnValue:
        with unit_of_work():
            codes = second_factor.new_recovery_codes(_home(viewer), viewer.user_id, at=utc_now())
            _tell(viewer, NEW_CODES)
        return _show_codes(door, codes)

    return _after_password(door, "New recovery codes", "Make new codes", make)


def show_change_email(door: Door) -> ResponseReturnValue:
    """Ask for password and new address, and mail the code (SF-16)."""
    viewer, at, form = signed_in_viewer(), utc_now(), NewEmailForm()
    if not _may_change_email(viewer):
        raise NotFound("E-mail addresses cannot be changed here at the moment")
    if form.validate_on_submit():
        require_within(SIGN_IN, request.remote_addr)
        requester = _requester(viewer)
        with unit_of_work():
            is_right = email_change.is_present_password(requester, form.current.data or "", at=at)
        if not is_right:
            form.take(WrongPassword())
        else:
            try:
                with unit_of_work():
                    email_change.ask_for_email(requester, form.new_email.data or "", at=at)
            except Invalid as refusal:
                form.take(refusal)
            else:
                return redirect(door.url("verify_email"), code=HTTPStatus.SEE_OTHER)
    return page(
        f"{_place(door)}/change_email.html",
        title="Change e-mail",
        form=form,
        email=viewer.email,
        back_url=door.url("security"),
    ), form.status


def show_verify_email(door: Door) -> ResponseReturnValue:
    """Take the code that was mailed to the new address; the address changes only now."""
    viewer, form = signed_in_viewer(), CodeForm()
    requester = _requester(viewer)
    change = email_change.find_change(requester)
    if change is None:
        return redirect(door.url("change_email"), code=HTTPStatus.SEE_OTHER)
    new_email = change.new_email
    if form.validate_on_submit():
        require_within(SIGN_IN, request.remote_addr)
        try:
            with unit_of_work():
                is_done = email_change.verify_email(requester, form.code.data or "", at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        except ChallengeEnded:
            flash("The code was wrong too often. Start again.", "warning")
            return redirect(door.url("change_email"), code=HTTPStatus.SEE_OTHER)
        else:
            if is_done:
                flash(f"You sign in with {new_email} from now on.", "success")
                return redirect(door.url("security"), code=HTTPStatus.SEE_OTHER)
            form.take(CodeRefused())
    return page(
        f"{_place(door)}/verify_email.html",
        title="Verify your new e-mail",
        form=form,
        new_email=new_email,
        resend_url=door.url("resend_email_code"),
        back_url=door.url("change_email"),
    ), form.status


def resend_code_to_new_email(door: Door) -> ResponseReturnValue:
    """Mail another code to the new address, a minute after the last one."""
    try:
        with unit_of_work():
            email_change.send_email_code_again(_requester(signed_in_viewer()), at=utc_now())
    except (ChallengeEnded, TooSoon) as refusal:
        flash(str(refusal), "warning")
    else:
        flash("Another code is on its way. Only the newest one counts.", "success")
    return redirect(door.url("verify_email"), code=HTTPStatus.SEE_OTHER)


def _after_password(
    door: Door, title: str, button: str, then: Callable[[], ResponseReturnValue]
) -> ResponseReturnValue:
    viewer, form = signed_in_viewer(), PresentPasswordForm()
    if form.validate_on_submit():
        require_within(SIGN_IN, request.remote_addr)
        with unit_of_work():
            is_right = email_change.is_present_password(_requester(viewer), form.current.data or "", at=utc_now())
        if is_right:
            return then()
        form.take(WrongPassword())
    return page(
        f"{_place(door)}/confirm_password.html",
        title=title,
        form=form,
        button_words=button,
        back_url=door.url("security"),
    ), form.status


def _set_up_page(door: Door, form: CodeForm, secret: str, email: str, title: str) -> str:
    address = second_factor.app_address(secret, name=email, issuer=owner_name(door.realm_id) or "Storefront")
    picture = segno.make(address, error="m").svg_inline(scale=5, omitsize=True, svgclass="qr", lineclass=None)
    return page(
        "storefront/sessions/set_up_app.html",
        title=title,
        form=form,
        picture=Markup(picture),  # noqa: S704 - made by the library from our own address
        secret=" ".join(secret[i : i + 4] for i in range(0, len(secret), 4)),
    )


def _show_codes(door: Door, codes: tuple[str, ...]) -> ResponseReturnValue:
    return page(
        f"{_place(door)}/recovery_codes.html", title="Recovery codes", codes=codes, back_url=door.url("security")
    )


def _tell(viewer: Viewer, what: str) -> None:
    mail_person(
        MailTemplate.SECOND_FACTOR,
        viewer.realm_id,
        email=viewer.email,
        full_name=viewer.name,
        fields={"what_changed": what},
        at=utc_now(),
    )


def _may_change_email(viewer: Viewer) -> bool:
    """Both mails have to be switched on by the realm's owner (SF-16)."""
    owner = reseller_of(viewer.realm_id)
    return all(is_switched_on(each, owner) for each in (MailTemplate.EMAIL_CODE, MailTemplate.EMAIL_CHANGED))


def _home(viewer: Viewer) -> UUID:
    return credential_realm(viewer.person, viewer.realm_id)


def _requester(viewer: Viewer) -> Requester:
    return Requester(viewer.user_id, viewer.realm_id, viewer.session_id, viewer.actor)


def _actor_of(name: SignInName) -> Actor:
    return Actor(name.user_id, name.full_name, reseller_id=name.reseller_id, address=request.remote_addr)


def _wanted(door: Door) -> str | None:
    return safe_next(request.args.get("next"), door.surface)


def _place(door: Door) -> str:
    return "bss/sessions" if door.surface.value == "bss" else "storefront/sessions"


SEEN, SENT, BOTH = ("GET",), ("POST",), ("GET", "POST")
Added = tuple[str, str, tuple[str, ...], Callable[..., ResponseReturnValue]]
BETWEEN: tuple[Added, ...] = (
    ("/login/continue", "go_on", BOTH, show_step),
    ("/login/continue/resend", "resend_code", SENT, resend_code_of),
)
OWN: tuple[Added, ...] = (
    ("/security", "security", SEEN, show_security),
    ("/security/sessions/<uuid:session_id>/end", "end_session", SENT, end_one),
    ("/security/sessions/end-others", "end_others", SENT, end_all_others),
    ("/security/devices/distrust", "distrust", SENT, distrust_all),
    ("/security/app", "set_up_app", BOTH, show_set_up),
    ("/security/app/remove", "remove_app", BOTH, show_remove_app),
    ("/security/app/codes", "recovery_codes", BOTH, show_new_codes),
    ("/security/email", "change_email", BOTH, show_change_email),
    ("/security/email/verify", "verify_email", BOTH, show_verify_email),
    ("/security/email/resend", "resend_email_code", SENT, resend_code_to_new_email),
)
