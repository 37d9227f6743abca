"""Taking orders away that nothing came of: no item, no event, no held alias, no name and no kept answer is left (CB-18)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update

from app.audit.services import Actor, record
from app.core.db import session
from app.orders.errors import WrongOrderState
from app.orders.execution_rows import lock_order_by_number
from app.orders.models import (
    IdempotencyKey,
    Order,
    OrderChannel,
    OrderEvent,
    OrderItem,
    OrderItemCost,
    OrderItemVendorCost,
    OrderStatus,
    OrderWork,
)
from app.orders.offers.models import Offer
from app.orders.prechecks.models import ServiceCheck
from app.orders.shares.models import OrderShare
from app.resellers.aliases import release_alias
from app.subscriptions.domains.services import drop_names
from tenants.context import current_scope


def may_delete(status: OrderStatus, channel: OrderChannel) -> bool:
    """Whether an order can be deleted: staff's own, not executed. What somebody else placed is canceled, and stays."""
    return status is OrderStatus.SUBMITTED and channel is OrderChannel.BSS


def delete_order(number: str, *, actor: Actor, at: datetime) -> None:
    """Delete an order that staff has recorded and nobody executed; an offer it came from can be converted again.

    The caller has looked at the right to do so. Raises OrderNotFound, WrongOrderState. Needs the distributor's scope.
    """
    order = lock_order_by_number(number)
    if not may_delete(order.status, order.channel):
        raise WrongOrderState(order.number, order.status)
    record(
        "order.deleted", actor=actor, at=at, target_kind="order", target_id=order.id,
        before={"number": order.number, "name": order.name, "net_total": order.net_total},
    )  # fmt: skip
    session.execute(
        update(Offer)
        .where(Offer.distributor_id == order.distributor_id, Offer.order_id == order.id)
        .values(order_id=None),
        execution_options={"synchronize_session": "fetch"},
    )
    remove_orders([order.id])


def remove_orders(ids: Collection[UUID]) -> None:
    """Delete orders with all that hangs on them; locked by the caller. Needs the distributor's scope."""
    here = current_scope().distributor_id
    session.flush()
    items = session.scalars(
        select(OrderItem.id).where(OrderItem.distributor_id == here, OrderItem.order_id.in_(ids))
    ).all()
    for item_id in items:
        release_alias(item_id)
        drop_names(item_id)
    for statement in (
        delete(OrderItemCost).where(OrderItemCost.distributor_id == here, OrderItemCost.item_id.in_(items)),
        delete(OrderItemVendorCost).where(
            OrderItemVendorCost.distributor_id == here, OrderItemVendorCost.item_id.in_(items)
        ),
        delete(OrderWork).where(OrderWork.distributor_id == here, OrderWork.order_id.in_(ids)),
        delete(OrderShare).where(OrderShare.distributor_id == here, OrderShare.order_id.in_(ids)),
        delete(OrderEvent).where(OrderEvent.distributor_id == here, OrderEvent.order_id.in_(ids)),
        delete(IdempotencyKey).where(
            IdempotencyKey.distributor_id == here,
            IdempotencyKey.answer["order_id"].as_string().in_([str(each) for each in ids]),
        ),
        delete(ServiceCheck).where(ServiceCheck.distributor_id == here, ServiceCheck.item_id.in_(items)),
        delete(OrderItem).where(
            OrderItem.distributor_id == here, OrderItem.order_id.in_(ids), OrderItem.parent_item_id.is_not(None)
        ),
        delete(OrderItem).where(OrderItem.distributor_id == here, OrderItem.order_id.in_(ids)),
        delete(Order).where(Order.distributor_id == here, Order.id.in_(ids)),
    ):
        session.execute(statement.execution_options(synchronize_session="fetch"))
