"""The money of assets: another price is a credit and a new charge, a return is a credit (CB-31)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from app.accounts.models import Account
from app.accounts.queries import get_account_for_update
from app.audit.services import Actor, record
from app.billing.charges import NewCharge, add_charge
from app.billing.documents import bill
from app.billing.models import Charge, ChargeKind
from app.billing.proration import cycle_amount
from app.catalogue.models import BillingCycle, Product, ProductPrice, ProductType, Term, VendorCost
from app.changes.price_quotes import WantedPrice, list_rule, require_sane
from app.core.clock import local_date
from app.core.db import session
from app.core.errors import Invalid
from app.pricing.schemes import Agreed, line_price
from app.subscriptions.asset_models import AssetCost
from app.subscriptions.assets import (
    AssetStep,
    PaidPrice,
    WrongAssetState,
    find_cost,
    get_asset,
    get_asset_for_update,
    keep_cost,
    move,
)
from app.subscriptions.models import Asset, AssetStatus, PriceLabel
from tenants.context import current_scope
from tenants.days import distributors_day
from tenants.models import Distributor

PRICED = (AssetStatus.PENDING_ACTIVATION, AssetStatus.ACTIVE, AssetStatus.EXPIRED)
NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAssetPrice:
    """What an asset shall cost per unit. `request_key` is drawn with the form: sent twice, charged once."""

    code: str
    wanted: WantedPrice
    request_key: UUID
    may_go_below_cost: bool = False


def edit_asset_price(new: NewAssetPrice, *, actor: Actor, at: datetime) -> Asset:
    """Give an asset another price: the old one is credited, the new one charged, each on its own paper (CB-F99).

    Raises AssetNotFound, WrongAssetState, Invalid (`unchanged`, `below_cost`, `not_priced`, …).
    """
    payer, asset = _lock(new.code)
    if asset.status not in PRICED:
        raise WrongAssetState(asset.code, asset.status)
    keys = tuple(f"asset-price:{new.request_key}:{side}" for side in ("credit", "debit"))
    if _is_charged(keys):
        return asset
    cost, on = _cost_of(asset, payer), distributors_day(at)
    base, unit_cost, label, list_id = _new_price(asset, cost, new.wanted, on)
    before = (cost.unit_cost, cost.price_list_id, cost.user_price, cost.discount_percent)
    if before == (unit_cost, list_id, new.wanted.user_price, new.wanted.discount_percent):
        raise Invalid.field("user_price", "unchanged", "This is the price already")
    floor = _vendor_cost(asset)
    if floor is not None and unit_cost < floor and not new.may_go_below_cost:
        field = "user_price" if new.wanted.user_price is not None else "discount_percent"
        raise Invalid.field(field, "below_cost", "Below what the vendor charges: only an administrator may set it")
    charges = _charged(asset)
    stands = _left(charges)
    wanted = cycle_amount(unit_cost, asset.quantity, cost.currency)
    if stands != wanted:
        sides = (
            (-stands, cost.unit_cost, "price before the change", _newest(charges)),
            (wanted, unit_cost, "new price", None),
        )
        for key, (net, unit, word, credits_id) in zip(keys, sides, strict=True):
            _charge(
                payer, asset, key, net, unit, asset.quantity, f"{asset.name}: {word}", ChargeKind.PRICE,
                credits_id=credits_id, at=at,
            )  # fmt: skip
        bill(payer, keys, on=on, at=at)
    record(
        "asset.price_edited", actor=actor, at=at, target_kind="asset", target_id=asset.id,
        before={"unit_cost": cost.unit_cost}, after={"unit_cost": unit_cost},
    )  # fmt: skip
    cost.unit_cost, cost.base_cost, cost.label, cost.price_list_id = unit_cost, base, label, list_id
    cost.user_price, cost.discount_percent = new.wanted.user_price, new.wanted.discount_percent
    cost.edits += 1
    if asset.account_id == asset.payer_id and asset.unit_price is not None:
        asset.unit_price = unit_cost
    session.flush()
    return asset


def return_asset(code: str, quantity: int, *, request_key: UUID, actor: Actor, at: datetime) -> Asset:
    """Take back all or some of an asset within its product type's window, and credit it: in all what was charged.

    Raises AssetNotFound, WrongAssetState, Invalid `quantity_range`, `outside_window`.
    """
    payer, asset = _lock(code)
    key = f"asset-return:{request_key}"
    if _is_charged((key,)):
        return asset
    if asset.status is not AssetStatus.ACTIVE:
        raise WrongAssetState(asset.code, asset.status)
    on, last = distributors_day(at), last_return_day(asset)
    if last is None or on > last:
        raise Invalid.field("quantity", "outside_window", "It can no longer be returned")
    if not 1 <= quantity <= asset.quantity:
        raise Invalid.field("quantity", "quantity_range", f"Enter 1 to {asset.quantity:,}")
    cost = _cost_of(asset, payer)
    charges = _charged(asset)
    left = _left(charges)
    net = left if quantity == asset.quantity else min(cycle_amount(cost.unit_cost, quantity, cost.currency), left)
    words = f"{asset.name}: returned"
    _charge(
        payer, asset, key, -net, cost.unit_cost, quantity, words, ChargeKind.CANCELLATION,
        credits_id=_newest(charges), at=at,
    )  # fmt: skip
    bill(payer, (key,), on=on, at=at)
    asset.quantity -= quantity
    asset.quantity_returned += quantity
    if asset.quantity == 0:
        move(asset, AssetStep.RETURNED)
    record("asset.returned", actor=actor, at=at, target_kind="asset", target_id=asset.id, after={"quantity": quantity})
    session.flush()
    return asset


def last_return_day(asset: Asset) -> date | None:
    """Return the last day an asset may be returned on; None where its product type takes nothing back."""
    days = session.scalar(
        select(ProductType.return_days)
        .join(
            Product,
            (Product.distributor_id == ProductType.distributor_id) & (Product.product_type_id == ProductType.id),
        )
        .where(Product.distributor_id == asset.distributor_id, Product.id == asset.product_id)
    )
    if not days:
        return None
    zone = session.scalar(select(Distributor.time_zone).where(Distributor.id == asset.distributor_id))
    return local_date(asset.created_at, zone or "UTC") + timedelta(days=days)


def _lock(code: str) -> tuple[Account, Asset]:
    """Lock an asset's payer, then the asset: everybody does it in this order. Raises AssetNotFound."""
    payer = get_account_for_update(get_asset(code).payer_id)
    return payer, get_asset_for_update(code)


