"""Assets: what one-off purchases leave behind, and how they move through their life (CB-31). Money: `app.changes.assets`."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_, select

from app.accounts.models import Account
from app.audit.services import SYSTEM, Actor, record
from app.catalogue.models import Product
from app.core.criteria import EVERYTHING, Compared, Criteria, Kind, Operator, Property, in_order, narrowed
from app.core.db import session
from app.core.errors import Conflict, Invalid, NotFound
from app.notifications.services import MailTemplate
from app.subscriptions.asset_models import AssetCost
from app.subscriptions.custom_fields import holding
from app.subscriptions.models import Asset, AssetStatus, PriceLabel, SyncStatus
from app.subscriptions.owner_mails import mail_owner
from tenants.context import current_scope

REMINDED_BEFORE = timedelta(days=30)
MOST = 200
SHORTEST_SEARCH = 2
A = AssetStatus


class AssetNotFound(NotFound):
    """There is no such asset for this caller."""

    def __init__(self, reference: object) -> None:
        super().__init__(f"There is no asset {reference}")


class WrongAssetState(Conflict):
    """The asset's status does not allow what was asked."""

    code = "wrong_state"

    def __init__(self, asset_code: str, status: AssetStatus) -> None:
        super().__init__(f"{asset_code} is {status.value.replace('_', ' ')}: this is not possible now")
        self.asset_code, self.status = asset_code, status


class AssetStep(enum.Enum):
    """What happens to an asset."""

    ACTIVATED = "activated"
    CANCELED = "canceled"
    EXPIRED = "expired"
    PROLONGED = "prolonged"  # its last day was moved
    RETURNED = "returned"  # all of it


MOVES: Mapping[tuple[AssetStatus, AssetStep], AssetStatus] = {
    (A.PENDING_ACTIVATION, AssetStep.ACTIVATED): A.ACTIVE,
    (A.PENDING_ACTIVATION, AssetStep.CANCELED): A.CANCELED,
    (A.ACTIVE, AssetStep.CANCELED): A.CANCELED,
    (A.ACTIVE, AssetStep.EXPIRED): A.EXPIRED,
    (A.ACTIVE, AssetStep.RETURNED): A.RETURNED,
    (A.EXPIRED, AssetStep.PROLONGED): A.ACTIVE,
}


ASSET_PROPERTIES = {
    "code": Property(Asset.code),
    "name": Property(Asset.name),
    "product_code": Property(Product.code),
    "product_name": Property(Product.name),
    "account_id": Property(Asset.account_id, Kind.ID),
    "account_name": Property(Account.name),
    "quantity": Property(Asset.quantity, Kind.NUMBER),
    "status": Property(Asset.status, choices=AssetStatus),
    "expires_on": Property(Asset.expires_on, Kind.DAY),
    "created_at": Property(Asset.created_at, Kind.INSTANT),
}  # what programs may name (BC-32)


@dataclass(frozen=True, slots=True)
class AssetFilter:
    """What to list. A search under two characters is ignored; it looks into searchable custom fields, too."""

    search: str = ""
    status: AssetStatus | None = None
    account_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ListedAsset:
    """An asset as the distributor's staff sees it: at what its payer paid."""

    asset: Asset
    account_name: str
    product_name: str
    unit_cost: Decimal | None


@dataclass(frozen=True, slots=True)
class PaidPrice:
    """What an asset was bought for, per unit."""

    unit_cost: Decimal
    currency: str
    price_list_id: UUID | None = None
    base_cost: Decimal | None = None  # before what staff agreed on
    user_price: Decimal | None = None
    discount_percent: Decimal = Decimal(0)


def move(asset: Asset, step: AssetStep) -> None:
    """Take a step; raises WrongAssetState where the table knows no such step."""
    found = MOVES.get((asset.status, step))
    if found is None:
        raise WrongAssetState(asset.code, asset.status)
    asset.status = found


def keep_cost(asset: Asset, payer: Account, paid: PaidPrice) -> AssetCost:
    """Keep what an asset's payer paid; a second call changes nothing. In the distributor's scope."""
    found = find_cost(asset.id)
    if found is not None:
        return found
    label = PriceLabel.LIST
    if paid.user_price is not None:
        label = PriceLabel.USER_PRICED
    elif paid.discount_percent:
        label = PriceLabel.USER_DISCOUNT
    cost = AssetCost(
        reseller_id=payer.reseller_id,
        account_id=payer.id,
        asset_id=asset.id,
        unit_cost=paid.unit_cost,
        base_cost=paid.base_cost if paid.base_cost is not None else paid.unit_cost,
        currency=paid.currency,
        price_list_id=paid.price_list_id,
        label=label,
        user_price=paid.user_price,
        discount_percent=paid.discount_percent,
    )
    session.add(cost)
    session.flush()
    return cost


def asset_stands(asset: Asset) -> None:
    """Record that it was delivered; a second call changes nothing."""
    if asset.status is AssetStatus.PENDING_ACTIVATION:
        move(asset, AssetStep.ACTIVATED)
    if asset.sync_status is not SyncStatus.NOT_REQUIRED:
        asset.sync_status = SyncStatus.SYNCHRONISED


def asset_failed(asset_id: UUID) -> None:
    """Record that its vendor refused, where the id is an asset's."""
    asset = session.get(Asset, (current_scope().distributor_id, asset_id))
    if asset is not None:
        asset.sync_status = SyncStatus.FAILED


