"""All assets at what their payers paid; what is taken back of them, and until when they last (BC-32, GO-18)."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response

from app.api.answers import answered
from app.api.assets.schemas import AssetPatch, ReturnIn, WholesaleAssetOut
from app.api.blueprints import bss_bp as bp
from app.api.bodies import read_body
from app.api.callers import acting, needs
from app.api.lists import listed_by
from app.api.once import Made, once
from app.api.operations import answers, writes
from app.api.schemas import Listed
from app.changes.assets import return_asset
from app.core.clock import utc_now
from app.core.ids import new_id
from app.identity.api_clients.models import ApiScope
from app.subscriptions.assets import (
    ASSET_PROPERTIES,
    AssetFilter,
    change_expiry,
    count_assets,
    get_asset_for_update,
    get_listed,
    list_assets,
)
from tenants.days import distributors_day

Assets = Listed[WholesaleAssetOut]


@bp.get("/assets")
@needs(ApiScope.SUBSCRIPTIONS_READ)
@answers(Assets, lists=ASSET_PROPERTIES)
def assets() -> Response:
    """List all assets at what their payers paid."""
    return listed_by(Assets, WholesaleAssetOut.of, ASSET_PROPERTIES, list_assets, count_assets, AssetFilter())


@bp.get("/assets/<code>")
@needs(ApiScope.SUBSCRIPTIONS_READ)
@answers(WholesaleAssetOut, refuses=(HTTPStatus.NOT_FOUND,))
def asset(code: str) -> Response:
    """Return one asset."""
    return answered(_shown(code))


@bp.patch("/assets/<code>")
@needs(ApiScope.SUBSCRIPTIONS_WRITE)
@writes(WholesaleAssetOut, body=AssetPatch, refuses=(HTTPStatus.NOT_FOUND,))
def patch_asset(code: str) -> Response:
    """Set the last day of warranty or use."""
    new, at = read_body(AssetPatch), utc_now()

    def make() -> Made:
        found = get_asset_for_update(code)
        if "expires_on" in new.sent:
            change_expiry(found, new.expires_on, today=distributors_day(at), actor=acting(), at=at)
        return Made(_shown(code))

    return once(new, make, at=at)


@bp.post("/assets/<code>/return")
@needs(ApiScope.SUBSCRIPTIONS_WRITE)
@writes(WholesaleAssetOut, body=ReturnIn, refuses=(HTTPStatus.NOT_FOUND,))
def give_back(code: str) -> Response:
    """Take all or some of an asset back, and credit it."""
    new, at = read_body(ReturnIn), utc_now()

    def make() -> Made:
        return_asset(code, new.quantity, request_key=new_id(), actor=acting(), at=at)
        return Made(_shown(code))

    return once(new, make, at=at)


def _shown(code: str) -> WholesaleAssetOut:
    return WholesaleAssetOut.of(get_listed(code))
