"""Custom fields of what people deliver: entered with the delivery (CB-21)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from app.audit.services import Actor
from app.catalogue.models import ProductKind
from app.core.db import session
from app.orders.errors import AlreadyDelivered, OrderItemNotFound
from app.orders.execution_rows import Line, lines_of
from app.orders.models import DeliveryStatus, Order, OrderItem
from app.subscriptions.asset_models import FieldSubject
from app.subscriptions.custom_fields import Answer, Owned, answers_of, fields_to_be, save_answers
from app.subscriptions.queries import find_asset_by_item, find_subscription
from tenants.context import current_scope


def line_to_deliver(order_id: UUID, item_id: UUID) -> Line:
    """Return an item that waits for its delivery. Raises OrderItemNotFound, AlreadyDelivered: also in a sub-order."""
    here = current_scope().distributor_id
    item = session.get(OrderItem, (here, item_id), populate_existing=True)
    order = session.get(Order, (here, item.order_id)) if item is not None else None
    if item is None or order is None or order_id not in (order.id, order.parent_id):
        raise OrderItemNotFound(item_id)
    if item.delivery_status is not DeliveryStatus.PENDING:
        raise AlreadyDelivered(item_id, item.delivery_status)
    return next(line for line in lines_of(order) if line.item.id == item_id)


def fields_of_delivery(line: Line) -> Sequence[Answer]:
    """Return the fields that can be entered with an item's delivery: what it adds to has them already."""
    found = _delivered(line)
    if found is not None:
        return answers_of(found)
    is_asset = line.product_type.kind is ProductKind.ONE_OFF
    return fields_to_be(line.product.id, FieldSubject.ASSET if is_asset else FieldSubject.SUBSCRIPTION)


def keep_fields(line: Line, fields: Mapping[UUID, str], *, actor: Actor, at: datetime) -> None:
    """Enter what was said of a delivered item; nothing where its delivery failed. Raises Invalid at the field's id."""
    found = _delivered(line) if fields else None
    if found is not None:
        save_answers(found, fields, actor=actor, at=at)


def _delivered(line: Line) -> Owned | None:
    if line.product_type.kind is ProductKind.ONE_OFF:
        return find_asset_by_item(line.item.id)
    return find_subscription(line.item.subscription_id) if line.item.subscription_id is not None else None
