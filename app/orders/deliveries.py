"""How far the delivery of an order item has come, and since when: what its buyer's bell tells of (SF-34)."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.orders.models import DeliveryStatus, Order, OrderItem

ORDER_CLOCK_LAGS = timedelta(hours=1)  # at most, behind its items: seldom moved, for an index stands on it


def move_delivery(
    order: Order, item: OrderItem, status: DeliveryStatus, *, at: datetime, reason: str | None = None
) -> None:
    """Give an item its delivery status; `reason` says why it failed, for staff. The order is locked by the caller."""
    item.delivery_status, item.failure_reason, item.delivery_changed_at = status, reason, at
    if order.delivery_changed_at is None or order.delivery_changed_at < at - ORDER_CLOCK_LAGS:
        order.delivery_changed_at = at
