"""SAML beside the doors: leaving for a provider, its answer, and our metadata (SF-14, BC-27).

The answer is posted across sites, so the browser keeps our Lax cookies to itself. The trip is found by what comes back,
the answer verified and kept, and a redirect to our own address fetches it with the cookies of the browser that set out.
Here no cookie is read, and none is written.
"""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

import flask
from flask import abort, redirect, request
from flask.typing import ResponseReturnValue

from app.access.doors import Door
from app.access.limits import TRIP, require_within
from app.access.sso.pages import BROWSER, failed
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.identity.providers.identities import SsoFailed
from app.identity.providers.models import IdentityProvider, ProviderKind, SsoPurpose
from app.identity.providers.queries import get_provider
from app.identity.providers.trips import Traveller, take_answer
from app.identity.saml.flow import depart, prove
from app.identity.saml.service import ServiceAddresses, own_metadata

METADATA_TYPE = "application/samlmetadata+xml"


def addresses_of(door: Door, provider_id: UUID) -> ServiceAddresses:
    """Return our addresses for a provider, as its administrators enter them; below an alias they begin with it."""
    return ServiceAddresses(
        entity_id=door.url("saml_metadata", provider_id=provider_id, _external=True),
        acs_url=door.url("saml_acs", provider_id=provider_id, _external=True),
        slo_url=door.url("saml_slo", provider_id=provider_id, _external=True),
    )


def leave_by_saml(
    door: Door,
    provider: IdentityProvider,
    purpose: SsoPurpose,
    *,
    next_path: str | None = None,
    traveller: Traveller | None = None,
    address: str | None = None,
) -> ResponseReturnValue:
    """Note the trip and redirect to the provider with a request, which may name who wants to sign in."""
    with unit_of_work():
        found = depart(
            provider,
            purpose,
            addresses_of(door, provider.id),
            at=utc_now(),
            browser=flask.session.get(BROWSER),
            next_path=next_path,
            traveller=traveller,
            address=address,
        )
    flask.session[BROWSER] = found.departure.browser
    return redirect(found.url, code=HTTPStatus.SEE_OTHER)


def take_in(door: Door, provider_id: UUID) -> ResponseReturnValue:
    """Take a posted answer in: no stored trip, no parsing; spent first, then looked at."""
    require_within(TRIP, request.remote_addr)
    at = utc_now()
    request_id = request.form.get("RelayState", "")
    try:
        with unit_of_work():
            arrival = take_answer(door.realm_id, provider_id, request_id, browser=None, at=at)
        with unit_of_work():
            prove(arrival, request_id, request.form.get("SAMLResponse", ""), addresses_of(door, provider_id), at=at)
    except SsoFailed as error:
        answer = failed(door, error, SsoPurpose.SIGN_IN)  # it says no more to an owner: no session is known here
        flask.session.modified = False
        return answer
    return redirect(door.url("sso_finish", request_id=arrival.request_id), code=HTTPStatus.SEE_OTHER)


def show_metadata(door: Door, provider_id: UUID) -> ResponseReturnValue:
    """Show what a provider's administrators load."""
    provider = get_provider(door.realm_id, provider_id)
    if provider.kind is not ProviderKind.SAML:
        abort(HTTPStatus.NOT_FOUND)
    return flask.Response(own_metadata(provider, addresses_of(door, provider_id)), mimetype=METADATA_TYPE)
