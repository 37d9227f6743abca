"""Between password and session: the code of an app or a mail, a new password, the first set-up of an app (SF-12, SF-13)."""

from __future__ import annotations

from http import HTTPStatus

import flask
from flask import flash, redirect, request
from flask.typing import ResponseReturnValue

from app.access.doors import CHALLENGE, Door, go_on, visit_of
from app.access.forms import CodeForm, NewPasswordForm
from app.access.landing import safe_next
from app.access.limits import SIGN_IN, require_within
from app.access.own_app import set_up_page
from app.audit.services import Actor
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity import challenges, second_factor
from app.identity.errors import ChallengeEnded, CodeRefused, TooSoon
from app.identity.models import SignInName, SignInStep
from app.identity.recovery import replace_expired_password
from app.identity.rules import passwords_of
from app.web.pages import page

TITLES = {
    SignInStep.APP_CODE: "Enter the code of your app",
    SignInStep.MAIL_CODE: "Enter the code we mailed you",
    SignInStep.NEW_PASSWORD: "Your password has expired",
    SignInStep.SET_UP_APP: "Set up an authenticator app",
}


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
    email, user_id, home = name.email, name.user_id, name.credential_realm_id
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
        rules=passwords_of(home).words,
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
    return set_up_page(door, form, secret, email, TITLES[SignInStep.SET_UP_APP]), form.status


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


def _actor_of(name: SignInName) -> Actor:
    return Actor(name.user_id, name.full_name, reseller_id=name.reseller_id, address=request.remote_addr)


def _wanted(door: Door) -> str | None:
    return safe_next(request.args.get("next"), door.surface)
