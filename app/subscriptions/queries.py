"""Reads of subscriptions and assets. What the scope does not reach does not exist."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, or_, select

from app.core.db import session
from app.subscriptions.errors import SubscriptionNotFound
from app.subscriptions.models import Asset, Subscription, SubscriptionEvent, SubscriptionRole, SubscriptionStatus
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


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """A line of a subscription's history, or of one of its add-ons, which it names then."""

    at: datetime
    kind: str
    text: str
    quantity_after: int | None
    actor_name: str | None
    add_on_name: str | None = None


def list_history(subscription_id: UUID) -> Sequence[HistoryLine]:
    """Return a subscription's history with what was bought and canceled of its add-ons, oldest first (CB-23)."""
    rows = session.execute(
        select(SubscriptionEvent, Subscription.friendly_name, Subscription.id)
        .join(
            Subscription,
            (Subscription.distributor_id == SubscriptionEvent.distributor_id)
            & (Subscription.id == SubscriptionEvent.subscription_id),
        )
        .where(
            SubscriptionEvent.distributor_id == current_scope().distributor_id,
            or_(
                Subscription.id == subscription_id,
                and_(
                    Subscription.parent_id == subscription_id,
                    Subscription.role == SubscriptionRole.ADD_ON,
                    SubscriptionEvent.quantity_change.is_not(None),
                ),
            ),
        )
        .order_by(SubscriptionEvent.at, SubscriptionEvent.id)
    )
    return [
        HistoryLine(event.at, event.kind, event.text, event.quantity_after, event.actor_name,
                    None if owner_id == subscription_id else name)
        for event, name, owner_id in rows
    ]  # fmt: skip
