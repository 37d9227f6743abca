"""The page of sign-in: address and password, or the address first where a company signs in by its own provider.

What it answers to an address depends on the domain alone: never on whether there is such a person (GO-14).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import flask
from flask import make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access.doors import Door, go_on, resume_visit, visit_of
from app.access.forms import AddressForm, PasswordForm, SignInForm
from app.access.landing import safe_next
from app.access.limits import SIGN_IN, require_within
from app.access.sso.pages import TYPED_ADDRESS, logo_url
from app.access.viewer import current_address, current_viewer
from app.core.db import unit_of_work
from app.identity.companies.queries import find_route, is_any_routed
from app.identity.errors import SignInRefused
from app.identity.providers.queries import WaysIn, ways_in
from app.identity.sign_in import normal_email, sign_in
from app.web.pages import page
from app.web.surfaces import Surface
from tenants.settings import storefront_settings

PASSWORD = "password"  # noqa: S105 - the name of the field, and of the wish to see it at once


def show_sign_in(door: Door) -> ResponseReturnValue:
    """Show the form, and on POST let in who proves to be known. Every refusal reads and costs the same."""
    wanted = safe_next(request.args.get("next"), door.surface)
    is_shown = request.method == "GET"
    if current_viewer() is not None and is_shown:
        return redirect(wanted or door.home, code=HTTPStatus.SEE_OTHER)
    offered = ways_in(door.realm_id)
    is_address_first = door.surface is Surface.STOREFRONT and is_any_routed(door.realm_id)
    if is_address_first and (is_shown or PASSWORD not in request.form):
        asks_password = PASSWORD in request.args and offered.has_local
        if not (is_shown and asks_password):
            return _take_address(door, offered, wanted)
    if not offered.has_local:
        return _without_password(door, offered, wanted)
    return _take_password(door, offered, wanted, is_address_first=is_address_first)


def _take_address(door: Door, offered: WaysIn, wanted: str | None) -> ResponseReturnValue:
    """Ask for the address; lead people of a company's domains to its provider, others to the password."""
    form = AddressForm()
    if form.validate_on_submit():
        require_within(SIGN_IN, request.remote_addr)
        url = company_url(door, form.email.data or "", wanted)
        if url is not None:
            return _to_company(url, _password_url(door, offered, wanted))
        if offered.has_local:
            asked = PasswordForm(formdata=None, email=(form.email.data or "").strip())
            return _password_page(door, asked, offered, wanted, is_address_first=True)
        form.email.errors = ["Your company has no sign-in of its own here. Use one of these."]
    elif request.method == "GET" and (answer := resume_visit(door, wanted or door.home)) is not None:
        return answer
    return page(
        "storefront/sessions/address.html",
        title="Sign in",
        form=form,
        password_url=_password_url(door, offered, wanted),
        register_url=_register_url(door),
        providers=_provider_links(door, offered, wanted),
    ), form.status


def company_url(door: Door, email: str, wanted: str | None) -> str | None:
    """Return where people of an address' domain leave for their company's provider; None: they stay here.

    The provider is told the address, so that nobody types it twice; this browser's cookie keeps it until then.
    """
    route = find_route(door.realm_id, email)
    if route is None:
        return None
    flask.session[TYPED_ADDRESS] = normal_email(email)
    return door.url("sso_start", provider_id=route.provider_id, next=wanted)


def _password_url(door: Door, offered: WaysIn, wanted: str | None) -> str | None:
    """Return where the password may be typed at once: by people beside their provider, and when it fails."""
    return door.url("login", password=1, next=wanted) if offered.has_local else None


def _to_company(url: str, password_url: str | None) -> ResponseReturnValue:
    """Go on to a company's provider by a link that follows itself: a form must not end at another site (ADR 0021)."""
    shown = page(
        "storefront/sessions/to_company.html", title="Sign in with your company", url=url, password_url=password_url
    )
    response = make_response(shown)
    response.headers["Refresh"] = f"0;url={url}"
    return response


def _take_password(door: Door, offered: WaysIn, wanted: str | None, *, is_address_first: bool) -> ResponseReturnValue:
    form = SignInForm()
    led_to: str | None = None
    if form.validate_on_submit():
        require_within(SIGN_IN, request.remote_addr)
        with unit_of_work():
            found = sign_in(
                door.realm_id,
                form.email.data or "",
                form.password.data or "",
                visit_of(door),
                is_remembered=form.remember.data,
            )
        if found is not None:
            return go_on(door, found, wanted)
        form.form_errors.append(str(SignInRefused()))
        led_to = company_url(door, form.email.data or "", wanted) if is_address_first else None
    elif request.method == "GET" and (answer := resume_visit(door, wanted or door.home)) is not None:
        return answer
    return _password_page(door, form, offered, wanted, is_address_first=is_address_first, led_to=led_to)


def _password_page(
    door: Door,
    form: SignInForm,
    offered: WaysIn,
    wanted: str | None,
    *,
    is_address_first: bool,
    led_to: str | None = None,
) -> ResponseReturnValue:
    """Show the form. `led_to` is the sign-in of the company whose domain was typed, said whoever it was."""
    return page(
        "storefront/sessions/login.html",
        title="Sign in",
        form=form,
        forgot_url=door.url("forgot"),
        register_url=_register_url(door),
        providers=_provider_links(door, offered, wanted),
        address_url=door.url("login", next=wanted) if is_address_first else None,
        company_url=led_to,
    ), form.status


def _without_password(door: Door, offered: WaysIn, wanted: str | None) -> ResponseReturnValue:
    """Lead to the only provider, or let people choose; a password is taken from nobody (SF-F27, BC-F70).

    `stay` shows the choice all the same: after signing out, and where the provider has just failed.
    """
    links = _provider_links(door, offered, wanted)
    if request.method == "GET" and len(links) == 1 and "stay" not in request.args:
        return redirect(links[0]["url"], code=HTTPStatus.SEE_OTHER)
    status = HTTPStatus.OK if request.method == "GET" else HTTPStatus.FORBIDDEN
    return page("storefront/sessions/choose_provider.html", title="Sign in", providers=links), status


def _provider_links(door: Door, offered: WaysIn, wanted: str | None) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "url": door.url("sso_start", provider_id=each.id, next=wanted),
            "logo_url": logo_url(each.logo_image_id),
        }
        for each in offered.providers
    ]


def _register_url(door: Door) -> str | None:
    """Return where visitors register, if they may (SF-04)."""
    storefront_id = current_address().storefront_id
    if door.surface is not Surface.STOREFRONT or storefront_id is None:
        return None
    return url_for("storefront_registration.index") if storefront_settings(storefront_id).self_registration else None
