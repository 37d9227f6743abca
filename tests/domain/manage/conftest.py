"""Every table is known: subscriptions refer to order items, whose package these tests do not import themselves."""

from __future__ import annotations

from app.orders.models import OrderItem

assert OrderItem.__tablename__ == "order_items"
