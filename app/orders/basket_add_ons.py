"""Add-ons for a running subscription: items of a basket that name it (SF-45, CB-27)."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from app.catalogue.models import Product
from app.catalogue.paths import allowed_add_ons
from app.changes.guards import is_free
from app.core.errors import FieldError
from app.subscriptions.add_ons import list_add_ons
from app.subscriptions.machine import Action
from app.subscriptions.models import Subscription, SubscriptionRole, SubscriptionStatus, SyncStatus


def held_add_on(parent: Subscription | None, product_id: UUID) -> int:
    """Return how many of an add-on a subscription has: limits are about the sum."""
    if parent is None:
        return 0
    return next((each.quantity for each in list_add_ons(parent.id) if each.product_id == product_id), 0)


def add_on_errors(parent: Subscription | None, product: Product, quantity: int) -> Iterator[FieldError]:
    """Say why an add-on cannot be bought for its subscription now."""
    if parent is None or parent.status is not SubscriptionStatus.ACTIVE or parent.role is not SubscriptionRole.MAIN:
        yield FieldError("product", "parent_not_active", "Its subscription is not active any more; remove this item")
        return
    allowed = next((each for each in allowed_add_ons(parent.product_id) if each.product.id == product.id), None)
    if allowed is None:
        yield FieldError("product", "add_on_not_allowed", f"{product.name} is no add-on of “{parent.friendly_name}”")
        return
    if parent.sync_status is SyncStatus.FAILED or not is_free(parent, Action.BUY):
        yield FieldError(
            "product",
            "subscription_busy",
            f"A request for “{parent.friendly_name}” comes first; withdraw it, or remove this item",
        )
    held = held_add_on(parent, product.id)
    if allowed.is_quantity_linked and (held or quantity != parent.quantity):
        words = f"There are as many as licences: {parent.quantity}" if not held else "It follows the number of licences"
        yield FieldError("quantity", "quantity_linked", words)