def _charged(asset: Asset) -> Sequence[Charge]:
    """Return what was charged and credited for an asset, without its setup, oldest first."""
    return session.scalars(
        select(Charge)
        .where(
            Charge.distributor_id == asset.distributor_id,
            Charge.account_id == asset.payer_id,
            Charge.order_item_id == asset.order_item_id,
            Charge.kind != ChargeKind.SETUP,
        )
        .order_by(Charge.created_at, Charge.id)
    ).all()


def _left(charges: Sequence[Charge]) -> Decimal:
    """Return what can be given back of some charges: never more than was charged."""
    return max(NOTHING, sum((each.net_amount for each in charges), NOTHING))


def _newest(charges: Sequence[Charge]) -> UUID | None:
    """Return the charge that stands: a credit names it."""
    return next((each.id for each in reversed(charges) if each.net_amount > 0), None)


def _cost_of(asset: Asset, payer: Account) -> AssetCost:
    """Return what was paid; of an older asset it is found in its order's charge."""
    found = find_cost(asset.id)
    if found is not None:
        return found
    charge = next(iter(_charged(asset)), None)
    if charge is None:
        raise Invalid.field("user_price", "no_price", "It is not known what was paid for it")
    return keep_cost(asset, payer, PaidPrice(charge.unit_cost, charge.currency))


def _new_price(
    asset: Asset, cost: AssetCost, wanted: WantedPrice, on: date
) -> tuple[Decimal, Decimal, PriceLabel, UUID | None]:
    require_sane(wanted)
    base, list_id, label = cost.base_cost, cost.price_list_id, PriceLabel.LIST
    list_price = session.scalar(
        select(ProductPrice.list_price).where(
            ProductPrice.distributor_id == asset.distributor_id,
            ProductPrice.product_id == asset.product_id,
            ProductPrice.cycle == BillingCycle.ONE_TIME,
            ProductPrice.currency == asset.currency,
        )
    )
    if wanted.price_list_id is not None:
        list_id = wanted.price_list_id
        rule = list_rule(list_id, asset.product_id, Term.NONE, BillingCycle.ONE_TIME, cost.currency, on)
        if rule is None:
            raise Invalid.field("price_list", "not_priced", "This price list does not price the product")
        start = list_price if list_price is not None else rule.price
        base = line_price(start, max(asset.quantity, 1), cost.currency, rule=rule).unit_price
    if wanted.user_price is not None:
        label = PriceLabel.USER_PRICED
    elif wanted.discount_percent:
        label = PriceLabel.USER_DISCOUNT
    agreed = Agreed(wanted.user_price, wanted.discount_percent)
    return base, line_price(base, 1, cost.currency, agreed=agreed).unit_price, label, list_id


def _vendor_cost(asset: Asset) -> Decimal | None:
    return session.scalar(
        select(VendorCost.vendor_cost).where(
            VendorCost.distributor_id == asset.distributor_id,
            VendorCost.product_id == asset.product_id,
            VendorCost.cycle == BillingCycle.ONE_TIME,
            VendorCost.currency == asset.currency,
        )
    )


def _is_charged(keys: tuple[str, ...]) -> bool:
    return (
        session.scalar(
            select(Charge.id)
            .where(Charge.distributor_id == current_scope().distributor_id, Charge.source_key.in_(keys))
            .limit(1)
        )
        is not None
    )


def _charge(
    payer: Account,
    asset: Asset,
    key: str,
    net: Decimal,
    unit_cost: Decimal,
    quantity: int,
    description: str,
    kind: ChargeKind,
    *,
    credits_id: UUID | None,
    at: datetime,
) -> None:
    add_charge(
        payer,
        NewCharge(
            source_key=key,
            kind=kind,
            description=description[:300],
            quantity=quantity,
            unit_cost=unit_cost,
            net_amount=net,
            currency=payer.currency,
            period=None,
            subscription_id=None,
            product_id=asset.product_id,
            order_item_id=asset.order_item_id,
            credits_id=credits_id,
            end_customer_id=asset.account_id if asset.account_id != payer.id else None,
        ),
        at=at,
    )
