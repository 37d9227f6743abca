"""More licences for a running subscription: items of a basket that are bound to it (SF-26, RS-27)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from sqlalchemy import select

from app.changes.guards import is_free
from app.core.db import session
from app.core.errors import FieldError
from app.orders.models import BasketItem, OrderItem
from app.subscriptions.machine import Action
from app.subscriptions.models import Subscription, SubscriptionStatus
from tenants.context import current_scope


def subscriptions_of(items: Sequence[BasketItem] | Sequence[OrderItem]) -> Mapping[UUID, Subscription]:
    """Return the subscriptions items add licences to, or are add-ons for; one statement, none where no item is."""
    ids = {each for item in items for each in (item.subscription_id, item.parent_subscription_id) if each is not None}
    if not ids:
        return {}
    found = session.scalars(
        select(Subscription).where(
            Subscription.distributor_id == current_scope().distributor_id, Subscription.id.in_(ids)
        )
    )
    return {each.id: each for each in found}


def added_to(items: Sequence[OrderItem]) -> Mapping[UUID, UUID]:
    """Return the subscriptions that items added licences to, or will, by item; what one made itself is none of them."""
    bound = {
        item.id: item.subscription_id
        for item in items
        if item.subscription_id is not None and item.parent_subscription_id is None and item.parent_item_id is None
    }
    made = {each.id for each in subscriptions_of(items).values() if each.order_item_id in bound}
    return {item_id: to for item_id, to in bound.items() if to not in made}


def held_of(subscription: Subscription | None) -> int:
    """Return how many there are already: limits are about the sum. An item of a trial says all that goes on as paid."""
    return 0 if subscription is None or subscription.trial_ends_on is not None else subscription.quantity


def licence_errors(item: BasketItem | OrderItem, subscription: Subscription | None) -> Iterator[FieldError]:
    """Say why licences cannot be added to the item's subscription."""
    if item.subscription_id is None:
        return
    if subscription is None or subscription.status not in _wanted(subscription):
        yield FieldError(
            "product", "subscription_not_active", "The subscription is not active any more; remove this item"
        )
    elif subscription.trial_ends_on is None and not is_free(subscription, Action.BUY):  # CB-F70, CB-F78
        yield FieldError(
            "product",
            "subscription_busy",
            f"A request for “{subscription.friendly_name}” comes first; withdraw it, or remove this item",
        )


def recipient_errors(subscriptions: Sequence[Subscription], recipient_id: UUID) -> Iterator[FieldError]:
    """Say which added licences belong to somebody else than the order's recipient."""
    for each in subscriptions:
        if each.account_id != recipient_id:
            yield FieldError(
                "end_customer",
                "subscription_of_another",
                f"“{each.friendly_name}” belongs to another company than the order; choose that one or remove the item",
            )


def _wanted(subscription: Subscription) -> tuple[SubscriptionStatus, ...]:
    """A trial may be upgraded for a while after it ended (CB-12); the execution knows for how long."""
    if subscription.trial_ends_on is not None:
        return (SubscriptionStatus.ACTIVE, SubscriptionStatus.EXPIRED)
    return (SubscriptionStatus.ACTIVE,)
