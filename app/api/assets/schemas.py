"""Assets as programs read and change them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from app.api.patches import Patch
from app.api.schemas import Amount, Day, Schema
from app.api.subscriptions.schemas import NamedAccount, NamedProduct
from app.subscriptions.assets import ListedAsset
from app.subscriptions.models import AssetStatus, SyncStatus


class AssetOut(Schema):
    """What every API says of an asset."""

    code: str
    name: str
    product: NamedProduct
    account: NamedAccount
    quantity: int = Field(description="What is left after returns")
    quantity_returned: int
    status: AssetStatus
    sync_status: SyncStatus
    expires_on: date | None = Field(description="Last day of warranty or use")
    currency: str
    created_at: datetime


class RetailAssetOut(AssetOut):
    """An asset at what its owner paid."""

    unit_price: Amount | None = Field(description="Per unit, net; null where its owner sees none")

    @classmethod
    def of(cls, it: ListedAsset) -> RetailAssetOut:
        """Return one as programs read it. What a reseller's customers were not shown, nobody is."""
        shown = None if it.asset.bought_by_reseller else it.asset.unit_price
        return cls(**_of(it), unit_price=shown)


class WholesaleAssetOut(AssetOut):
    """An asset at what its payer paid the distributor."""

    payer_id: UUID
    unit_cost: Amount | None = Field(description="Per unit, net")

    @classmethod
    def of(cls, it: ListedAsset) -> WholesaleAssetOut:
        """Return one as programs read it."""
        return cls(**_of(it), payer_id=it.asset.payer_id, unit_cost=it.unit_cost)


class ReturnIn(Schema):
    """How much of an asset is taken back and credited, within its product type's window."""

    quantity: Annotated[int, Field(ge=1, le=1_000_000)]


class AssetPatch(Patch):
    """What is set by hand of an asset."""

    expires_on: Day | None = None


def _of(it: ListedAsset) -> dict[str, Any]:
    asset = it.asset
    assert asset.account_id is not None, "an asset is some account's"
    account = NamedAccount(id=asset.account_id, name=it.account_name)
    names = AssetOut.model_fields.keys() - {"product", "account"}
    plain = {name: getattr(asset, name) for name in names}
    return {**plain, "product": NamedProduct(name=it.product_name), "account": account}
