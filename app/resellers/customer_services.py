"""What a reseller's customer owns, with what it pays and what the reseller pays (RS-24). Never for customers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select

from app.catalogue.models import Product
from app.core.db import session
from app.subscriptions.models import Asset, Subscription, SubscriptionCost, SubscriptionEvent, SubscriptionRole
from tenants.context import current_scope


@dataclass(frozen=True, slots=True)
class OwnedSubscription:
    """A subscription with both unit prices; `sell_price` None where it has none, such as bought by the reseller."""

    subscription: Subscription
    product_name: str
    sell_price: Decimal | None
    unit_cost: Decimal | None
    cost_currency: str


@dataclass(frozen=True, slots=True)
class OwnedAsset:
    """A one-off purchase with its product's name; `sell_price` None where it has none."""

    asset: Asset
    product_name: str
    sell_price: Decimal | None


def list_customer_subscriptions(
    account_id: UUID, *, limit: int, offset: int = 0
) -> tuple[Sequence[OwnedSubscription], int]:
    """Return a page of a customer's subscriptions, the newest first, and how many there are."""
    own = (
        Subscription.distributor_id == current_scope().distributor_id,
        Subscription.account_id == account_id,
        Subscription.role != SubscriptionRole.COMPONENT,  # never sold by itself
    )
    rows = session.execute(
        select(Subscription, Product.name, SubscriptionCost.unit_cost, SubscriptionCost.currency)
        .join(
            Product, (Product.distributor_id == Subscription.distributor_id) & (Product.id == Subscription.product_id)
        )
        .outerjoin(
            SubscriptionCost,
            (SubscriptionCost.distributor_id == Subscription.distributor_id)
            & (SubscriptionCost.subscription_id == Subscription.id),
        )
        .where(*own)
        .order_by(Subscription.created_at.desc(), Subscription.id.desc())
        .limit(limit)
        .offset(offset)
    )
    found = [
        OwnedSubscription(
            each, name, None if each.bought_by_reseller else each.unit_price, cost, currency or each.currency
        )
        for each, name, cost, currency in rows
    ]
    total = session.scalar(select(func.count()).select_from(Subscription).where(*own)) or 0
    return found, total


def list_customer_assets(account_id: UUID, *, limit: int, offset: int = 0) -> tuple[Sequence[OwnedAsset], int]:
    """Return a page of a customer's assets, the newest first, and how many there are."""
    own = (Asset.distributor_id == current_scope().distributor_id, Asset.account_id == account_id)
    rows = session.execute(
        select(Asset, Product.name)
        .join(Product, (Product.distributor_id == Asset.distributor_id) & (Product.id == Asset.product_id))
        .where(*own)
        .order_by(Asset.created_at.desc(), Asset.id.desc())
        .limit(limit)
        .offset(offset)
    )
    total = session.scalar(select(func.count()).select_from(Asset).where(*own)) or 0
    return [OwnedAsset(each, name, None if each.bought_by_reseller else each.unit_price) for each, name in rows], total


def subscription_history(account_id: UUID, *, limit: int) -> Sequence[tuple[SubscriptionEvent, str, str]]:
    """Return what happened to a customer's subscriptions with their names and codes, the newest first."""
    rows = session.execute(
        select(SubscriptionEvent, Subscription.friendly_name, Subscription.code)
        .join(
            Subscription,
            (Subscription.distributor_id == SubscriptionEvent.distributor_id)
            & (Subscription.id == SubscriptionEvent.subscription_id),
        )
        .where(
            SubscriptionEvent.distributor_id == current_scope().distributor_id, Subscription.account_id == account_id
        )
        .order_by(SubscriptionEvent.at.desc(), SubscriptionEvent.id.desc())
        .limit(limit)
    )
    return [(event, name, code) for event, name, code in rows]
