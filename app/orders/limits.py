"""Quantities of an order's items, judged again when it is executed (CB-18)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.catalogue.quantities import quantity_errors
from app.core.errors import FieldError
from app.orders.basket_add_ons import held_add_on
from app.orders.execution_rows import Line
from app.orders.licences import held_of, subscriptions_of
from app.orders.models import DeliveryStatus


def limit_errors(lines: Sequence[Line], *, field: str) -> Iterator[FieldError]:
    """Say which items that still wait are beyond what their product or its type is sold for."""
    waiting = [line for line in lines if line.item.delivery_status is DeliveryStatus.PENDING]
    bound = subscriptions_of([line.item for line in waiting])
    for line in waiting:
        item, product = line.item, line.product
        held = 0
        if item.parent_subscription_id is not None:
            held = held_add_on(bound.get(item.parent_subscription_id), product.id)
        elif item.subscription_id is not None and product.plan_edition is None:
            held = held_of(bound.get(item.subscription_id))
        for error in quantity_errors(product, line.product_type, item.quantity, held=held):
            yield FieldError(field, error.code, f"{item.product_name}: {error.message}")
