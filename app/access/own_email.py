"""A person's own address: password and new address first, then the code that was mailed there (SF-16)."""

from __future__ import annotations

from http import HTTPStatus

from flask import flash, redirect, request
from flask.typing import ResponseReturnValue

from app.access.doors import Door
from app.access.forms import CodeForm, NewEmailForm
from app.access.limits import SIGN_IN, require_within
from app.access.own import requester_of
from app.access.viewer import Viewer, signed_in_viewer
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid, NotFound
from app.identity import email_change
from app.identity.email_change import WrongPassword
from app.identity.errors import ChallengeEnded, CodeRefused, TooSoon
from app.identity.realms import reseller_of
from app.notifications.settings import is_switched_on
from app.notifications.templates import MailTemplate
from app.web.pages import page


def show_change_email(door: Door) -> ResponseReturnValue:
    """Ask for password and new address, and mail the code (SF-16)."""
    viewer, at, form = signed_in_viewer(), utc_now(), NewEmailForm()
    if not may_change_email(viewer):
        raise NotFound("E-mail addresses cannot be changed here at the moment")
    if form.validate_on_submit():
        require_within(SIGN_IN, request.remote_addr)
        requester = requester_of(viewer)
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
        f"{door.templates}/change_email.html",
        title="Change e-mail",
        form=form,
        email=viewer.email,
        back_url=door.url("security"),
    ), form.status


def show_verify_email(door: Door) -> ResponseReturnValue:
    """Take the code that was mailed to the new address; the address changes only now."""
    viewer, form = signed_in_viewer(), CodeForm()
    requester = requester_of(viewer)
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
        f"{door.templates}/verify_email.html",
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
            email_change.send_email_code_again(requester_of(signed_in_viewer()), at=utc_now())
    except (ChallengeEnded, TooSoon) as refusal:
        flash(str(refusal), "warning")
    else:
        flash("Another code is on its way. Only the newest one counts.", "success")
    return redirect(door.url("verify_email"), code=HTTPStatus.SEE_OTHER)


def may_change_email(viewer: Viewer) -> bool:
    """Both mails have to be switched on by the realm's owner (SF-16)."""
    owner = reseller_of(viewer.realm_id)
    return all(is_switched_on(each, owner) for each in (MailTemplate.EMAIL_CODE, MailTemplate.EMAIL_CHANGED))
