"""Style sheet and pictures of a storefront, served from its own address and nobody else's."""

from __future__ import annotations

from uuid import UUID

from flask import Response, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Row, select

from app.access import public
from app.catalogue.attachments.models import StoredImage
from app.core.db import session
from app.core.errors import NotFound
from app.resellers.models import StorefrontImage
from app.web.surfaces import Surface, surface_blueprint
from tenants.context import current_scope
from tenants.resolution import address_of
from tenants.settings import storefront_settings
from themes.chosen import font_of, skin_of
from themes.tokens import skin_css

bp = surface_blueprint("looks", __name__, surface=Surface.STOREFRONT, path="/look")

YEAR_SECONDS = 31_536_000


@bp.get("/<int:version>/skin.css")
@public
def skin(version: int) -> ResponseReturnValue:  # noqa: ARG001 - the version keeps caches apart  # noqa: ARG001 - it keeps caches apart
    """Return the storefront's colours and typeface; `version` is in the address so that it may be kept for ever."""
    address = address_of(request.environ)
    assert address is not None
    assert address.storefront_id is not None
    settings = storefront_settings(address.storefront_id)
    return _kept(Response(skin_css(skin_of(settings), font_of(settings)), mimetype="text/css"))


@bp.get("/image/<uuid:image_id>")
@public
def image(image_id: UUID) -> ResponseReturnValue:
    """Return a picture of this storefront."""
    found = session.execute(
        select(StorefrontImage.content, StorefrontImage.content_type).where(
            StorefrontImage.distributor_id == current_scope().distributor_id, StorefrontImage.id == image_id
        )
    ).one_or_none()
    return _picture(found)


@bp.get("/product/<uuid:image_id>")
@public
def product_image(image_id: UUID) -> ResponseReturnValue:
    """Return a product's picture."""
    found = session.execute(
        select(StoredImage.content, StoredImage.content_type).where(
            StoredImage.distributor_id == current_scope().distributor_id, StoredImage.id == image_id
        )
    ).one_or_none()
    return _picture(found)


def _picture(found: Row[bytes, str] | None) -> Response:
    if found is None:
        raise NotFound("There is no such picture")
    return _kept(Response(found.content, mimetype=found.content_type))


def _kept(response: Response) -> Response:
    response.cache_control.public = True
    response.cache_control.max_age = YEAR_SECONDS
    response.cache_control.immutable = True
    response.add_etag()
    response.make_conditional(request.environ)
    return response
