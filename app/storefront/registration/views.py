"""Registering at a storefront, at the root and under an alias."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

import flask
from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import current_address, current_viewer, public
from app.access.limits import REGISTER, require_within
from app.access.sso.pages import BROWSER
from app.accounts.registration.queries import is_waiting_with
from app.accounts.registration.services import Door, register
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid, NotFound
from app.identity.providers.identities import SsoFailed
from app.identity.providers.newcomers import applicant_of, spend_for_registration
from app.identity.rules import passwords_of
from app.storefront.registration.forms import RegistrationForm
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from tenants.settings import storefront_settings

bp = surface_blueprint("registration", __name__, surface=Surface.STOREFRONT, path="/register")


def _door(*, by_provider: bool = False) -> Door:
    """Return where the visitor registers; raises NotFound where nobody can. A provider's people need no passwords."""
    address = current_address()
    if address.storefront_id is None:
        raise NotFound("Nobody registers here")
    chosen = storefront_settings(address.storefront_id)
    if not (chosen.self_registration and (chosen.local_login or by_provider)):
        raise NotFound("Nobody registers here")
    return Door(
        address.storefront_id,
        address.reseller_id,
        needs_approval=chosen.approve_registrations,
        offers_reselling=address.reseller_id is None and chosen.reseller_registration,
    )


@bp.route("", methods=["GET", "POST"])
@public
def index() -> ResponseReturnValue:
    """Take in a registration. The answer is the same whether or not the address is known (SF-04)."""
    door = _door()
    if current_viewer() is not None:
        return redirect(url_for("storefront_home.index"), code=HTTPStatus.SEE_OTHER)
    form = RegistrationForm()
    if form.validate_on_submit():
        require_within(REGISTER, request.remote_addr)
        if form.is_programs:
            return _taken_in()
        try:
            with unit_of_work():
                register(form.to_registration(), door, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            return _taken_in()
    return page(
        "storefront/registration/form.html",
        title="Register",
        form=form,
        rules=passwords_of(door.storefront_id).words,
        offers_reselling=door.offers_reselling,
        login_url=url_for("storefront_sessions.login"),
    ), form.status


@bp.route("/sso/<uuid:request_id>", methods=["GET", "POST"])
@public
def vouched(request_id: UUID) -> ResponseReturnValue:
    """Take in the registration of somebody a provider vouches for: their address stands, and they need no password."""
    door, at, browser = _door(by_provider=True), utc_now(), flask.session.get(BROWSER, "")
    try:
        who = applicant_of(door.storefront_id, request_id, browser, at=at)
    except SsoFailed:
        return redirect(url_for("storefront_sessions.login", stay=1), code=HTTPStatus.SEE_OTHER)
    if is_waiting_with(who.provider_id, who.issuer, who.subject):
        return page("storefront/registration/awaits.html", title="Your registration awaits approval")
    form = RegistrationForm(data={"first_name": who.first_name, "last_name": who.last_name})
    if form.validate_on_submit():
        require_within(REGISTER, request.remote_addr)
        if form.is_programs:
            return _taken_in(by_provider=True)
        try:
            with unit_of_work():
                register(form.to_registration(), door, at=at, vouched=who)
                spend_for_registration(door.storefront_id, request_id, browser, at=at)
        except Invalid as refusal:
            form.take(refusal)
        else:
            return _taken_in(by_provider=True)
    form.email.data = who.email
    return page(
        "storefront/registration/form.html",
        title="Register",
        form=form,
        provider_name=who.provider_name,
        offers_reselling=door.offers_reselling,
        login_url=url_for("storefront_sessions.login", stay=1),
    ), form.status


def _taken_in(*, by_provider: bool = False) -> ResponseReturnValue:
    return redirect(url_for(".received", sso=1 if by_provider else None), code=HTTPStatus.SEE_OTHER)


@bp.get("/received")
@public
def received() -> ResponseReturnValue:
    """Say what happens next."""
    by_provider = "sso" in request.args
    door = _door(by_provider=by_provider)
    return page(
        "storefront/registration/received.html",
        title="Request received" if door.needs_approval else "Look into your mailbox",
        needs_approval=door.needs_approval,
        login_url=url_for("storefront_sessions.login"),
    )
