"""Each person's own page of sign-in and security: sessions, devices, second factor, address.

Storefronts, their admin areas and the back office add the same views to their sign-in blueprints.
"""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

import flask
from flask import Blueprint, flash, redirect
from flask.typing import ResponseReturnValue

from app.access.between import resend_code_of, show_step
from app.access.doors import BOTH, SEEN, SENT, Door, Route, View, add_views
from app.access.guards import public
from app.access.own import home_realm
from app.access.own_app import show_new_codes, show_remove_app, show_set_up
from app.access.own_email import may_change_email, resend_code_to_new_email, show_change_email, show_verify_email
from app.access.viewer import signed_in_viewer
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import NotFound
from app.identity import second_factor
from app.identity.devices import distrust_devices, list_devices
from app.identity.providers.queries import login_options
from app.identity.rules import AppRule, rules_of
from app.identity.sessions import end_own_session, end_sessions, list_sessions
from app.web.browsers import browser_words
from app.web.pages import page


def add_security_views(blueprint: Blueprint, door: Door, own: View, *, below: str = "") -> None:
    """Add the views to a sign-in blueprint; `own` is the declaration of pages for people who are signed in."""
    add_views(blueprint, door, BETWEEN, public)
    add_views(blueprint, door, OWN, own, below=below)


def show_security(door: Door) -> ResponseReturnValue:
    """Show one's sessions, devices, second factor and address."""
    viewer, at = signed_in_viewer(), utc_now()
    home = home_realm(viewer)
    has_app = second_factor.has_app(home, viewer.user_id)
    return page(
        f"{door.templates}/security.html",
        title="Sign-in and security",
        sessions=list_sessions(viewer.realm_id, viewer.user_id, at=at),
        own_session_id=viewer.session_id,
        devices=list_devices(viewer.realm_id, viewer.user_id),
        now=at,
        has_app=has_app,
        codes_left=second_factor.count_recovery_codes(home, viewer.user_id) if has_app else 0,
        may_use_app=rules_of(viewer.realm_id).app is not AppRule.OFF,
        may_remove_app=rules_of(viewer.realm_id).app is not AppRule.REQUIRED,
        may_change_email=may_change_email(viewer),
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


BETWEEN: tuple[Route, ...] = (
    ("/login/continue", "go_on", BOTH, show_step),
    ("/login/continue/resend", "resend_code", SENT, resend_code_of),
)


OWN: tuple[Route, ...] = (
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
