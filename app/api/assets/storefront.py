"""Assets of a storefront's owner and its customers, at what those paid."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response

from app.api.answers import answered
from app.api.assets.schemas import RetailAssetOut
from app.api.blueprints import storefront_bp as bp
from app.api.callers import needs
from app.api.criteria import asked_criteria
from app.api.lists import asked_page, listed
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
    asked, criteria, wanted = asked_page(), asked_criteria(ASSET_PROPERTIES), AssetFilter()
    found = list_assets(wanted, limit=asked.size, offset=asked.offset, criteria=criteria)
    return listed(Assets, [RetailAssetOut.of(each) for each in found], asked, count_assets(wanted, criteria=criteria))


@bp.get("/assets/<code>")
@needs(ApiScope.SUBSCRIPTIONS_READ)
@answers(RetailAssetOut, refuses=(HTTPStatus.NOT_FOUND,))
def asset(code: str) -> Response:
    """Return one asset."""
    return answered(RetailAssetOut.of(get_listed(code)))
