"""Each person's own login options, and the separate way in for administrators (SF-15, BC-27)."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

import flask
from flask import abort, flash, redirect, request
from flask.typing import ResponseReturnValue

from app.access.doors import CHALLENGE, Door, visit_of
from app.access.forms import SignInForm
from app.access.limits import SIGN_IN, require_within
from app.access.sso.departures import proof
from app.access.sso.pages import logo_url
from app.access.viewer import signed_in_viewer
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.identity.errors import SignInRefused
from app.identity.providers.break_glass import sign_in_as_administrator
from app.identity.providers.models import SsoPurpose
from app.identity.providers.queries import has_local_login, login_options
from app.identity.providers.services import LastLoginMethod, disconnect
from app.identity.realms import credential_realm
from app.identity.recovery import send_reset
from app.web.pages import page


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
        f"{door.templates}/login_options.html",
        title="Login options",
        options=[
            {
                "option": each,
                "logo_url": logo_url(each.logo_image_id),
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
