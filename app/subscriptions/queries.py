"""Reads of subscriptions and assets. What the scope does not reach does not exist."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID

from sqlalchemy import select

from app.core.db import session
from app.subscriptions.errors import SubscriptionNotFound
from app.subscriptions.models import Asset, Subscription, SubscriptionEvent, SubscriptionStatus
from tenants.context import current_scope


def get_subscription(code: str) -> Subscription:
    """Return a subscription by what people quote, such as SUB-000142; raises SubscriptionNotFound."""
    found = session.scalar(
        select(Subscription).where(
            Subscription.distributor_id == current_scope().distributor_id, Subscription.code == code
        )
    )
    if found is None:
        raise SubscriptionNotFound(code)
    return found


def find_subscription(subscription_id: UUID) -> Subscription | None:
    """Return a subscription by id, or None where it is out of reach."""
    return session.scalar(
        select(Subscription).where(
            Subscription.distributor_id == current_scope().distributor_id, Subscription.id == subscription_id
        )
    )


def find_subscription_for_update(subscription_id: UUID) -> Subscription | None:
    """Return a subscription as it stands, locked until the transaction ends."""
    return session.scalar(
        select(Subscription)
        .where(Subscription.distributor_id == current_scope().distributor_id, Subscription.id == subscription_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def live_of_products(account_id: UUID, product_ids: Collection[UUID]) -> Sequence[Subscription]:
    """Return what an account has, or is about to have, of some products, the oldest first (CB-10)."""
    return session.scalars(
        select(Subscription)
        .where(
            Subscription.distributor_id == current_scope().distributor_id,
            Subscription.account_id == account_id,
            Subscription.product_id.in_(product_ids),
            Subscription.status.not_in((SubscriptionStatus.CANCELED, SubscriptionStatus.EXPIRED)),
        )
        .order_by(Subscription.created_at, Subscription.id)
    ).all()


def find_by_item(order_item_id: UUID) -> Subscription | None:
    """Return the subscription an order item made, if it made one."""
    return session.scalar(
        select(Subscription).where(
            Subscription.distributor_id == current_scope().distributor_id,
            Subscription.order_item_id == order_item_id,
        )
    )


def find_asset_by_item(order_item_id: UUID) -> Asset | None:
    """Return the asset an order item made, if it made one."""
    return session.scalar(
        select(Asset).where(
            Asset.distributor_id == current_scope().distributor_id, Asset.order_item_id == order_item_id
        )
    )


def codes_of(subscription_ids: Iterable[UUID | None]) -> Mapping[UUID, str]:
    """Return what people quote of subscriptions within reach; one statement, none for no ids."""
    wanted = {each for each in subscription_ids if each is not None}
    if not wanted:
        return {}
    rows = session.execute(
        select(Subscription.id, Subscription.code).where(
            Subscription.distributor_id == current_scope().distributor_id, Subscription.id.in_(wanted)
        )
    )
    return {row.id: row.code for row in rows}


def list_events(subscription_id: UUID) -> Sequence[SubscriptionEvent]:
    """Return a subscription's history, oldest first."""
    return session.scalars(
        select(SubscriptionEvent)
        .where(
            SubscriptionEvent.distributor_id == current_scope().distributor_id,
            SubscriptionEvent.subscription_id == subscription_id,
        )
        .order_by(SubscriptionEvent.at, SubscriptionEvent.id)
    ).all()
