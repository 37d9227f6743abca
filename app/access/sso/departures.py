"""Leaving for an identity provider: by GET links, for our policy of forms ends at ourselves (SF-14, BC-27).

What changes an account carries a proof that only a page of the same session can hold.
"""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

import flask
from flask import abort, redirect, request
from flask.typing import ResponseReturnValue

from app.access.doors import Door
from app.access.landing import safe_next
from app.access.limits import TRIP, require_within
from app.access.sso.pages import BROWSER, TYPED_ADDRESS, failed, outside
from app.access.sso.saml import leave_by_saml
from app.access.viewer import signed_in_viewer
from app.core.clock import utc_now
from app.core.db import session, unit_of_work
from app.core.secrets import is_signed, sign
from app.identity.companies.queries import find_route
from app.identity.oidc.discovery import discover
from app.identity.oidc.flow import authorization_url
from app.identity.oidc.ports import OutsideFailed
from app.identity.providers.identities import SsoFailed
from app.identity.providers.models import IdentityProvider, ProviderKind, SsoPurpose
from app.identity.providers.queries import get_provider
from app.identity.providers.trips import Traveller, is_open_for, set_out
from app.identity.services import is_address


def start(door: Door, provider_id: UUID) -> ResponseReturnValue:
    """Send the browser to an enabled provider."""
    require_within(TRIP, request.remote_addr)
    provider = get_provider(door.realm_id, provider_id)
    if not is_open_for(provider, SsoPurpose.SIGN_IN):
        abort(HTTPStatus.NOT_FOUND)
    return leave(
        door,
        provider,
        SsoPurpose.SIGN_IN,
        next_path=safe_next(request.args.get("next"), door.surface),
        address=_typed_address(door, provider),
    )


def _typed_address(door: Door, provider: IdentityProvider) -> str | None:
    """Return the address that has led this browser to a company's provider, once; no other provider is told it."""
    typed: str | None = flask.session.pop(TYPED_ADDRESS, None)
    if typed is None or provider.account_id is None or not is_address(typed):
        return None
    route = find_route(door.realm_id, typed)
    return typed if route is not None and route.provider_id == provider.id else None


def connect(door: Door, provider_id: UUID) -> ResponseReturnValue:
    """Send somebody signed in to a provider, to connect it; only from their own page."""
    viewer = signed_in_viewer()
    provider = get_provider(door.realm_id, provider_id)
    given = request.args.get("proof", "")
    is_ours = is_signed(f"sso-{SsoPurpose.LINK.value}", f"{provider_id}:{viewer.session_id}", given)
    if not is_ours or not is_open_for(provider, SsoPurpose.LINK):
        abort(HTTPStatus.NOT_FOUND)
    return leave(door, provider, SsoPurpose.LINK, traveller=Traveller(viewer.user_id, viewer.session_id))


def proof(purpose: SsoPurpose, provider_id: UUID, session_id: UUID) -> str:
    """Return what a link carries so that only pages of one session can start a change or a test."""
    return sign(f"sso-{purpose.value}", f"{provider_id}:{session_id}")


def leave(
    door: Door,
    provider: IdentityProvider,
    purpose: SsoPurpose,
    *,
    next_path: str | None = None,
    traveller: Traveller | None = None,
    address: str | None = None,
) -> ResponseReturnValue:
    """Note the trip and redirect to the provider; a provider that cannot be reached is told of.

    `address` is who wants to sign in, as they typed it: a hint that saves typing and proves nothing.
    """
    if provider.kind is ProviderKind.SAML:
        return leave_by_saml(door, provider, purpose, next_path=next_path, traveller=traveller, address=address)
    session.commit()  # nothing was changed: no transaction is open while the provider is asked
    try:
        metadata = discover(provider.issuer or "", outside())
    except OutsideFailed as error:
        return failed(door, SsoFailed(error.reason), purpose)
    with unit_of_work():
        departure = set_out(
            provider,
            purpose,
            at=utc_now(),
            browser=flask.session.get(BROWSER),
            next_path=next_path,
            traveller=traveller,
        )
    flask.session[BROWSER] = departure.browser
    where = authorization_url(
        provider, metadata, departure, redirect_uri=callback_uri(door, provider.id), address=address
    )
    return redirect(where, code=HTTPStatus.SEE_OTHER)


def callback_uri(door: Door, provider_id: UUID) -> str:
    """Return where a provider sends browsers back to; each provider has its own, so that none answers for another."""
    return door.url("sso_callback", provider_id=provider_id, _external=True)
