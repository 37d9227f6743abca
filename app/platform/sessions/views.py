"""Signing in to the console, on the platform's host only."""

from __future__ import annotations

from http import HTTPStatus

import flask
from flask import flash, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import current_viewer, public
from app.access.console import CONSOLE
from app.access.cookies import delete_cookie, read_cookie, set_cookie
from app.access.forms import SignInForm
from app.access.landing import safe_next
from app.access.limits import SIGN_IN, require_within
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.identity.errors import SignInRefused
from app.identity.operators import sign_operator_in, sign_operator_out
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint

bp = surface_blueprint("sessions", __name__, surface=Surface.PLATFORM, path="")


@bp.route("/login", methods=["GET", "POST"])
@public
def login() -> ResponseReturnValue:
    """Sign an operator in; every refusal reads and costs the same."""
    wanted = safe_next(request.args.get("next"), Surface.PLATFORM) or url_for("platform_distributors.index")
    if current_viewer() is not None and request.method == "GET":
        return redirect(wanted, code=HTTPStatus.SEE_OTHER)
    form = SignInForm()
    if form.validate_on_submit():
        require_within(SIGN_IN, request.remote_addr)
        with unit_of_work():
            token = sign_operator_in(form.email.data or "", form.password.data or "", at=utc_now())
        if token is not None:
            flask.session.clear()
            response = make_response(redirect(wanted, code=HTTPStatus.SEE_OTHER))
            set_cookie(response, CONSOLE, token, Surface.PLATFORM)
            return response
        form.form_errors.append(str(SignInRefused()))
    return page("platform/sessions/login.html", title="Sign in", form=form), form.status


@bp.post("/logout")
@public
def logout() -> ResponseReturnValue:
    """Sign out."""
    token = read_cookie(CONSOLE)
    if token is not None:
        with unit_of_work():
            sign_operator_out(token)
    flask.session.clear()
    flash("You have signed out.", "success")
    response = make_response(redirect(url_for(".login"), code=HTTPStatus.SEE_OTHER))
    delete_cookie(response, CONSOLE, Surface.PLATFORM)
    return response
