"""Coming back from an identity provider: the answer is spent, proven, and does what the trip was for (SF-14, BC-27)."""

from __future__ import annotations

import json
from http import HTTPStatus
from uuid import UUID

import flask
from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access.doors import Door, go_on, visit_of
from app.access.forms import CodeForm, PresentPasswordForm
from app.access.landing import safe_next
from app.access.limits import SIGN_IN, TRIP, require_within
from app.access.sso.departures import callback_uri
from app.access.sso.group_rules import foreseen
from app.access.sso.pages import BROWSER, failed, outside, refused
from app.access.viewer import current_viewer
from app.audit.services import Actor
from app.core.clock import utc_now
from app.core.db import session, unit_of_work
from app.identity.email_change import WrongPassword
from app.identity.entering import SignedIn
from app.identity.errors import CodeRefused, TooSoon
from app.identity.oidc.flow import prove
from app.identity.providers.identities import SsoFailed, SsoRefused
from app.identity.providers.matching import (
    awaited_proof,
    confirm_by_code,
    confirm_by_password,
    finish_link,
    finish_sign_in,
    send_proof_code_again,
)
from app.identity.providers.models import ProviderKind, SsoPurpose
from app.identity.providers.newcomers import RegistrationNeeded
from app.identity.providers.proofs import ProofNeeded
from app.identity.providers.queries import get_provider
from app.identity.providers.services import pass_test
from app.identity.providers.trips import Arrival, fetch, keep_identity, next_path_of, take_answer
from app.web.pages import page


def callback(door: Door, provider_id: UUID) -> ResponseReturnValue:
    """Take an answer in: spent first, then looked at, with no transaction open while the provider is asked."""
    require_within(TRIP, request.remote_addr)
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
        return refused(door, error)


def _finish_sign_in(door: Door, request_id: UUID, browser: str) -> ResponseReturnValue:
    visit = visit_of(door)
    with unit_of_work():
        found = finish_sign_in(door.realm_id, request_id, browser, visit)
        wanted = safe_next(next_path_of(door.realm_id, request_id), door.surface)
    if isinstance(found, RegistrationNeeded):
        where = url_for("storefront_registration.vouched", request_id=request_id)
        return redirect(where, code=HTTPStatus.SEE_OTHER)
    if isinstance(found, ProofNeeded):
        return redirect(door.url("sso_confirm", request_id=request_id), code=HTTPStatus.SEE_OTHER)
    return go_on(door, found, wanted)


def show_confirm(door: Door, request_id: UUID) -> ResponseReturnValue:
    """Ask once for the password, or the code that was mailed, before an identity with the same address opens the door."""
    browser = flask.session.get(BROWSER, "")
    try:
        asked = awaited_proof(door.realm_id, request_id, browser, at=utc_now())
        session.commit()  # gives the row back
        form = CodeForm() if asked.is_code else PresentPasswordForm()
        if form.validate_on_submit():
            require_within(SIGN_IN, request.remote_addr)
            with unit_of_work():
                wanted = safe_next(next_path_of(door.realm_id, request_id), door.surface)
                found = _confirm(door, request_id, browser, form)
            if found is not None:
                return go_on(door, found, wanted)
            form.take(CodeRefused() if asked.is_code else WrongPassword())
    except SsoFailed as error:
        return failed(door, error, SsoPurpose.SIGN_IN)
    except SsoRefused as error:
        return refused(door, error)
    return page(
        "storefront/sessions/sso_confirm.html",
        title="Enter the code we mailed you" if asked.is_code else "Enter your password once",
        form=form,
        email=asked.email,
        provider_name=asked.provider_name,
        is_code=asked.is_code,
        resend_url=door.url("sso_resend_code", request_id=request_id),
        forgot_url=door.url("forgot"),
        login_url=door.url("login", stay=1),
    ), form.status


def _confirm(door: Door, request_id: UUID, browser: str, form: CodeForm | PresentPasswordForm) -> SignedIn | None:
    if isinstance(form, CodeForm):
        return confirm_by_code(door.realm_id, request_id, browser, form.code.data or "", visit_of(door))
    return confirm_by_password(door.realm_id, request_id, browser, form.current.data or "", visit_of(door))


def resend_proof_code(door: Door, request_id: UUID) -> ResponseReturnValue:
    """Mail another code, a minute after the last one."""
    require_within(SIGN_IN, request.remote_addr)
    try:
        with unit_of_work():
            send_proof_code_again(door.realm_id, request_id, flask.session.get(BROWSER, ""), at=utc_now())
    except (SsoFailed, SsoRefused):
        return redirect(door.url("login", stay=1), code=HTTPStatus.SEE_OTHER)
    except TooSoon as refusal:
        flash(str(refusal), "warning")
    else:
        flash("Another code is on its way. Only the newest one counts.", "success")
    return redirect(door.url("sso_confirm", request_id=request_id), code=HTTPStatus.SEE_OTHER)


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
        foreseen=foreseen(get_provider(door.realm_id, trip.provider_id), trip.groups),
    )