def change_expiry(asset: Asset, expires_on: date | None, *, today: date, actor: Actor, at: datetime) -> None:
    """Set the last day of warranty or use; an expired asset whose day is moved ahead is active again.

    Raises WrongAssetState, Invalid `past`.
    """
    if asset.status not in (AssetStatus.PENDING_ACTIVATION, AssetStatus.ACTIVE, AssetStatus.EXPIRED):
        raise WrongAssetState(asset.code, asset.status)
    if expires_on is not None and expires_on < today:
        raise Invalid.field("expires_on", "past", "Choose today or a later day")
    before, asset.expires_on = asset.expires_on, expires_on
    if asset.status is AssetStatus.EXPIRED:
        move(asset, AssetStep.PROLONGED)
    record(
        "asset.expiry_changed", actor=actor, at=at, target_kind="asset", target_id=asset.id,
        before={"expires_on": before}, after={"expires_on": expires_on},
    )  # fmt: skip


def expire_assets(*, on: date, at: datetime) -> int:
    """Let assets expire whose last day is over."""
    over = session.scalars(
        _own()
        .where(Asset.status == AssetStatus.ACTIVE, Asset.expires_on < on)
        .limit(MOST)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    for asset in over:
        move(asset, AssetStep.EXPIRED)
        record("asset.expired", actor=SYSTEM, at=at, target_kind="asset", target_id=asset.id)
    return len(over)


def remind_of_assets(*, on: date, at: datetime) -> int:
    """Tell owners once of assets that expire within 30 days."""
    soon = session.scalars(
        _own()
        .where(
            Asset.status == AssetStatus.ACTIVE,
            Asset.expires_on.between(on, on + REMINDED_BEFORE),
            Asset.expiry_reminded_for.is_distinct_from(Asset.expires_on),
        )
        .limit(MOST)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    for asset in soon:
        asset.expiry_reminded_for = asset.expires_on
        mail_owner(
            MailTemplate.ASSET_EXPIRING,
            asset,
            {
                "asset_name": asset.name,
                "asset_code": asset.code,
                "expires_on": asset.expires_on.isoformat() if asset.expires_on else "-",
            },
            path=f"/billing/assets/{asset.code}",
            link="asset_url",
            at=at,
        )
    return len(soon)


def get_asset(code: str) -> Asset:
    """Return an asset by what people quote, such as AST-000017; raises AssetNotFound."""
    found = session.scalar(_own().where(Asset.code == code))
    if found is None:
        raise AssetNotFound(code)
    return found


def get_asset_for_update(code: str) -> Asset:
    """Return an asset as it stands, locked until the transaction ends; raises AssetNotFound."""
    found = session.scalar(_own().where(Asset.code == code).with_for_update().execution_options(populate_existing=True))
    if found is None:
        raise AssetNotFound(code)
    return found


def find_cost(asset_id: UUID) -> AssetCost | None:
    """Return what an asset's payer paid; out of an end customer's reach."""
    return session.scalar(
        select(AssetCost).where(
            AssetCost.distributor_id == current_scope().distributor_id, AssetCost.asset_id == asset_id
        )
    )


def list_assets(
    wanted: AssetFilter, *, limit: int | None, offset: int = 0, criteria: Criteria = EVERYTHING
) -> Sequence[ListedAsset]:
    """Return one page of all assets in reach, the newest first unless said otherwise; for staff."""
    columns = (Asset, Account.name, Product.name, AssetCost.unit_cost)
    statement = _filtered(select(*columns), wanted).outerjoin(
        AssetCost, (AssetCost.distributor_id == Asset.distributor_id) & (AssetCost.asset_id == Asset.id)
    )
    statement = in_order(
        narrowed(statement, criteria, ASSET_PROPERTIES),
        criteria,
        ASSET_PROPERTIES,
        otherwise=(Asset.created_at.desc(), Asset.id.desc()),
    ).offset(offset)
    return [ListedAsset(*row) for row in session.execute(statement if limit is None else statement.limit(limit))]


def count_assets(wanted: AssetFilter, *, criteria: Criteria = EVERYTHING) -> int:
    """Return how many assets the filter finds."""
    statement = _filtered(select(func.count()).select_from(Asset), wanted)
    return session.scalar(narrowed(statement, criteria, ASSET_PROPERTIES)) or 0


def get_listed(code: str) -> ListedAsset:
    """Return one asset as staff sees it; raises AssetNotFound."""
    found = list_assets(AssetFilter(), limit=1, criteria=Criteria(Compared("code", Operator.EQ, code)))
    if not found:
        raise AssetNotFound(code)
    return found[0]


def _own() -> Select[Asset]:
    return select(Asset).where(Asset.distributor_id == current_scope().distributor_id).order_by(Asset.id)


def _filtered(statement: Any, wanted: AssetFilter) -> Any:
    here = current_scope().distributor_id
    statement = (
        statement.join(Account, (Account.distributor_id == Asset.distributor_id) & (Account.id == Asset.account_id))
        .join(Product, (Product.distributor_id == Asset.distributor_id) & (Product.id == Asset.product_id))
        .where(Asset.distributor_id == here)
    )
    text = wanted.search.strip().lower()
    if len(text) >= SHORTEST_SEARCH:
        columns = (Asset.code, Asset.name, Product.name, Account.name)
        statement = statement.where(
            or_(
                *(func.lower(column).contains(text, autoescape=True) for column in columns),
                Asset.id.in_(holding(text, Asset)),
            )
        )
    if wanted.status is not None:
        statement = statement.where(Asset.status == wanted.status)
    if wanted.account_id is not None:
        statement = statement.where(Asset.account_id == wanted.account_id)
    return statement
