"""What the way to a provider and back has in common: the browser's secret, the outside world, pages of failure."""

from __future__ import annotations

import logging
from http import HTTPStatus
from uuid import UUID

import flask
from flask import g, url_for
from flask.typing import ResponseReturnValue

from app.access.doors import Door
from app.access.outside import GuardedOutside
from app.identity.oidc.ports import Outside
from app.identity.providers.identities import SsoFailed, SsoRefused
from app.identity.providers.models import SsoPurpose
from app.web.pages import page

BROWSER = "sso_browser"  # where the signed cookie holds the secret of a browser that is on its way
TYPED_ADDRESS = "sso_typed_address"  # and the address that led to a company's provider: never in a URL of ours
log = logging.getLogger(__name__)


def outside() -> Outside:
    """Return the outside world; tests put another one into the application's config."""
    found: Outside = flask.current_app.config.get("SSO_OUTSIDE") or GuardedOutside()
    return found


def logo_url(image_id: UUID | None) -> str | None:
    """Return where the logo of a provider is served: as a picture of the storefront at this address."""
    return url_for("storefront_looks.image", image_id=image_id) if image_id else None


def failed(door: Door, error: SsoFailed, purpose: SsoPurpose) -> ResponseReturnValue:
    """Say that it did not work, and nothing more; an owner's own test says why."""
    log.warning("sso_failed", extra={"reason": error.reason, "purpose": purpose.value})
    return page(
        "storefront/sessions/sso_failed.html",
        title="Signing in did not work",
        words="Nothing was changed. Try again, or tell us this number:",
        reference=g.get("request_id"),
        reason=error.reason if purpose is SsoPurpose.TEST else None,
        login_url=door.url("login", stay=1),
    ), HTTPStatus.FORBIDDEN


def refused(door: Door, error: SsoRefused) -> ResponseReturnValue:
    return page(
        "storefront/sessions/sso_failed.html",
        title="You cannot sign in this way",
        words=str(error),
        reference=None,
        reason=None,
        login_url=door.url("login", stay=1),
    ), HTTPStatus.FORBIDDEN
