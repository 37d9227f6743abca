"""Where an API describes itself: `openapi.json` for programs, a page for the people who write them.

A storefront publishes both; those of the back office are for its programs and its people.
"""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, public
from app.api.blueprints import bss_bp, storefront_bp
from app.api.callers import is_published, needs
from app.api.openapi import calls_of, description_of_request
from app.identity.permissions import Permission
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint

TITLES = {storefront_bp: "Storefront API", bss_bp: "Back office API"}
ITSELF = {
    "security": [],
    "responses": {
        "200": {
            "description": "The description",
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    },
}
storefront_pages = surface_blueprint("api_pages", __name__, surface=Surface.STOREFRONT, path="/api/v1/docs")
bss_pages = surface_blueprint("api_pages", __name__, surface=Surface.BSS, path="/api-credentials/docs")


@storefront_bp.get("/openapi.json", endpoint="openapi")
@is_published
def storefront_description() -> Response:
    """Return this description (OpenAPI 3.1)."""
    return jsonify(_description(Surface.STOREFRONT))


@bss_bp.get("/openapi.json", endpoint="openapi")
@needs()
def bss_description() -> Response:
    """Return this description (OpenAPI 3.1)."""
    return jsonify(_description(Surface.BSS))


for view in (storefront_description, bss_description):
    view.api_description = ITSELF  # type: ignore[attr-defined]


@storefront_pages.get("")
@public
def index() -> ResponseReturnValue:
    """Tell people who write programs how this storefront's API is called."""
    return _page(Surface.STOREFRONT)


@bss_pages.get("", endpoint="index")
@permission_required(Permission.BSS_SETUP_VIEW)
def bss_index() -> ResponseReturnValue:
    """Tell people who write programs how the back office is called."""
    return _page(Surface.BSS)


def _description(surface: Surface) -> dict[str, Any]:
    blueprint = bss_bp if surface is Surface.BSS else storefront_bp
    server = url_for(f"{blueprint.name}.me", _external=True).removesuffix("/me")
    return description_of_request(blueprint, title=TITLES[blueprint], server=server)


def _page(surface: Surface) -> ResponseReturnValue:
    blueprint = bss_bp if surface is Surface.BSS else storefront_bp
    described = _description(surface)
    (server,) = (each["url"] for each in described["servers"])
    return page(
        "storefront/api/docs.html",
        title=TITLES[blueprint],
        frame=f"frames/{surface.value}.html",
        server=server,
        calls=calls_of(described),
        described=described,
        openapi_url=url_for(f"{blueprint.name}.openapi"),
    )
