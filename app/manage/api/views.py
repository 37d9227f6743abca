"""Settings → API credentials of a reseller's storefront (RS-30)."""

from __future__ import annotations

from flask import url_for

from app.identity.permissions import Permission
from app.owner.api_clients import ApiRealm, api_client_pages
from app.owner.scopes import Rights, owner_blueprint, owner_of_request
from app.web.surfaces import Surface

bp = owner_blueprint("api", __name__, surface=Surface.MANAGE, path="/api-credentials")


def _realms() -> list[ApiRealm]:
    url = url_for("storefront_api.me", _external=True).removesuffix("me")
    return [
        ApiRealm(
            "storefront", "Storefront", owner_of_request().storefront_id, url, url_for("storefront_api_pages.index")
        )
    ]


api_client_pages(
    bp, surface=Surface.MANAGE, rights=Rights(Permission.MANAGE_API, Permission.MANAGE_API), realms=_realms
)
