"""Setup → API credentials: of the back office, and of the distributor's own storefront (BC-32, BC-33)."""

from __future__ import annotations

from flask import url_for

from app.identity.permissions import Permission
from app.owner.api_clients import ApiRealm, api_client_pages
from app.owner.scopes import Rights, owner_of_request
from app.web.surfaces import Surface, surface_blueprint
from tenants.context import current_scope

bp = surface_blueprint("api_clients", __name__, surface=Surface.BSS, path="/api-credentials")


def _realms() -> list[ApiRealm]:
    back_office = url_for("bss_api.me", _external=True).removesuffix("me")
    storefront = url_for("storefront_api.me", _external=True).removesuffix("me")
    return [
        ApiRealm("bss", "Back office", current_scope().distributor_id, back_office, url_for("bss_api_pages.index")),
        ApiRealm(
            "storefront",
            "Your storefront",
            owner_of_request().storefront_id,
            storefront,
            url_for("storefront_api_pages.index"),
        ),
    ]


api_client_pages(
    bp, surface=Surface.BSS, rights=Rights(Permission.BSS_SETUP_VIEW, Permission.BSS_SETUP_EDIT), realms=_realms
)
