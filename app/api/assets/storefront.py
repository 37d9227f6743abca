"""Assets of a storefront's owner and its customers, at what those paid."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response

from app.api.answers import answered
from app.api.assets.schemas import RetailAssetOut
from app.api.blueprints import storefront_bp as bp
from app.api.callers import needs
from app.api.lists import listed_by
from app.api.operations import answers
from app.api.schemas import Listed
from app.identity.api_clients.models import ApiScope
from app.subscriptions.assets import ASSET_PROPERTIES, AssetFilter, count_assets, get_listed, list_assets

Assets = Listed[RetailAssetOut]


@bp.get("/assets")
@needs(ApiScope.SUBSCRIPTIONS_READ)
@answers(Assets, lists=ASSET_PROPERTIES)
def assets() -> Response:
    """List the assets of the storefront's owner and its customers."""
    return listed_by(Assets, RetailAssetOut.of, ASSET_PROPERTIES, list_assets, count_assets, AssetFilter())


@bp.get("/assets/<code>")
@needs(ApiScope.SUBSCRIPTIONS_READ)
@answers(RetailAssetOut, refuses=(HTTPStatus.NOT_FOUND,))
def asset(code: str) -> Response:
    """Return one asset."""
    return answered(RetailAssetOut.of(get_listed(code)))
