"""A person's own authenticator app: set up, removed, with new recovery codes (SF-12, decisions section 8)."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

import segno
from flask import flash, redirect, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from app.access.doors import Door
from app.access.forms import CodeForm, PresentPasswordForm
from app.access.limits import SIGN_IN, require_within
from app.access.own import home_realm, requester_of
from app.access.viewer import Viewer, signed_in_viewer
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import NotFound
from app.identity import email_change, second_factor
from app.identity.email_change import WrongPassword
from app.identity.errors import CodeRefused
from app.identity.mails import mail_person, owner_name
from app.identity.rules import AppRule, rules_of
from app.notifications.templates import MailTemplate
from app.web.pages import page

APP_ON = "An authenticator app was set up for your account."


APP_OFF = "The authenticator app was removed from your account."


NEW_CODES = "New recovery codes were made for your account."


def show_set_up(door: Door) -> ResponseReturnValue:
    """Show the QR code, and put the app into use with its first code."""
    viewer, at, form = signed_in_viewer(), utc_now(), CodeForm()
    home = home_realm(viewer)
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
    return set_up_page(door, form, secret, viewer.email, "Set up an authenticator app"), form.status


def show_remove_app(door: Door) -> ResponseReturnValue:
    """Remove the app after the password was typed once more."""
    viewer = signed_in_viewer()
    if rules_of(viewer.realm_id).app is AppRule.REQUIRED:
        raise NotFound("An authenticator app is required here")

    def remove() -> ResponseReturnValue:
        with unit_of_work():
            second_factor.remove_app(home_realm(viewer), viewer.user_id, actor=viewer.actor, at=utc_now())
            _tell(viewer, APP_OFF)
        flash("The authenticator app was removed.", "success")
        return redirect(door.url("security"), code=HTTPStatus.SEE_OTHER)

    return _after_password(door, "Remove the authenticator app", "Remove app", remove)


def show_new_codes(door: Door) -> ResponseReturnValue:
    """Make new recovery codes after the password was typed once more; the old ones are void."""
    viewer = signed_in_viewer()
    if not second_factor.has_app(home_realm(viewer), viewer.user_id):
        raise NotFound("There is no authenticator app")

    def make() -> ResponseReturnValue:
        with unit_of_work():
            codes = second_factor.new_recovery_codes(home_realm(viewer), viewer.user_id, at=utc_now())
            _tell(viewer, NEW_CODES)
        return _show_codes(door, codes)

    return _after_password(door, "New recovery codes", "Make new codes", make)


def _after_password(
    door: Door, title: str, button: str, then: Callable[[], ResponseReturnValue]
) -> ResponseReturnValue:
    viewer, form = signed_in_viewer(), PresentPasswordForm()
    if form.validate_on_submit():
        require_within(SIGN_IN, request.remote_addr)
        with unit_of_work():
            is_right = email_change.is_present_password(requester_of(viewer), form.current.data or "", at=utc_now())
        if is_right:
            return then()
        form.take(WrongPassword())
    return page(
        f"{door.templates}/confirm_password.html",
        title=title,
        form=form,
        button_words=button,
        back_url=door.url("security"),
    ), form.status


def set_up_page(door: Door, form: CodeForm, secret: str, email: str, title: str) -> str:
    """Draw the QR code of `secret` and ask for the first code; also for those who must set an app up to get in."""
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
        f"{door.templates}/recovery_codes.html", title="Recovery codes", codes=codes, back_url=door.url("security")
    )


def _tell(viewer: Viewer, what: str) -> None:
    mail_person(
        MailTemplate.SECOND_FACTOR,
        viewer.realm_id,
        email=viewer.email,
        full_name=viewer.name,
        fields={"what_changed": what},
        user_id=viewer.user_id,
        at=utc_now(),
    )
